"""Rows of a file as inputs of a model: what inspect and doctor look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.model import Model


def inputs_of(loaded: Model, data: str, **named: str | None) -> list[Any]:
    """Read a file as the model's training data was read.

    Args:
        loaded: the model.
        data: the file; it needs no target, but for a forecast.
        **named: "encoding" and "quoting" of the file; as in training where None.

    Returns:
        One input a row, as ``predict`` takes it.

    Raises:
        DataError: the file cannot be read, or lacks the column.
    """
    from headgate.data.origin import overridden, read_parts

    how = overridden(loaded.config["data"], **named)
    needed = how["input"] is None or loaded.config["task"] == "forecast"
    reading = how if needed else {**how, "target": None}
    table = read_parts(data, reading, one="test")["test"]
    return list(loaded.questions(table, how["input"], how["target"]))


def text_of(path: str, encoding: str | None = None) -> str:
    """Read a file as one text, whatever its ending.

    Args:
        path: the file.
        encoding: of its bytes; UTF-8 where None.

    Returns:
        Its text, with plain line ends.

    Raises:
        DataError: there is no such file, it is empty, or it is not in the encoding.
    """
    from headgate.data.sources import read_table

    if Path(path).is_dir():
        raise DataError("a text file was wanted, and this is a folder: name one file", path=path)
    table = read_table(path, document=True, kind="txt", encoding=encoding)
    text = table.column(table.columns[0])[0]
    if not isinstance(text, str):
        raise DataError("a plain text was wanted, and sequences came", path=path)
    return text


def row_of(loaded: Model, data: str, row: int, **named: str | None) -> Any:
    """Take one row of a file.

    Args:
        loaded: the model.
        data: the file.
        row: the number of the row, from 1.
        **named: as ``inputs_of`` takes them.

    Returns:
        The input.

    Raises:
        DataError: there is no such row.
    """
    found = inputs_of(loaded, data, **named)
    if row > len(found):
        raise DataError(f"there is no row {row}: the file has {len(found)}", path=data)
    return found[row - 1]
