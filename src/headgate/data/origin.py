"""Where a training's data comes from: a file, its columns, parts that are files themselves."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from headgate.data.column_lists import column_list
from headgate.data.columns import Cell, Table, shown
from headgate.data.examples import key_of
from headgate.data.hub import is_hub, read_hub
from headgate.data.pieces import is_pieces, read_pieces
from headgate.data.series import gather
from headgate.data.sources import read_table
from headgate.errors import DataError

Place = str | os.PathLike[str]
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True)
class Source:
    """Where the data comes from.

    Args:
        path: a file, a folder, or an address of the hub.
        input: the column of the inputs, by name or number; several are "x,y,z", or "V2:V60" for all
            from one to another; where None what the file's kind says.
        target: the column of the targets, likewise; alone it is what is forecast.
        series: where each row is a step, the column whose equal values are one series.
        time: the column that orders the steps.
        valid: the share of rows for validation, or a file; where None the data set's own part, or
            else a tenth, but no more than 5,000 rows.
        test: the share of rows for the test, or a file, likewise; 0 leaves it out.
        encoding: of the files; UTF-8 where None.
        quoting: of CSV and TSV: "minimal", "all" or "none"; by the separator where None.
    """

    path: Place
    input: str | None = None
    target: str | None = None
    series: str | None = None
    time: str | None = None
    valid: float | Place | None = None
    test: float | Place | None = None
    encoding: str | None = None
    quoting: str | None = None

    def __post_init__(self) -> None:
        if self.input is not None and self.input == self.target:
            raise _one_column(self.input, self.path)

    def read(self) -> dict[str, Table]:
        """Read all its files.

        Returns:
            The table to learn from under "train", which "valid" and "test" have no row of where
            they are tables themselves; of a plain text, where no column was named, one row with all
            of it.
        """
        names = ("input", "target", "series", "time", "document", "encoding", "quoting")
        how = {name: getattr(self, name) for name in names}
        given = {"valid": self.valid, "test": self.test}
        tables = read_parts(self.path, how)
        for name, part in given.items():
            if isinstance(part, str | os.PathLike):
                tables[name] = read_parts(part, how, one=name)[name]
            elif part is not None:
                tables.pop(name, None)
        return tables

    @property
    def document(self) -> bool:
        """Whether a plain text is one row with all of it: where no column was named."""
        return self.input is None and self.target is None

    def columns(self, table: Table) -> tuple[str | None, str | None]:
        """Give the columns of the inputs and of the targets.

        Args:
            table: what was read.

        Returns:
            What was named, or else what the file's kind says; an input of None is of a target that
            is forecast.

        Raises:
            DataError: nothing was named, and the kind says nothing; or one column was named twice.
        """
        if not self.document:
            return _two_columns(table, self.input, self.target)
        if table.roles is None:
            names = ", ".join(shown(name) for name in table.columns)
            raise DataError(
                "which column is the input, and which the target? Name each, or count it from 1 "
                f"(--input COL --target COL); columns: {names}",
                path=table.path,
            )
        return table.roles

    def shares(self, tables: Container[str], default: float) -> dict[str, float]:
        """Give the share of the rows of each held-out part.

        Args:
            tables: the parts that are tables themselves.
            default: of a part of which nothing was said.

        Returns:
            The shares of "valid" and "test"; 0 for one that is a table itself.
        """
        given = {"valid": self.valid, "test": self.test}
        shares = {name: default if part is None else part for name, part in given.items()}
        return {
            name: float(part) if name not in tables and isinstance(part, float | int) else 0.0
            for name, part in shares.items()
        }


def read_parts(path: Place, how: Mapping[str, Any], *, one: str | None = None) -> dict[str, Table]:
    """Read a file, a folder, or what an address of the hub names.

    Args:
        path: the file, the folder, or the address.
        how: what is known of it: the columns "input", "target", "series" and "time", "document",
            "encoding" and "quoting".
        one: the part that is wanted, and no other: of a data set with several its own.

    Returns:
        The tables by part: "train", and of a data set of the hub its own "valid" and "test".

    Raises:
        DataError: it cannot be read.
    """
    order = {name: how.get(name) for name in ("series", "time")}
    named = () if how["document"] else (how["input"], how["target"])
    columns = [name for name in (*named, *order.values()) if name is not None]
    if is_pieces(path):
        found = read_pieces(path, one=one)
    elif is_hub(path):
        found = read_hub(str(path), columns=columns)
        found = found if one is None else {one: found.get(one, next(iter(found.values())))}
    else:
        reading = {name: how[name] for name in ("encoding", "quoting", "document")}
        found = {one or "train": read_table(path, columns=columns, **reading)}
    if not any(order.values()):
        return found
    return {name: gather(table, **order) for name, table in found.items()}


def overridden(data: Mapping[str, Any], **named: str | int | None) -> dict[str, Any]:
    """Let what is named now go before what a model was trained with.

    Args:
        data: where the model comes from: "input", "target", "document", "encoding", "quoting".
        **named: any of these but "document"; None is what was not named.

    Returns:
        How to read the next file. The columns are those that its kind says only where nobody has
        named one, then and now.

    Example:
        >>> kept = {"input": "review", "target": "label", "document": False}
        >>> overridden(kept, input="text", target=None)
        {'input': 'text', 'target': 'label', 'document': False}
    """
    given = {name: str(value) for name, value in named.items() if value is not None}
    document = data["document"] and not given.keys() & {"input", "target"}
    return {**data, **given, "document": document}


def columns_of(table: Table, data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Tell which columns a model takes of a table.

    Args:
        table: the rows.
        data: where the model comes from: "input", "target", and "document", which says that nobody
            named them.

    Returns:
        The columns that were named; or else those that the table's kind says.

    Raises:
        DataError: the table lacks one of them, or both are one.
    """
    if data["document"] and table.roles is not None:
        return table.roles
    return _two_columns(table, data["input"], data["target"])


def _two_columns(
    table: Table, input: str | None, target: str | None
) -> tuple[str | None, str | None]:
    """Refuse one column as both sides, perhaps once by its name and once by its number."""
    try:
        sides = [column_list(table.columns, name) for name in (input, target) if name is not None]
    except DataError as error:
        raise DataError(str(error), path=table.path) from None
    both = set.intersection(*map(set, sides)) if len(sides) > 1 else ()
    for place in both:
        raise _one_column(table.columns[place], table.path)
    return input, target


def _one_column(name: str, path: Place) -> DataError:
    return DataError(
        f"the input and the target are one column, {name!r}: what is wanted for a row stands in "
        "another; name two (--input COL --target COL)",
        path=path,
    )


def digest(path: Place, rows: Iterable[Sequence[Cell]] = ()) -> str:
    """Give the SHA-256 of data.

    Args:
        path: a file, or a folder, whose files are taken one after the other.
        rows: what stands in it, which is taken where there is no such file: of a data set of the
            hub.

    Returns:
        Hexadecimal digits.
    """
    found = hashlib.sha256()
    place = Path(path)
    for piece in _pieces(place) if place.exists() else _cells(rows):
        found.update(piece)
    return found.hexdigest()


def _pieces(place: Path) -> Iterator[bytes]:
    files = (
        sorted(each for each in place.rglob("*") if each.is_file()) if place.is_dir() else [place]
    )
    for file in files:
        with open(file, "rb") as opened:
            while piece := opened.read(_PIECE):
                yield piece


def _cells(rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    for row in rows:
        cells = [key_of(cell) if isinstance(cell, Tensor) else cell for cell in row]
        yield json.dumps(cells, ensure_ascii=False).encode()
