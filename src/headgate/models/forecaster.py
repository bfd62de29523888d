"""Values so far to what is said of the next one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from headgate.errors import ShapeError
from headgate.layers import Linear, Recurrent
from headgate.layers.recurrent import States


class Forecaster(nn.Module):
    """Recurrent layers over features of each step, and beside them a regression on lagged values.

    The layers' head gives ``size`` numbers for each of L values of a step; the regression is
    added to the first of them, the place on the line. So the layers have to learn only what a
    straight regression does not (Lai, Chang, Yang & Liu, "LSTNet", 2018).

    Args:
        recurrent: any cell, in one direction, time first.
        values: L, values of a step.
        size: numbers that stand for a value.
        lagged: how many of the first features the regression sees.
        labels: for each label of a series how many kinds there are of it, the unknown one
            included, and how many features it has.
        dropout: the probability that a unit of the last layer is dropped.

    Raises:
        ShapeError: the layers read in both directions, or do not take what the features and the
            labels give.
    """

    def __init__(
        self,
        recurrent: Recurrent,
        *,
        values: int,
        size: int,
        lagged: int,
        labels: Sequence[tuple[int, int]] = (),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if recurrent.bidirectional or recurrent.batch_first:
            raise ShapeError(
                "a forecaster takes layers of one direction that have the time first: leave "
                "bidirectional=True and batch_first=True out"
            )
        self.values, self.size, self.lagged = values, size, lagged
        self.recurrent, self.dropout = recurrent, nn.Dropout(dropout)
        self.embeddings = nn.ModuleList(nn.Embedding(*each) for each in labels)
        if recurrent.input_size - sum(size for _, size in labels) < lagged:
            raise ShapeError(
                f"the layers take {recurrent.input_size} features, fewer than {lagged} lagged "
                f"values and {len(labels)} labels give"
            )
        self.head = Linear(recurrent.output_size, values * size)
        self.direct = Linear(lagged, values, bias=False)
        for start in (self.head.weight, self.head.bias, self.direct.weight):
            nn.init.zeros_(start)

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The chain of modules as a stream takes them; the regression stands beside it."""
        return self.recurrent, self.dropout, self.head

    def described(
        self, x: Float[Tensor, "T B _"], labels: Int[Tensor, "B _"]
    ) -> Float[Tensor, "T B M"]:
        """Put what the labels of each row say beside its features.

        Args:
            x: features of each step.
            labels: of each row, one for each kind of label.

        Returns:
            What the layers take.
        """
        if not len(self.embeddings):
            return x
        known = [table(labels[:, i]) for i, table in enumerate(self.embeddings)]
        beside = torch.cat(known, -1).expand(x.shape[0], -1, -1)
        return torch.cat([x, beside], -1)

    def said(
        self, found: Float[Tensor, "*rows _"], x: Float[Tensor, "*rows _"]
    ) -> Float[Tensor, "*rows L _"]:
        """Add the regression to what comes out of ``parts``.

        Args:
            found: what the head gave.
            x: the features of the same steps.

        Returns:
            The numbers of each value, [..., L, size].
        """
        raw = found.unflatten(-1, (self.values, self.size))
        place = raw[..., :1] + self.direct(x[..., : self.lagged])[..., None]
        return torch.cat([place, raw[..., 1:]], -1)

    def forward(
        self,
        x: Float[Tensor, "T B _"],
        labels: Int[Tensor, "B _"],
        state: States | None = None,
        lengths: Int[Tensor, "B"] | None = None,
    ) -> tuple[Float[Tensor, "T B L _"], States]:
        """Say of each step what its values may be, from features that know none of them.

        Args:
            x: features of each step.
            labels: of each row.
            state: what an earlier call left; as the layers begin where None.
            lengths: steps of each row; past them nothing is meant.

        Returns:
            The numbers of each value, [T, B, L, size]; the state after each row's last step.
        """
        y, last = self.recurrent(self.described(x, labels), state, lengths=lengths)[:2]
        return self.said(self.head(self.dropout(y)), x), last
