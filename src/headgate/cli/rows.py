"""Rows in, a piece of the file at a time, and rows out as CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from headgate.data.column_lists import column_list, is_compound
from headgate.data.columns import Table
from headgate.data.encodings import decode
from headgate.data.examples import is_empty
from headgate.data.pieces import is_pieces, read_pieces
from headgate.data.series import Gathered, gather
from headgate.data.sources import read_table
from headgate.errors import DataError

AT_ONCE = 1024
_STDIN = "standard input"

Row = dict[str, str | tuple[str, ...]]
Rows = Iterable[Row]


def from_file(
    path: str, column: str | None, *, source: Mapping[str, Any]
) -> Iterator[tuple[Table, str | None]]:
    """Read a file and give it in pieces; nothing is given if one of its inputs is empty.

    Args:
        path: the file.
        column: the input column, or None for what the file's kind says; of plain text its only
            one, whatever its name.
        source: how the file is read: "encoding", "quoting", "series" and "time"; and "target",
            which alone is what is forecast.

    Yields:
        Tables of ``AT_ONCE`` rows at most, or of all series, each with the name of the input
        column; None where the target alone is what is read.

    Raises:
        DataError: the file cannot be read, or an input is empty.
    """
    reading = {name: source[name] for name in ("encoding", "quoting")}
    order = {name: source.get(name) for name in ("series", "time")}
    if is_pieces(path):
        table = read_pieces(path, one="test")["test"]
    else:
        table = _whole(path, column, **reading)
    table = gather(table, **order) if any(order.values()) else table
    if column is None and not source["document"]:
        yield table, None
        return
    name = "text" if table.columns == ("text",) else column or _kinds(table)
    _refuse_empty(table, name)
    if isinstance(table, Gathered) or is_compound(name):
        yield table, name
        return
    for start in range(0, len(table), AT_ONCE):
        piece = slice(start, start + AT_ONCE)
        parts = {"rows": table.rows[piece], "lines": table.lines[piece]}
        yield replace(table, **parts, files=table.files[piece]), name


def single(table: Table, column: str | None) -> str | None:
    """Give a column that is one, for an error to name.

    Args:
        table: the rows.
        column: one or several, or None.

    Returns:
        The column; None where it is not one.
    """
    one = column is not None and len(column_list(table.columns, column)) == 1
    return column if one else None


def written(table: Table) -> Iterator[Row]:
    """Give what a file can hold of each row: no series, and of one gathered from steps no sequence.

    Args:
        table: the rows.

    Yields:
        Cells by column.
    """
    kinds = (str,) if isinstance(table, Gathered) else (str, tuple)
    for cells in table.rows:
        named = zip(table.columns, cells, strict=True)
        yield {name: cell for name, cell in named if isinstance(cell, kinds)}


def _kinds(table: Table) -> str:
    """Give the column of inputs that the file's kind says."""
    if table.roles is None:
        names = ", ".join(map(repr, table.columns))
        raise DataError(
            f"which column is the input? Name it (--input COL); columns: {names}", path=table.path
        )
    return table.roles[0]


def _whole(path: str, column: str | None, *, encoding: str | None, quoting: str | None) -> Table:
    """Read every column; of JSON Lines the input alone where another cannot be text."""
    reading: dict[str, Any] = {"encoding": encoding, "quoting": quoting}
    ending = Path(path.lower().removesuffix(".gz")).suffix
    if ending == ".txt" or column is None:
        return read_table(path, **reading)
    if ending not in (".jsonl", ".ndjson"):
        return read_table(path, columns=(column,), **reading)
    try:
        return read_table(path, **reading)
    except DataError as error:
        table = read_table(path, columns=(column,), **reading)
        typer.echo(f"only column {column!r} is kept: {error}", err=True)
        return table


def from_lines(column: str | None, encoding: str | None) -> Iterator[tuple[Table, str]]:
    """Read standard input, one text a line.

    Args:
        column: what to call the texts; a number is no name, and neither is None.
        encoding: of the bytes; UTF-8 where None.

    Yields:
        Tables of ``AT_ONCE`` rows at most, each with the name of its column.

    Raises:
        DataError: a line is empty, or not in the encoding.
    """
    name = "text" if column is None or column.isdigit() else column
    decode(b"", encoding=encoding)  # an unknown encoding is said before anything is read
    numbered = enumerate(sys.stdin.buffer, start=1)
    while piece := list(itertools.islice(numbered, AT_ONCE)):
        texts = [[_line(data, number, encoding)] for number, data in piece]
        table = Table(_STDIN, (name,), texts, [number for number, _ in piece], False)
        _refuse_empty(table, name)
        yield table, name


def _refuse_empty(table: Table, name: str) -> None:
    if len(column_list(table.columns, name)) > 1:
        return  # numbers, which who reads them checks
    for row, cell in enumerate(table.column(name)):
        if is_empty(cell):
            message = "the input is empty: fill it in, or take the row out"
            raise table.error(message, row=row, column=name)


def _line(data: bytes, number: int, encoding: str | None) -> str:
    try:
        return data.rstrip(b"\r\n").decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte 0x{data[error.start]:02x} is not {encoding or 'utf-8'}: try --encoding"
        raise DataError(message, path=_STDIN, row=number) from error


def writer_for(out: str | None) -> Callable[[Rows], Iterator[str]]:
    """Choose the form of the output by the name of its file.

    Args:
        out: the file; CSV where None.

    Returns:
        From rows to lines.

    Raises:
        DataError: the name ends neither in .csv nor in .jsonl.
    """
    ending = ".csv" if out is None else Path(out).suffix.lower()
    if ending not in _WRITERS:
        known = " or ".join(_WRITERS)
        raise DataError(f"the output is written as {known}, not as {ending!r}", path=out)
    return _WRITERS[ending]


def _as_csv(rows: Rows) -> Iterator[str]:
    for number, row in enumerate(rows):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not number:
            writer.writerow(row)
        writer.writerow([c if isinstance(c, str) else " ".join(c) for c in row.values()])
        yield text.getvalue()


def _as_jsonl(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


_WRITERS = {".csv": _as_csv, ".jsonl": _as_jsonl}
