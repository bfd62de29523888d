"""Rows of different lengths packed into one matrix that has no row for padding.

The rows are ordered by length, the longest first, and the steps stand one after the other: step t
has as many rows as still run, and its first row is ``offsets[t]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Where each step of each row stands.

    Args:
        steps: T of the padded batch.
        rows: B.
        offsets: the packed row at which each step begins, and how many there are in all.
        reverse: a dense batch is run from its last step to its first, where it stands.
        order: the place in the batch of each packed row of a step; None where it is the same.
        index: the padded row t · B + b of each packed row; None where it is the same.
    """

    steps: int
    rows: int
    offsets: Tensor
    reverse: bool = False
    order: Tensor | None = None
    index: Tensor | None = None

    @staticmethod
    def of(steps: int, rows: int, *, lengths: Tensor | None, reverse: bool) -> Layout:
        """Lay out a batch.

        Args:
            steps: T.
            rows: B.
            lengths: the steps of each row, [B]; all T where None.
            reverse: run each row from its own last step to its first.

        Returns:
            The layout.
        """
        if lengths is None:
            return _dense(steps, rows, reverse)
        order = torch.argsort(lengths, descending=True, stable=True)
        ordered = lengths[order]
        time = torch.arange(int(lengths.max()))[:, None]
        runs = time < ordered
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), runs.sum(1).cumsum(0)])
        time = (ordered - 1 - time) if reverse else time.expand(-1, rows)
        index = (time * rows + order)[runs]
        return Layout(steps, rows, offsets, False, order, index)

    @property
    def run(self) -> int:
        """How many steps are run: those of the longest row."""
        return len(self.offsets) - 1

    @cached_property
    def places(self) -> list[int]:
        """The offsets as numbers."""
        return self.offsets.tolist()

    @cached_property
    def gaps(self) -> Tensor:
        """The padded rows past the end of their sequence."""
        used = torch.zeros(self.steps * self.rows, dtype=torch.bool)
        used[self.index] = True
        return torch.nonzero(~used)[:, 0]

    def pad(self, packed: Tensor) -> Tensor:
        """Put packed rows back into a padded batch.

        Args:
            packed: the rows, [R, N].

        Returns:
            [T, B, N], zeros where nothing was packed.
        """
        shape = (self.steps, self.rows, packed.shape[-1])
        if self.index is None:
            return packed.view(shape)
        # not zeros for all: memory that comes zeroed is memory that was never touched, and slow
        padded = packed.new_empty(shape)
        rows = padded.view(-1, shape[-1])
        rows.index_copy_(0, self.index, packed).index_fill_(0, self.gaps, 0.0)
        return padded

    def room(self, size: int, *, like: Tensor) -> tuple[Tensor | None, Tensor]:
        """Make room for values at every step.

        Args:
            size: the units N.
            like: a tensor of the same dtype.

        Returns:
            The padded tensor [T, B, N] where the packed rows [R, N] are a view of it, or None.
        """
        if self.index is not None:
            return None, like.new_empty(len(self.index), size)
        padded = like.new_empty(self.steps, self.rows, size)
        return padded, padded.view(-1, size)

    def sort(self, state: Tensor) -> Tensor:
        """Bring a state [B, N] into the order of the packed rows."""
        return state.contiguous() if self.order is None else state.index_select(0, self.order)

    def unsort(self, state: Tensor) -> Tensor:
        """Bring a state [B, N] back into the order of the batch."""
        if self.order is None:
            return state
        return torch.empty_like(state).index_copy_(0, self.order, state)

    def spans(self, count: int) -> list[Span]:
        """Cut the steps into so many spans of nearly equal length, in the order of the run.

        Args:
            count: how many.

        Returns:
            The spans.
        """
        cuts = [self.run * i // count for i in range(count + 1)]
        spans = [Span(self, a, b) for a, b in pairwise(cuts) if a < b]
        return spans[::-1] if self.reverse else spans


@lru_cache(maxsize=256)
def _dense(steps: int, rows: int, reverse: bool) -> Layout:
    return Layout(steps, rows, torch.arange(steps + 1) * rows, reverse)


@dataclass(frozen=True)
class Span:
    """Steps [begin, end) of a layout.

    Args:
        layout: the layout.
        begin: the first step.
        end: the step after the last.
    """

    layout: Layout
    begin: int
    end: int

    @property
    def slice(self) -> slice:
        """Its packed rows."""
        return slice(self.layout.places[self.begin], self.layout.places[self.end])

    @cached_property
    def offsets(self) -> Tensor:
        """The first row of each of its steps, counted from its own first row."""
        return (self.layout.offsets[self.begin : self.end + 1] - self.slice.start).contiguous()

    @property
    def active(self) -> int:
        """The rows of its first step, which has the most."""
        return self.layout.places[self.begin + 1] - self.layout.places[self.begin]

    def pack(self, padded: Tensor) -> Tensor:
        """Pack the steps of a span.

        Args:
            padded: the whole batch, [T, B, N].

        Returns:
            The rows, [R, N], contiguous.
        """
        units = padded.shape[-1]
        if self.layout.index is None:
            return padded[self.begin : self.end].reshape(-1, units).contiguous()
        return padded.reshape(-1, units).index_select(0, self.layout.index[self.slice])

    def before(self, series: Tensor, initial: Tensor) -> Tensor:
        """Give the state before a span.

        Args:
            series: the state after each step of the whole run, [R, N].
            initial: the state before the whole run, [B, N].

        Returns:
            At least as many rows as the first step has.
        """
        places = self.layout.places
        step = self.end if self.layout.reverse else self.begin - 1
        if step < 0 or step >= self.layout.run:
            return initial
        return series[places[step] : places[step + 1]]

    def last(self, series: Tensor, before: Tensor) -> Tensor:
        """Give the state after a span: each row's own last one, or the one it had.

        Args:
            series: the state after each step, [R, N].
            before: the state before the span, [B, N].

        Returns:
            [B, N], memory of its own.
        """
        if self.layout.order is None:
            rows = self.layout.rows
            return (series[:rows] if self.layout.reverse else series[len(series) - rows :]).clone()
        sizes = self.offsets[1:] - self.offsets[:-1]
        steps = (sizes[:, None] > torch.arange(self.active)).sum(0)
        place = self.offsets[steps - 1] + torch.arange(self.active)
        after = before.clone()
        after[: self.active] = series.index_select(0, place)
        return after

    def previous(self, series: Tensor, before: Tensor) -> list[tuple[slice, Tensor]]:
        """Give the state before every step, as pairs of packed rows and their states.

        Args:
            series: the state after each step, [R, N].
            before: the state before the span; at least as many rows as its first step has.

        Returns:
            Slices that together cover the rows.
        """
        rows, count = self.layout.rows, len(series)
        if self.layout.order is None:
            if self.layout.reverse:
                pairs = [
                    (slice(0, count - rows), series[rows:]),
                    (slice(count - rows, count), before),
                ]
            else:
                pairs = [(slice(rows, count), series[: count - rows]), (slice(0, rows), before)]
            return [pair for pair in pairs if pair[0].start < pair[0].stop]
        # each row goes on from its own row of the step before
        operand = series.new_empty(count, series.shape[1])
        operand[: self.active] = before[: self.active]
        sizes = (self.offsets[2:] - self.offsets[1:-1]).clamp(min=0)
        back = (self.offsets[1:-1] - self.offsets[:-2]).repeat_interleave(sizes)
        place = torch.arange(self.active, count) - back
        operand[self.active :] = series.index_select(0, place)
        return [(slice(0, count), operand)]
