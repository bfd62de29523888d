"""JSON Lines: one object a line, its keys the columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NoReturn

from headgate.data.columns import TAGGED, Cell, Table, column_index, shown
from headgate.errors import DataError


class _Number(str):
    """A number as the file writes it, so that 1e400 and 0.10 are what it says."""


def read_records(
    texts: Sequence[str], lines: list[int], *, columns: Sequence[str], path: str
) -> Table:
    """Read one JSON object a line.

    Numbers keep the digits that the file has; true and false become "true" and "false"; a list of
    texts becomes a sequence. Where no key is asked for and there are "tokens" and "tags", these
    are the inputs and the targets.

    Args:
        texts: the lines that are not blank.
        lines: their numbers in the file, counted from 1.
        columns: the keys to read, by name or number; empty reads those of the first object.
        path: the file, for errors.

    Returns:
        The table of these columns.

    Raises:
        DataError: a line is no object, or a value is missing, null, nested or no valid text; or a
            list holds anything but texts.
    """
    first = _record(texts[0], path=path, row=lines[0])
    keys = _keys(tuple(first), columns, path=path)
    rows = []
    for text, line in zip(texts, lines, strict=True):
        record = _record(text, path=path, row=line)
        cells = [record.get(key) for key in keys.values()]
        rows.append(
            [_cell(c, path=path, row=line, column=n) for n, c in zip(keys, cells, strict=True)]
        )
    roles = TAGGED if not columns and keys.keys() >= set(TAGGED) else None
    return Table(path, tuple(keys), rows, lines, False, roles=roles)


def _keys(keys: tuple[str, ...], columns: Sequence[str], *, path: str) -> dict[str, str]:
    """Choose the keys to read, under the names or numbers by which they were asked for."""
    try:
        chosen = {name: keys[column_index(keys, name)] for name in columns}
    except DataError as error:
        raise DataError(str(error), path=path) from None
    return chosen or {key: key for key in keys}


def _record(text: str, *, path: str, row: int) -> dict[str, object]:
    """Parse one line."""
    try:
        record = json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON ({error}): {shown(text)}", path=path, row=row) from error
    if not isinstance(record, dict) or not record:
        message = f"a JSON object with a key for each column was wanted, and {shown(text)} came"
        raise DataError(message, path=path, row=row)
    return record


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a value")


def _cell(value: object, *, path: str, row: int, column: str) -> Cell:
    """Turn a value to text or to a sequence of texts, or say why it is neither."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and _is_text(value):
        return str(value)
    if isinstance(value, list) and all(map(_is_item, value)):
        return tuple(value)
    if value is None:
        problem = "the row has no value"
    elif isinstance(value, str):
        problem = f"half of a surrogate pair is no text: {value!a}"
    elif isinstance(value, list):
        bad, place = _first_odd(value)
        problem = f"a list of texts was wanted, and item {place} is {bad}"
    else:
        problem = f"text or a number was wanted, and {shown(json.dumps(value))} came"
    raise DataError(problem, path=path, row=row, column=column)


def _first_odd(items: list[object]) -> tuple[str, int]:
    """Show the first item that is no text, and say which it is, counted from 1."""
    place = next(i for i, each in enumerate(items) if not _is_item(each))
    odd = items[place]
    return (odd if isinstance(odd, _Number) else shown(json.dumps(odd))), place + 1


def _is_item(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, _Number) and _is_text(value)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
