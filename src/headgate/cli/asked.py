"""Rows of a file as inputs of a model: what inspect and doctor look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.model import Model


def inputs_of(loaded: Model, data: str) -> list[Any]:
    """Read a file as the model's training data was read.

    Args:
        loaded: the model.
        data: the file; it needs no target.

    Returns:
        One input a row, as ``predict`` takes it.

    Raises:
        DataError: the file cannot be read, or lacks the column.
    """
    from headgate.data.origin import overridden, read_parts

    how = overridden(loaded.config["data"])
    table = read_parts(data, how, one="test")["test"]
    return list(loaded.questions(table, how["input"], how["target"]))


def text_of(path: str) -> str:
    """Read a file as one text.

    Args:
        path: the file.

    Returns:
        Its text, with plain line ends.

    Raises:
        DataError: there is no such file, it is empty, or it is not UTF-8.
    """
    from headgate.data.sources import read_table

    table = read_table(path, document=True)
    text = table.column(table.columns[0])[0]
    if not isinstance(text, str):
        raise DataError("a plain text was wanted, and sequences came", path=path)
    return text


def row_of(loaded: Model, data: str, row: int) -> Any:
    """Take one row of a file.

    Args:
        loaded: the model.
        data: the file.
        row: the number of the row, from 1.

    Returns:
        The input.

    Raises:
        DataError: there is no such row.
    """
    found = inputs_of(loaded, data)
    if row > len(found):
        raise DataError(f"there is no row {row}: the file has {len(found)}", path=data)
    return found[row - 1]
