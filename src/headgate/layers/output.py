"""What a layer's states become: the outputs of the papers."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from headgate.equations.activations import Activation, lookup
from headgate.layers.linear import Linear


class Output(nn.Module):
    """An output y = f(W_y h + b): tanh, any named f, linear (o = c + V h), or softmax.

    Args:
        hidden_size: units N of the state.
        output_size: units L of the output.
        activation: a key of ``ACTIVATIONS``, "softmax", or a function; linear by default.
        bias: whether b is there.

    Raises:
        UnknownNameError: no activation has that name.

    Example:
        >>> import torch
        >>> Output(4, 2, activation="softmax")(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        hidden_size: int,
        output_size: int,
        *,
        activation: str | Activation = "linear",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.linear = Linear(hidden_size, output_size, bias=bias)
        self.activation = softmax if activation == "softmax" else lookup(activation)

    def forward(self, h: Float[Tensor, "*rows N"]) -> Float[Tensor, "*rows L"]:
        """Compute the output of every state.

        Args:
            h: states, [..., N].

        Returns:
            Outputs, [..., L].
        """
        return self.activation(self.linear(h))


def softmax(a: Tensor) -> Tensor:
    """Scale each row to positive numbers that sum to one.

    Args:
        a: rows, [..., L].

    Returns:
        Rows, [..., L].
    """
    return a.softmax(-1)
