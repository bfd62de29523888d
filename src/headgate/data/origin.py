"""Where a training's data comes from: a file, its columns, parts that are files themselves."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.data.columns import Cell, Table, shown
from headgate.data.hub import is_hub, read_hub
from headgate.data.sources import read_table
from headgate.errors import DataError

Place = str | os.PathLike[str]
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True)
class Source:
    """Where the data comes from.

    Args:
        path: a file, a folder, or an address of the hub.
        input: the column of the inputs, by name or number; where None what the file's kind says.
        target: the column of the targets, likewise.
        valid: the share of rows for validation, or a file; where None the data set's own part, or
            else a tenth, but no more than 5,000 rows.
        test: the share of rows for the test, or a file, likewise; 0 leaves it out.
        encoding: of the files; UTF-8 where None.
        quoting: of CSV and TSV: "minimal", "all" or "none"; by the separator where None.
    """

    path: Place
    input: str | None = None
    target: str | None = None
    valid: float | Place | None = None
    test: float | Place | None = None
    encoding: str | None = None
    quoting: str | None = None

    def __post_init__(self) -> None:
        if self.input is None and self.target is not None:
            raise DataError(
                f"the target {self.target!r} is of which input? Name its column, too",
                path=self.path,
            )

    def read(self) -> dict[str, Table]:
        """Read all its files.

        Returns:
            The table to learn from under "train", which "valid" and "test" have no row of where
            they are tables themselves; of a plain text, where no column was named, one row with all
            of it.
        """
        named = {"input": self.input, "target": self.target, "document": self.document}
        how = {**named, "encoding": self.encoding, "quoting": self.quoting}
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
        return self.input is None

    def columns(self, table: Table) -> tuple[str, str | None]:
        """Give the columns of the inputs and of the targets.

        Args:
            table: what was read.

        Returns:
            What was named, or else what the file's kind says.

        Raises:
            DataError: nothing was named, and the kind says nothing.
        """
        if self.input is not None:
            return self.input, self.target
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
        how: what is known of it: the columns "input" and "target", "document", "encoding" and
            "quoting".
        one: the part that is wanted, and no other: of a data set with several its own.

    Returns:
        The tables by part: "train", and of a data set of the hub its own "valid" and "test".

    Raises:
        DataError: it cannot be read.
    """
    named = (how["input"], how["target"])
    columns = [] if how["document"] else [name for name in named if name is not None]
    if is_hub(path):
        found = read_hub(str(path), columns=columns)
        return found if one is None else {one: found.get(one, next(iter(found.values())))}
    reading = {name: how[name] for name in ("encoding", "quoting", "document")}
    return {one or "train": read_table(path, columns=columns, **reading)}


def columns_of(table: Table, data: Mapping[str, Any]) -> tuple[str, str | None]:
    """Tell which columns a model takes of a table.

    Args:
        table: the rows.
        data: where the model comes from: "input", "target", and "document", which says that nobody
            named them.

    Returns:
        The columns that were named in training; or else those that the table's kind says.
    """
    if data["document"] and table.roles is not None:
        return table.roles
    return data["input"], data["target"]


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
        sorted(each for each in place.iterdir() if each.is_file()) if place.is_dir() else [place]
    )
    for file in files:
        with open(file, "rb") as opened:
            while piece := opened.read(_PIECE):
                yield piece


def _cells(rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False).encode()
