"""Parquet files, one or a folder of them, to a table; only the wanted columns are read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from headgate.data.arrow import arrow
from headgate.data.arrow_table import ArrowSource, read_arrow
from headgate.data.columns import Table
from headgate.data.lazy import is_large
from headgate.errors import DataError

_AT_ONCE = 8192  # rows that are decoded at a time
_LISTED = 10  # files that a note names


def read_parquet(path: str | os.PathLike[str], *, columns: Sequence[str] = ()) -> Table:
    """Read a Parquet file, or a folder of them as one table.

    Numbers, truth values and dates become text, lists of texts tuples. Where a file of the
    ``datasets`` library keeps the names of its classes, they take the place of the numbers.

    Args:
        path: a file; or a folder that holds .parquet files, by itself or under ``data``.
        columns: the columns to read, by name or number; each is then called as it is here. Empty
            reads all that have text in every row, and notes which have not.

    Returns:
        The table; its lines are the rows' numbers in their file, counted from 1.

    Raises:
        DataError: the file is missing, empty or damaged; a column does not exist, or has no
            text; a row has no value.
        MissingExtraError: pyarrow is not installed.
    """
    place = Path(path)
    files = parquet_files(place) if place.is_dir() else [place]
    if not files:
        raise DataError("a folder of .parquet files was wanted, and none is in it", path=place)
    sources = [_open(file) for file in files]
    large = any(is_large(file) for file in files)
    table = read_arrow(sources, path=str(place), columns=columns, stored=large)
    return replace(table, notes=(*table.notes, *_about_files(files)))


def parquet_files(folder: str | os.PathLike[str]) -> list[Path]:
    """List the Parquet files of a folder, or of the folder ``data`` in it.

    Args:
        folder: the folder.

    Returns:
        The files in the order of their names; none where it has none.
    """
    place = Path(folder)
    return sorted(place.glob("*.parquet")) or sorted(place.glob("data/*.parquet"))


def _open(path: Path) -> ArrowSource:
    """Read what a file says of itself; its rows are read later."""
    arrow()
    from pyarrow import parquet

    try:
        if not path.stat().st_size:
            raise DataError("the file is empty", path=path)
        file = parquet.ParquetFile(path)
    except FileNotFoundError:
        raise DataError("there is no such file", path=path) from None
    except (arrow().ArrowException, OSError) as error:
        raise _damaged(error, path) from error

    def batches(columns: list[str]) -> Iterator[Any]:
        try:
            yield from file.iter_batches(_AT_ONCE, columns=columns)
        except (arrow().ArrowException, OSError) as error:
            raise _damaged(error, path) from error

    return ArrowSource(str(path), file.schema_arrow, batches)


def _damaged(error: Exception, path: Path) -> DataError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, arrow().ArrowNotImplementedError):
        return DataError(f"pyarrow cannot read this file's data: {first}", path=path)
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    hint = "it is gzip'd: unpack it first" if zipped else "fetch the file again"
    message = f"this is no Parquet file, or it is damaged or cut off: {hint} ({first})"
    return DataError(message, path=path)


def _about_files(files: list[Path]) -> list[str]:
    if len(files) == 1:
        return []
    listed = ", ".join(file.name for file in files[:_LISTED])
    more = ", …" if len(files) > _LISTED else ""
    return [f"{len(files)} files are read as one table: {listed}{more}"]
