"""What a decoder keeps of its source and of its own steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from headgate.layers.attention import Keys


@dataclass(frozen=True)
class Memory:
    """What the decoder needs of a source: all that a beam has to keep, row by row.

    Args:
        states: the decoder's states, each [layers, B, N].
        keys: the encoder's states, ready to be looked at; None without attention.
        looked: the attention so far, summed over the steps of a search, [B, S]; likewise.
        fed: what the output layer took at the step before, where that is fed back, [B, E].
    """

    states: tuple[Tensor, ...]
    keys: Keys | None = None
    looked: Tensor | None = None
    fed: Tensor | None = None

    def select(self, rows: Tensor) -> Memory:
        """Keep, repeat or reorder rows.

        Args:
            rows: which rows, [J].

        Returns:
            The memory of these rows.
        """
        return Memory(
            tuple(state[:, rows] for state in self.states),
            None if self.keys is None else self.keys.select(rows),
            None if self.looked is None else self.looked[rows],
            None if self.fed is None else self.fed[rows],
        )

    def after(self, last: Tensor | tuple[Tensor, ...], fed: Tensor | None = None) -> Memory:
        """Give the memory after a step, or several.

        Args:
            last: the states that the decoder's layers gave.
            fed: what is fed to the next step, [B, E].

        Returns:
            The memory of the same source.
        """
        states = (last,) if isinstance(last, Tensor) else last
        return replace(self, states=states, fed=fed)

    def having_looked(self, weights: Tensor | None) -> Memory:
        """Add the attention of one step of a search.

        Args:
            weights: the attention weights, [B, 1, S]; None without attention.

        Returns:
            The memory with the sum.
        """
        if self.looked is None or weights is None:
            return self
        return replace(self, looked=self.looked + weights[:, 0])
