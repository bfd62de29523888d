"""JSON Lines: one object a line, its keys the columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NoReturn

from headgate.data.columns import Table, column_index, shown
from headgate.errors import DataError


def read_records(
    texts: Sequence[str], lines: list[int], *, columns: Sequence[str], path: str
) -> Table:
    """Read one JSON object a line.

    Numbers keep the digits that the file has; true and false become "true" and "false".

    Args:
        texts: the lines that are not blank.
        lines: their numbers in the file, counted from 1.
        columns: the keys to read, by name or number; empty reads those of the first object.
        path: the file, for errors.

    Returns:
        The table of these columns.

    Raises:
        DataError: a line is no object, or a value is missing, null, nested or no valid text.
    """
    first = _record(texts[0], path=path, row=lines[0])
    names = _names(tuple(first), columns, path=path)
    rows = []
    for text, line in zip(texts, lines, strict=True):
        record = _record(text, path=path, row=line)
        rows.append([_cell(record.get(name), path=path, row=line, column=name) for name in names])
    return Table(path, names, rows, lines, False)


def _names(keys: tuple[str, ...], columns: Sequence[str], *, path: str) -> tuple[str, ...]:
    """Choose the keys to read, each once."""
    try:
        chosen = [keys[column_index(keys, name)] for name in columns]
    except DataError as error:
        raise DataError(str(error), path=path) from None
    return tuple(dict.fromkeys(chosen)) or keys


def _record(text: str, *, path: str, row: int) -> dict[str, object]:
    """Parse one line; numbers stay text, so that 1e400 and 0.10 are what the file says."""
    try:
        record = json.loads(text, parse_float=str, parse_int=str, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON ({error}): {shown(text)}", path=path, row=row) from error
    if not isinstance(record, dict) or not record:
        message = f"a JSON object with a key for each column was wanted, and {shown(text)} came"
        raise DataError(message, path=path, row=row)
    return record


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a value")


def _cell(value: object, *, path: str, row: int, column: str) -> str:
    """Turn a value to text, or say why it has none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and _is_text(value):
        return value
    if value is None:
        problem = "the row has no value"
    elif isinstance(value, str):
        problem = f"half of a surrogate pair is no text: {value!a}"
    else:
        problem = f"text or a number was wanted, and {shown(json.dumps(value))} came"
    raise DataError(problem, path=path, row=row, column=column)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
