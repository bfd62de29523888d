"""Columns of Apache Arrow to cells: text, or a tuple of texts.

What is a number, a truth value or a date becomes the text that a person would write. What has no
such text (a picture, a record in a record) is refused, and so is a row without a value: a guess
would be learned from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from headgate.data.columns import Cell
from headgate.errors import MissingExtraError

_FRACTION = re.compile(r"\.(\d*?)0*(?=\D|$)")  # of a second, with the zeros that a unit adds
_NO_LABEL = -1  # the data sets' mark for a row whose class is kept secret


class BadCellError(Exception):
    """A cell without a text.

    Args:
        row: its index in the column, counted from 0.
        message: why.
    """

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


def arrow() -> Any:
    """Import pyarrow when it is needed, and not before.

    Returns:
        The module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
    except ImportError as error:
        raise MissingExtraError("pyarrow", "data") from error
    return pyarrow


def refusal(kind: Any) -> str | None:
    """Say why a column cannot be read as text or as sequences of texts.

    Args:
        kind: the column's Arrow type.

    Returns:
        The reason, or None where it can be read.
    """
    inner = kind.value_type if _is_list(kind) else kind
    if _is_scalar(inner):
        return None
    return f"text, numbers, dates or lists of them were wanted, and a column of {kind} came"


def class_names(schema: Any) -> dict[str, list[str]]:
    """Find the names of classes that a file of the ``datasets`` library keeps beside its numbers.

    Args:
        schema: an Arrow schema.

    Returns:
        For each column of classes, or of sequences of them, the classes' names.
    """
    try:
        written = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = dict(written["info"]["features"])
    except (ValueError, KeyError, TypeError):
        return {}
    inner = {name: _element(feature) for name, feature in features.items()}
    return {
        name: list(each["names"])
        for name, each in inner.items()
        if isinstance(each, Mapping) and each.get("_type") == "ClassLabel" and each.get("names")
    }


def cells_of(column: Any, names: Sequence[str] | None = None) -> list[Cell]:
    """Turn an Arrow column to cells.

    Args:
        column: an array of a type that ``refusal`` lets pass.
        names: the classes' names, where the column holds their numbers.

    Returns:
        One cell a row.

    Raises:
        BadCellError: a row has no value, or one that has no text.
    """
    _refuse_null(column, "the row has no value")
    if not _is_list(column.type):
        return list(_texts(column, names))
    flat = column.flatten()
    lengths = arrow().compute.list_value_length(column).to_pylist()
    try:
        _refuse_null(flat, "an element of the sequence has no value")
        texts = _texts(flat, names)
    except BadCellError as error:
        raise BadCellError(_row_of(error.row, lengths), str(error)) from None
    found: list[Cell] = []
    start = 0
    for length in lengths:
        found.append(tuple(texts[start : start + length]))
        start += length
    return found


def _element(feature: Any) -> Any:
    """Look into a sequence: what it holds stands under "feature", or in a list of one."""
    if isinstance(feature, list) and len(feature) == 1:
        return feature[0]
    return feature.get("feature", feature) if isinstance(feature, Mapping) else feature


def _is_list(kind: Any) -> bool:
    types = arrow().types
    views = (getattr(types, name, None) for name in ("is_list_view", "is_large_list_view"))
    known = (types.is_list, types.is_large_list, types.is_fixed_size_list, *views)
    return any(test is not None and test(kind) for test in known)


def _is_text(kind: Any) -> bool:
    types = arrow().types
    is_view = getattr(types, "is_string_view", None)
    return (
        types.is_string(kind)
        or types.is_large_string(kind)
        or (is_view is not None and is_view(kind))
    )


def _is_scalar(kind: Any) -> bool:
    types = arrow().types
    inner = kind.value_type if types.is_dictionary(kind) else kind
    tests = (
        _is_text,
        types.is_boolean,
        types.is_integer,
        types.is_floating,
        types.is_decimal,
        types.is_date,
        types.is_time,
        types.is_timestamp,
        types.is_null,  # a column with no value at all: its first row is the error
    )
    return any(test(inner) for test in tests)


def _texts(array: Any, names: Sequence[str] | None) -> list[str]:
    """Write the values of an array without nulls."""
    if arrow().types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if names is not None and arrow().types.is_integer(array.type):
        return [_class(number, names, row) for row, number in enumerate(array.to_pylist())]
    if _is_text(array.type):
        return _valid(array)
    return _written(array)


def _written(array: Any) -> list[str]:
    """Write numbers, truth values and dates."""
    pa = arrow()
    if pa.types.is_floating(array.type):
        if pa.types.is_float16(array.type):
            array = array.cast(pa.float32())
        finite = pa.compute.is_finite(array).to_pylist()
        if not all(finite):
            row = finite.index(False)
            raise BadCellError(row, f"a number was wanted, and {array[row].as_py()} came")
    texts = array.cast(pa.string()).to_pylist()
    if pa.types.is_timestamp(array.type) or pa.types.is_time(array.type):
        return [_FRACTION.sub(_without_zeros, text) for text in texts]
    return texts


def _without_zeros(found: re.Match[str]) -> str:
    return f".{found[1]}" if found[1] else ""


def _valid(array: Any) -> list[str]:
    """Read text; a file can hold bytes under that name that are none."""
    try:
        return array.to_pylist()
    except UnicodeDecodeError:
        for row, value in enumerate(array):
            try:
                value.as_py()
            except UnicodeDecodeError as error:
                raise BadCellError(row, f"the text is not UTF-8: {error.reason}") from None
        raise


def _class(number: int, names: Sequence[str], row: int) -> str:
    if 0 <= number < len(names):
        return names[number]
    secret = ", which marks a row whose class is kept secret" if number == _NO_LABEL else ""
    raise BadCellError(row, f"class {number} is none of the {len(names)} with a name{secret}")


def _refuse_null(array: Any, message: str) -> None:
    if array.null_count:
        raise BadCellError(array.is_null().to_pylist().index(True), message)
    if arrow().types.is_null(array.type) and len(array):
        raise BadCellError(0, message)
    if arrow().types.is_dictionary(array.type) and array.dictionary.null_count:
        _refuse_null(array.dictionary_decode(), message)


def _row_of(place: int, lengths: Sequence[int]) -> int:
    """Find the row of an element by its place among all rows' elements."""
    end = 0
    for row, length in enumerate(lengths):
        end += length
        if place < end:
            return row
    return len(lengths) - 1
