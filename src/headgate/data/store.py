"""Rows of cells as UTF-8, in memory while they are few, in a temporary file where they are many."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import overload

from torch import Tensor

from headgate.data.columns import Cell, Table
from headgate.data.spill import IN_MEMORY, Spill

_PLACE = "q"  # 64 bits
_AT_ONCE = 1 << 18  # bytes and cells that are gathered before they are written
_LINES_AT_ONCE = 4096
_SEQUENCE = b"\xff"  # no text in UTF-8 begins so: what follows is a sequence of texts, as JSON


class RowWriter:
    """Takes rows one by one.

    Args:
        width: cells of a row.
        limit: bytes up to which they stay in memory.
    """

    def __init__(self, width: int, *, limit: int = IN_MEMORY) -> None:
        self.width = width
        self._cells, self._ends = Spill(limit), Spill(limit)
        self._waiting: list[bytes] = []
        self._size = 0  # of what waits
        self._end = 0  # of what is written

    def append(self, row: Sequence[Cell]) -> None:
        """Add a row.

        Args:
            row: ``width`` cells.

        Raises:
            OutputError: the disk is full.
        """
        for cell in row:
            assert not isinstance(cell, Tensor)  # which no reader of rows gives
            data = cell.encode() if isinstance(cell, str) else _packed(cell)
            self._waiting.append(data)
            self._size += len(data)
        if self._size + len(self._waiting) > _AT_ONCE:
            self._flush()

    def rows(self) -> StoredRows:
        """End the writing.

        Returns:
            The rows.

        Raises:
            OutputError: the disk is full.
        """
        self._flush()
        ends = self._ends.view().cast(_PLACE)
        return StoredRows(self._cells.view(), ends, self.width)

    def _flush(self) -> None:
        """Write what waits, in two pieces: a call for every cell would take most of the time."""
        ends = array(_PLACE, accumulate(map(len, self._waiting), initial=self._end))
        self._cells.write(b"".join(self._waiting))
        self._ends.write(memoryview(ends)[1:].cast("B"))
        self._end, self._waiting, self._size = ends[-1], [], 0


class TableWriter:
    """Takes the rows of a table with the lines that they come from.

    Args:
        form: a table with the columns and the notes; its rows are not taken.
        limit: bytes of cells up to which they stay in memory.
    """

    def __init__(self, form: Table, *, limit: int = IN_MEMORY) -> None:
        self._form = form
        self._rows = RowWriter(len(form.columns), limit=limit)
        self._lines = Spill(limit)
        self._waiting = array(_PLACE)

    def add(self, table: Table, *, start: int = 0) -> None:
        """Add the rows of a table.

        Args:
            table: one with the same columns.
            start: the first of its rows that is taken.
        """
        for row, line in zip(table.rows[start:], table.lines[start:], strict=True):
            self.append(row, line)

    def append(self, row: Sequence[Cell], line: int) -> None:
        """Add a row.

        Args:
            row: its cells.
            line: where it starts in the file, counted from 1.

        Raises:
            OutputError: the disk is full.
        """
        self._rows.append(row)
        self._waiting.append(line)
        if len(self._waiting) >= _LINES_AT_ONCE:
            self._flush()

    def table(self) -> Table:
        """End the writing.

        Returns:
            The table.

        Raises:
            OutputError: the disk is full.
        """
        self._flush()
        lines = self._lines.view().cast(_PLACE)
        return replace(self._form, rows=self._rows.rows(), lines=lines)

    def _flush(self) -> None:
        self._lines.write(memoryview(self._waiting).cast("B"))
        self._waiting = array(_PLACE)


class StoredRows(Sequence[Sequence[Cell]]):
    """Rows that become Python objects when they are asked for, and not before.

    Args:
        cells: every cell, one after the other, as UTF-8.
        ends: where each of them ends, 64 bits each.
        width: cells of a row.
    """

    def __init__(self, cells: memoryview, ends: memoryview, width: int) -> None:
        self._cells, self._ends, self._width = cells, ends, width

    def __len__(self) -> int:
        return len(self._ends) // self._width

    @overload
    def __getitem__(self, index: int) -> list[Cell]: ...

    @overload
    def __getitem__(self, index: slice) -> list[list[Cell]]: ...

    def __getitem__(self, index: int | slice) -> list[Cell] | list[list[Cell]]:
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        first = range(len(self))[index] * self._width
        return [self.cell(place) for place in range(first, first + self._width)]

    def __iter__(self) -> Iterator[list[Cell]]:
        return map(self.__getitem__, range(len(self)))

    def cell(self, place: int) -> Cell:
        """Give one cell.

        Args:
            place: counted from 0 over all rows, left to right.

        Returns:
            The cell.
        """
        start = self._ends[place - 1] if place else 0
        return _unpacked(bytes(self._cells[start : self._ends[place]]))

    def column(self, index: int) -> StoredColumn:
        """Give one column.

        Args:
            index: counted from 0.

        Returns:
            Its cells, which stay where they are.
        """
        return StoredColumn(self, range(index, len(self._ends), self._width))


class StoredColumn(Sequence[Cell]):
    """One column of rows that are stored.

    Args:
        rows: the rows.
        places: of its cells among all.
    """

    def __init__(self, rows: StoredRows, places: Sequence[int]) -> None:
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Cell: ...

    @overload
    def __getitem__(self, index: slice) -> StoredColumn: ...

    def __getitem__(self, index: int | slice) -> Cell | StoredColumn:
        if isinstance(index, slice):
            return StoredColumn(self._rows, self._places[index])
        return self._rows.cell(self._places[index])

    def __iter__(self) -> Iterator[Cell]:
        return map(self._rows.cell, self._places)

    def take(self, rows: Sequence[int]) -> StoredColumn:
        """Keep some rows; their cells stay where they are.

        Args:
            rows: which, counted from 0.

        Returns:
            The cells of these rows, in their order.
        """
        return StoredColumn(self._rows, array(_PLACE, (self._places[row] for row in rows)))


def _packed(cell: Sequence[str]) -> bytes:
    return _SEQUENCE + json.dumps(cell, ensure_ascii=False).encode()


def _unpacked(data: bytes) -> Cell:
    if data[:1] == _SEQUENCE:
        return tuple(json.loads(data[1:]))
    return data.decode()
