"""Many to one: an input to its class, or to a number."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from headgate.layers import Linear, Recurrent
from headgate.models.pooling import Pool


class Classifier(nn.Module):
    """Embedding, recurrent layers, a pool over the steps, one linear layer.

    Args:
        embedding: from ids, or from frames, to vectors.
        recurrent: any cell.
        classes: number of classes V; or of the numbers that are given.
        pool: a key of ``POOLS``.
        dropout: the probability that a pooled unit is dropped.

    Raises:
        UnknownNameError: no pool has that name.
    """

    def __init__(
        self,
        embedding: nn.Module,
        recurrent: Recurrent,
        *,
        classes: int,
        pool: str = "mean+max",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding, self.recurrent, self.pool = (
            embedding,
            recurrent,
            Pool(pool, recurrent.output_size),
        )
        width = self.pool.pooling.width * recurrent.output_size
        self.head = nn.Sequential(nn.Dropout(dropout), Linear(width, classes))

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """What each step goes through, in order."""
        return self.embedding, self.recurrent, self.pool, self.head

    def forward(
        self, x: Shaped[Tensor, "B T *rows"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B V"]:
        """Score the classes of every text.

        Args:
            x: token ids, [B, T], or frames, [B, T, …].
            lengths: tokens of each text, [B], each at least 1.

        Returns:
            Logits, [B, V].
        """
        y, _ = self.recurrent(self.embedding(x), lengths=lengths)[:2]
        valid = torch.arange(y.shape[0], device=y.device)[:, None] < lengths.to(y.device)
        return self.head(self.pool(y, valid))
