"""A linear layer whose answers do not depend on what stands beside them."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from headgate.kernels.linear import linear


class Linear(nn.Linear):
    """torch.nn.Linear that gives each row the same bits alone, in a batch and in a stream.

    So it does where no gradient is wanted and the native part serves; in training it is torch's.

    Example:
        >>> import torch
        >>> Linear(3, 2)(torch.zeros(5, 3)).shape
        torch.Size([5, 2])
    """

    def forward(self, input: Float[Tensor, "*rows M"]) -> Float[Tensor, "*rows L"]:
        """Compute W x + b.

        Args:
            input: rows, [..., M].

        Returns:
            Rows, [..., L].
        """
        return linear(input, self.weight, self.bias)
