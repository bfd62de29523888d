"""Sequences of ids of unequal lengths: flat, four bytes an id, on disk where they are many."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import overload

import torch
from jaxtyping import Int
from torch import Tensor

from headgate.data.spill import IN_MEMORY, Spill
from headgate.errors import ShapeError

_ID, _PLACE = "i", "q"  # 32 and 64 bits


class Ragged(Sequence[Sequence[int]]):
    """Rows of ids, none of which is a Python object until it is asked for.

    A list of lists costs 8 bytes an id and 60 a row, all in memory; this costs 4 and 8, and lies
    in a temporary file above a limit.

    Args:
        ids: all rows, one after the other, 32 bits each.
        ends: where each row ends in ``ids``, 64 bits each.
    """

    def __init__(self, ids: memoryview, ends: memoryview) -> None:
        self._ids, self._ends = ids, ends

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]], *, limit: int = IN_MEMORY) -> Ragged:
        """Store rows as they come; no two need be in memory at once.

        Args:
            rows: the ids of each row.
            limit: bytes of ids, and of rows' ends, up to which they stay in memory.

        Returns:
            The rows.

        Raises:
            ShapeError: an id needs more than 32 bits.
            OutputError: the disk is full.

        Example:
            >>> rows = Ragged.of([[5, 6, 7], [], [8]])
            >>> len(rows), rows[0], rows[-2], rows.take([2, 0])
            (3, [5, 6, 7], [], [[8], [5, 6, 7]])
        """
        ids, ends = Spill(limit), Spill(limit)
        end = 0
        for number, row in enumerate(rows):
            try:
                ids.write(memoryview(array(_ID, row)).cast("B"))
            except OverflowError:
                message = f"ids of 32 bits were wanted, and row {number} has {max(row, key=abs)}"
                raise ShapeError(message) from None
            end += len(row)
            ends.write(end.to_bytes(8, sys.byteorder))
        return cls(ids.view().cast(_ID), ends.view().cast(_PLACE))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> list[int]: ...

    @overload
    def __getitem__(self, index: slice) -> list[list[int]]: ...

    def __getitem__(self, index: int | slice) -> list[int] | list[list[int]]:
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        place = range(len(self))[index]
        start = self._ends[place - 1] if place else 0
        return self._ids[start : self._ends[place]].tolist()

    def __iter__(self) -> Iterator[list[int]]:
        start = 0
        for end in self._ends:
            yield self._ids[start:end].tolist()
            start = end

    def take(self, rows: Sequence[int]) -> list[list[int]]:
        """Give some rows.

        Args:
            rows: which, counted from 0.

        Returns:
            Their ids.
        """
        return [self[row] for row in rows]

    @property
    def lengths(self) -> array[int]:
        """The length of every row, 4 bytes each."""
        starts = chain((0,), self._ends)
        return array(_ID, (end - start for start, end in zip(starts, self._ends, strict=False)))

    @property
    def flat(self) -> Int[Tensor, "T"]:
        """All rows, one after the other, int32 [T]; the same memory, none is copied."""
        if not len(self._ids):
            return torch.zeros(0, dtype=torch.int32)
        return torch.frombuffer(self._ids, dtype=torch.int32)

    def row_of(self, place: int) -> int:
        """Find the row of an id by its place in ``flat``.

        Args:
            place: counted from 0.

        Returns:
            The row.
        """
        return bisect_right(self._ends, place)
