"""Where a training's data comes from: a file, its columns, parts that are files themselves."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headgate.data.columns import Table, shown
from headgate.data.sources import read_table
from headgate.errors import DataError

Place = str | os.PathLike[str]
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True)
class Source:
    """Where the data comes from.

    Args:
        path: a file or a folder.
        input: the column of the inputs, by name or number; where None what the file's kind says.
        target: the column of the targets, likewise.
        valid: the share of rows for validation, or a file; where None a tenth, but no more than
            5,000 rows.
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

    def read(self, path: Place) -> Table:
        """Read one of its files.

        Args:
            path: the file.

        Returns:
            The table; of a plain text, where no column was named, one row with all of it.
        """
        return read_table(
            path,
            columns=[name for name in (self.input, self.target) if name is not None],
            encoding=self.encoding,
            quoting=self.quoting,
            document=self.document,
        )

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

    def parts(self) -> dict[str, Place]:
        """Give the parts that are files of their own."""
        given = {"valid": self.valid, "test": self.test}
        return {name: part for name, part in given.items() if isinstance(part, str | os.PathLike)}

    def shares(self, default: float) -> dict[str, float]:
        """Give the share of the rows of each held-out part.

        Args:
            default: of a part of which nothing was said.

        Returns:
            The shares of "valid" and "test"; 0 for one that is a file of its own.
        """
        given = {"valid": self.valid, "test": self.test}
        shares = {name: default if part is None else part for name, part in given.items()}
        return {
            name: float(part) if isinstance(part, float | int) else 0.0
            for name, part in shares.items()
        }


def digest(path: Place) -> str:
    """Give the SHA-256 of a file, or of a folder's text files one after the other.

    Args:
        path: the file or folder.

    Returns:
        Hexadecimal digits.
    """
    found = hashlib.sha256()
    place = Path(path)
    for file in sorted(place.glob("*.txt")) if place.is_dir() else [place]:
        for piece in _pieces(file):
            found.update(piece)
    return found.hexdigest()


def _pieces(file: Path) -> Iterator[bytes]:
    with open(file, "rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece
