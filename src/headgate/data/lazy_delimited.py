"""Fields between separators, a row at a time; ``delimited`` reads the same from a text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from headgate.data.columns import Table
from headgate.data.delimited import QUOTING, Wishes, read_delimited
from headgate.data.store import TableWriter
from headgate.data.text_stream import TextFile
from headgate.errors import DataError

_LARGEST_FIELD = 2**31 - 1  # characters
_KEPT = 1 << 24  # characters of a row that are kept for its error


def read_delimited_lazily(
    file: TextFile, separator: str, wishes: Wishes, *, names_first: bool, limit: int
) -> Table:
    """Read separated fields into a store.

    The first two rows go to ``read_delimited``, which decides of the header; a row that is wrong
    goes to it as well, at its own line behind the first row, and its error is the one raised.

    Args:
        file: the file.
        separator: one character.
        wishes: what the user said.
        names_first: whether the first row is the header where the user said nothing.
        limit: bytes of cells up to which they stay in memory.

    Returns:
        The table.

    Raises:
        DataError: as from ``read_delimited``.
        OutputError: the temporary folder is full.
    """
    file.head()
    quoting = wishes.quoting or ("none" if separator == "\t" else "minimal")
    rows = _rows(file, separator, quoting)
    first = next(rows)
    second = next(rows, None)
    text = _laid_out(first) + ("" if second is None else _laid_out(second, after=first))
    path = str(file.path)
    form = read_delimited(
        text, path=path, separator=separator, wishes=wishes, names_first=names_first
    )
    writer = TableWriter(form, limit=limit)
    writer.add(form)
    strict = replace(wishes, header=False, quoting=quoting)
    for row in rows:
        if row.problem or len(row.cells) != len(form.columns):
            wrong = _laid_out(first) + _laid_out(row, after=first)
            read_delimited(wrong, path=path, separator=separator, wishes=strict, names_first=False)
            raise DataError(row.problem or "a row of another width", path=path, row=row.line)
        writer.append(row.cells, row.line)
    return writer.table()


@dataclass(frozen=True)
class _Row:
    """A row, or what is wrong with it.

    Args:
        cells: its fields.
        line: where it starts, counted from 1.
        text: the beginning of its lines.
        lines: how many they are.
        problem: why it has no fields.
    """

    cells: list[str]
    line: int
    text: str
    lines: int
    problem: str = ""


def _laid_out(row: _Row, after: _Row | None = None) -> str:
    """Give a row's text behind blank lines, which are no rows, so that it stands on its line."""
    above = 0 if after is None else after.line - 1 + after.lines
    return "\r\n" * (row.line - 1 - above) + row.text  # "\n" alone would join a "\r" before it


@dataclass
class _Tee:
    """Lines that go by, with those since the last row kept."""

    lines: Iterator[str]
    kept: list[str] = field(default_factory=list)
    size: int = 0

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            if self.size < _KEPT:
                self.kept.append(line)
                self.size += len(line)
            yield line

    def take(self) -> str:
        """Give what went by since the last call."""
        text, self.kept, self.size = "".join(self.kept), [], 0
        return text


def _rows(file: TextFile, separator: str, quoting: str) -> Iterator[_Row]:
    """Split all rows; a blank line is no row, and a row that cannot be split is the last."""
    csv.field_size_limit(_LARGEST_FIELD)
    tee = _Tee(file.lines())
    reader = csv.reader(tee, delimiter=separator, quoting=QUOTING[quoting], strict=True)
    start = 1
    try:
        for cells in reader:
            text = tee.take()
            if cells:
                yield _Row(cells, start, text, reader.line_num + 1 - start)
            start = reader.line_num + 1
    except csv.Error as error:
        yield _Row([], start, tee.take(), 1, str(error))
