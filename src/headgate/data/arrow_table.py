"""Batches of Apache Arrow to a table, from wherever they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headgate.data.arrow import BadCellError, cells_of, class_names, refusal
from headgate.data.columns import TAGGED, Cell, Table, column_index
from headgate.data.store import TableWriter
from headgate.errors import DataError

_LISTED = 10  # classes that a note names


@dataclass(frozen=True)
class ArrowSource:
    """One file, or one part of a data set, that is read in batches.

    Args:
        path: what an error calls it.
        schema: its Arrow schema.
        batches: from names of columns to record batches with these.
    """

    path: str
    schema: Any
    batches: Callable[[list[str]], Iterator[Any]]


def read_arrow(
    sources: Sequence[ArrowSource], *, path: str, columns: Sequence[str], stored: bool = False
) -> Table:
    """Read sources with the same columns as one table.

    Args:
        sources: one or more.
        path: what the table is called.
        columns: the columns to read, by name or number; each is then called as it is here, so
            that a number keeps its meaning where not all columns are read. Empty reads all that
            have text in every row, and notes which have not.
        stored: whether the rows go to a temporary file where they are many.

    Returns:
        The table; its lines are the rows' numbers in their source, counted from 1. Where no column
        was asked for and there are "tokens" and "tags", these are the inputs and the targets.

    Raises:
        DataError: a column does not exist or has no text; a row has no value; there is no row.
    """
    names, notes = (columns, []) if columns else _readable(sources)
    names = tuple(dict.fromkeys(names))
    notes = [*notes, *_about_classes(sources[0], names)]
    roles = TAGGED if not columns and {*names} >= {*TAGGED} else None
    table = Table(path, names, [], [], True, tuple(notes), roles=roles)
    writer = TableWriter(table) if stored else None
    rows: list[list[Cell]] = []
    lines: list[int] = []
    origins: list[str] = []
    for source in sources:
        for line, row in enumerate(_rows(source, names), start=1):
            if writer is not None:
                writer.append(row, line)
            else:
                rows.append(row)
                lines.append(line)
            if source.path != path:
                origins.append(source.path)
    whole = replace(table, rows=rows, lines=lines) if writer is None else writer.table()
    if not len(whole):
        raise DataError("there are columns, but no row", path=path)
    return replace(whole, files=origins)


def _rows(source: ArrowSource, names: Sequence[str]) -> Iterator[list[Cell]]:
    """Decode a source, a batch at a time, and give its rows."""
    own = _own_names(source, names)
    classes = class_names(source.schema)
    done = 0
    for batch in source.batches(list(dict.fromkeys(own))):
        cells: list[list[Cell]] = []
        for name, each in zip(names, own, strict=True):
            try:
                cells.append(cells_of(batch.column(each), classes.get(each)))
            except BadCellError as error:
                row = done + error.row + 1
                raise DataError(str(error), path=source.path, row=row, column=name) from None
        yield from map(list, zip(*cells, strict=True))
        done += batch.num_rows


def _own_names(source: ArrowSource, names: Sequence[str]) -> list[str]:
    """Find the columns by name or number, and refuse what has no text."""
    schema = source.schema
    try:
        found = [column_index(schema.names, name) for name in names]
    except DataError as error:
        raise DataError(str(error), path=source.path) from None
    for name, index in zip(names, found, strict=True):
        reason = refusal(schema.field(index).type)
        if reason:
            raise DataError(reason, path=source.path, column=name)
    return [schema.names[index] for index in found]


def _readable(sources: Sequence[ArrowSource]) -> tuple[list[str], list[str]]:
    """Choose the columns with text in every row; say of the others why they are left out."""
    chosen: list[str] = []
    notes: list[str] = []
    for name in sources[0].schema.names:
        try:
            for source in sources:
                for _ in _rows(source, [name]):
                    pass
            chosen.append(name)
        except DataError as error:
            notes.append(f"left out: {error}")
    if not chosen:
        message = f"no column has text in every row; {'; '.join(notes)}"
        raise DataError(message, path=sources[0].path)
    return chosen, notes


def _about_classes(source: ArrowSource, names: Sequence[str]) -> list[str]:
    classes = class_names(source.schema)
    own = dict(zip(names, _own_names(source, names), strict=True))
    return [
        f"column {name!r} has numbers of classes, which are read as their names: "
        f"{', '.join(classes[each][:_LISTED])}{', …' if len(classes[each]) > _LISTED else ''}"
        for name, each in own.items()
        if each in classes
    ]
