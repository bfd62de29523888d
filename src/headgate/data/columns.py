"""A table in memory, and how its columns are named.

Whether a file's first row is a header cannot be seen for sure, so the user's own words decide:

- ``header=True`` or ``header=False``, where given, is obeyed.
- Columns asked for by numbers only ("2", "1"): there is no header. A name is what a header is
  for, and whoever counts has none.
- Columns asked for by a name: the first row is the header.
- Nothing asked for: the first row of a .csv or .tsv is the header; that of a .txt is data.

The decision stands in ``has_header``, and in words in ``notes``, for the caller to print.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from torch import Tensor

from headgate.errors import DataError

# A text; a sequence, such as the words of a sentence; or a series [T, F], NaN where one is missing.
Cell = str | tuple[str, ...] | Tensor
TAGGED = ("tokens", "tags")  # the columns that a file of tagged sentences usually has

_SHOWN = 40  # characters of a cell that a message quotes


@runtime_checkable
class Stored(Protocol):
    """Rows that lie elsewhere than in memory."""

    def column(self, index: int) -> Sequence[Cell]:
        """Give one column, which stays where it lies."""
        ...


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns, each row with the line that it came from.

    Args:
        path: the file or the folder.
        columns: the columns' names; "1", "2", … where there is no header.
        rows: one list of cells a row, as many as there are columns.
        lines: the line of the file where each row starts, counted from 1.
        has_header: whether the file's first row gave the names.
        notes: what was decided while reading, one sentence each, for the caller to print.
        files: the file that each row came from, where the path is a folder; else empty.
        roles: the columns of the inputs and of the targets, where the file's kind says which; a
            target of None where there is none.
    """

    path: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    lines: Sequence[int]
    has_header: bool
    notes: tuple[str, ...] = ()
    files: Sequence[str] = field(default_factory=list)
    roles: tuple[str, str | None] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Sequence[Cell]:
        """Return one column's cells.

        Args:
            name: the column's name, or its number as a string, counted from 1.

        Returns:
            One cell a row.

        Raises:
            DataError: there is no such column, or two have this name.
        """
        index = self._index(name)
        if isinstance(self.rows, Stored):
            return self.rows.column(index)
        return [row[index] for row in self.rows]

    def name_of(self, name: str) -> str:
        """Return a column's own name.

        Args:
            name: the column's name, or its number as a string, counted from 1.

        Returns:
            The name as the header has it.

        Raises:
            DataError: there is no such column, or two have this name.
        """
        return self.columns[self._index(name)]

    def error(self, message: str, *, row: int, column: str | None = None) -> DataError:
        """Build an error that names the file, the line and the column of a row.

        Args:
            message: what was wanted, what came, what to do.
            row: the row's index in the table, counted from 0.
            column: the column's name or number.

        Returns:
            The error, to be raised.

        Example:
            >>> table = Table("a.csv", ("text",), [["hi"], [""]], [2, 3], True)
            >>> print(table.error("the text is empty", row=1, column="1"))
            a.csv, row 3, column 'text': the text is empty
        """
        path = self.files[row] if self.files else self.path
        name = None if column is None else self.name_of(column)
        return DataError(message, path=path, row=self.lines[row], column=name)

    def _index(self, name: str) -> int:
        """Find a column: a name goes before a number, for a header may have numbers."""
        try:
            return column_index(self.columns, name)
        except DataError as error:
            notes = "".join(f" ({note})" for note in self.notes)
            raise DataError(f"{error}{notes}", path=self.path) from None


def column_index(columns: Sequence[str], name: str) -> int:
    """Find a column among the names.

    Args:
        columns: the columns' names.
        name: one of them, or a number as a string, counted from 1; a name goes before a number.

    Returns:
        The index, counted from 0.

    Raises:
        DataError: there is no such column (the message lists those there are), or two are so
            named.
    """
    if columns.count(name) > 1:
        places = [str(i) for i, other in enumerate(columns, start=1) if other == name]
        raise DataError(f"columns {' and '.join(places)} are named {name!r}: choose by number")
    if name in columns:
        return columns.index(name)
    if is_number(name) and 1 <= int(name) <= len(columns):
        return int(name) - 1
    raise DataError(_no_such_column(columns, name))


def is_number(name: str) -> bool:
    """Say whether a column is asked for by its number.

    Args:
        name: what the user wrote.

    Returns:
        Whether it is digits only.
    """
    return name.isascii() and name.isdigit()


def wants_header(columns: Sequence[str], *, default: bool) -> bool:
    """Decide from the columns asked for whether the first row is a header.

    Args:
        columns: names or numbers, as the user wrote them; empty if nothing was asked for.
        default: the answer where nothing was asked for.

    Returns:
        Whether the first row holds names.
    """
    return not all(is_number(name) for name in columns) if columns else default


def shown(cell: str) -> str:
    """Quote a cell, shortened, for a message.

    Args:
        cell: the text.

    Returns:
        The text in quotes, with an ellipsis where it was cut.
    """
    return repr(cell if len(cell) <= _SHOWN else f"{cell[: _SHOWN - 1]}…")


def _no_such_column(columns: Sequence[str], name: str) -> str:
    names = ", ".join(shown(column) for column in columns)
    close = difflib.get_close_matches(name, columns, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    counted = "" if is_number(name) else "; where a file has no header, choose columns by number"
    return f"no column {name!r}{hint} columns: {names}{counted}"
