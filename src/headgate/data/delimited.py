"""Fields between separators: CSV and TSV, as the csv module reads them, strictly."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from headgate.data.columns import Table, shown, wants_header
from headgate.errors import DataError

QUOTING: dict[str, Literal[0, 1, 3]] = {
    "minimal": csv.QUOTE_MINIMAL,
    "all": csv.QUOTE_ALL,
    "none": csv.QUOTE_NONE,
}
SPOKEN = {"\t": "TAB", ",": "comma", ";": "semicolon"}
_LISTED = 12  # cells that a note shows
_LARGEST_FIELD = 2**31 - 1  # characters; the module's own limit of 131072 is a short book


@dataclass(frozen=True)
class Wishes:
    """What the user said about a file.

    Args:
        columns: the columns that will be used, by name or number.
        header: whether the first row holds names; None decides by the columns.
        quoting: a name of ``QUOTING``; None goes by the separator.
        document: whether a plain text is one row.
    """

    columns: Sequence[str] = ()
    header: bool | None = None
    quoting: str | None = None
    document: bool = False


def separator_of(text: str) -> str:
    """Choose the separator that the first line shows clearly.

    Args:
        text: a CSV file's text.

    Returns:
        A semicolon or a TAB where the first line has that one and no comma outside quotes; else
        a comma.
    """
    first = text.lstrip("\r\n").split("\n", 1)[0]
    unquoted = re.sub(r'"[^"]*"', "", first)
    found = [mark for mark in "\t;" if mark in unquoted]
    return found[0] if len(found) == 1 and "," not in unquoted else ","


def read_delimited(
    text: str, *, path: str, separator: str, wishes: Wishes, names_first: bool
) -> Table:
    """Read separated fields.

    Args:
        text: the file's text.
        path: the file, for errors.
        separator: one character.
        wishes: what the user said.
        names_first: whether the first row is the header where the user said nothing.

    Returns:
        The table.

    Raises:
        DataError: a quote that is never closed, a row with too few or too many fields, a
            header without rows.
    """
    quoting = wishes.quoting or ("none" if separator == "\t" else "minimal")
    rows, lines = _fields(text, path=path, separator=separator, quoting=quoting)
    _check_widths(rows, lines, path=path, separator=separator)
    has_header, notes = wishes.header, ()
    if has_header is None:
        has_header = wants_header(wishes.columns, default=names_first)
        notes = (_about_header(rows[0], has_header=has_header),)
    if not has_header:
        numbers = tuple(str(number) for number in range(1, len(rows[0]) + 1))
        return Table(path, numbers, rows, lines, False, notes)
    if len(rows) == 1:
        raise DataError("there is a header, but no row after it", path=path, row=lines[0])
    names = tuple(name.strip() for name in rows[0])
    return Table(path, names, rows[1:], lines[1:], True, notes)


def _fields(
    text: str, *, path: str, separator: str, quoting: str
) -> tuple[list[list[str]], list[int]]:
    """Split all rows, each with the line where it starts; a blank line is no row."""
    csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quoting=QUOTING[quoting],
        strict=True,  # else a quote that is never closed swallows the rest of the file
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    start = 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1  # more than one on where a quoted field has line ends
    except csv.Error as error:
        message = (
            f"the quotes do not match ({error}); double a quote inside a quoted field, "
            'or read quotes as letters with quoting "none"'
        )
        raise DataError(message, path=path, row=start) from error
    return rows, lines


def _check_widths(rows: list[list[str]], lines: list[int], *, path: str, separator: str) -> None:
    """Refuse the first row whose number of fields is not the first row's."""
    wanted = len(rows[0])
    for row, line in zip(rows, lines, strict=True):
        if len(row) != wanted:
            message = (
                f"{wanted} fields were wanted, as in row {lines[0]}, and {len(row)} came "
                f"(fields are split at each {SPOKEN[separator]}): {shown(row[0])}"
            )
            raise DataError(message, path=path, row=line)


def _about_header(first: list[str], *, has_header: bool) -> str:
    cells = ", ".join(shown(cell) for cell in first[:_LISTED])
    more = f", … ({len(first):,} in all)" if len(first) > _LISTED else ""
    read = "the header" if has_header else "data, not as a header"
    return f"row 1 is read as {read}: {cells}{more}"
