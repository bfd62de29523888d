"""Arrays of numpy in one .npz file, as a table: each is a column, and its first axis are the rows.

Only numbers and texts are read, never Python objects, which could run code.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from headgate.data.array_rows import ends_of, series_rows
from headgate.data.columns import Cell, Table
from headgate.data.numerals import number_text
from headgate.errors import DataError

_TARGETS = ("y", "label", "labels", "target", "targets", "class")  # which vector is meant
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, TypeError, SyntaxError,
    NotImplementedError, RuntimeError, MemoryError, struct.error,
)  # fmt: skip
_NUMBERS, _TEXTS = "fiub", "USM"  # kinds of numpy's types; M are dates
_SEQUENCES = 2  # dimensions of an array of texts whose rows are sequences
_SINGLE = 4  # bytes of a number of single precision
_EXACT = 1e15  # below it each whole number is exact
_LISTED = 20

Array = np.ndarray


def read_npz(data: bytes, *, path: str) -> Table:
    """Read an .npz file.

    An array of numbers [N, T] or [N, T, F] is a column of series, float32 [T, F]; one of more
    dimensions, such as the frames of a video, stays uint8 if it is that, or becomes float32. A
    vector is a column of texts, an array of texts [N, T] one of sequences. A vector "lengths", or
    an array "mask" [N, T], true where a step is, is no column: it says how long each series is.

    Args:
        data: the file's bytes.
        path: the file, for errors.

    Returns:
        The table. Where one array alone has two dimensions or more it is the input, and the only
        vector, or the one that is called "y", "label" or "target", the target.

    Raises:
        DataError: the file is damaged or no .npz, or holds Python objects; the arrays' first sizes
            differ; a value is infinite; a series has no step.

    Example:
        >>> file = io.BytesIO()
        >>> np.savez(file, x=np.zeros((2, 3)), y=np.array([4, 5]))
        >>> table = read_npz(file.getvalue(), path="a.npz")
        >>> table.roles, table.rows[1][0].shape, table.rows[1][1]
        (('x', 'y'), torch.Size([3, 1]), '5')
    """
    arrays = dict(_arrays(data, path))
    notes = [f"the array {n!r} is a single value, and is passed over" for n in _single(arrays)]
    arrays = {name: array for name, array in arrays.items() if array.ndim}
    count = _count(arrays, path)
    series = [name for name, array in arrays.items() if _is_series(name, array)]
    ends, used = ends_of(arrays, series, path)
    series = [name for name in series if name not in used]
    columns: dict[str, Sequence[Cell]] = {}
    for name, array in arrays.items():
        if name in series:
            columns[name], said = series_rows(name, array, ends, path)
            notes += said
        elif name not in used:
            columns[name] = _texts(name, array, path)
    rows = [list(cells) for cells in zip(*columns.values(), strict=True)]
    roles = _roles(columns, series)
    numbers = range(1, count + 1)
    return Table(path, tuple(columns), rows, numbers, False, tuple(notes), roles=roles)


def _arrays(data: bytes, path: str) -> Iterator[tuple[str, Array]]:
    """Load each array; a pickle is never opened."""
    try:
        opened = np.load(io.BytesIO(data), allow_pickle=False)
    except _BROKEN as error:
        raise DataError(
            f"this is no .npz file, or it is damaged or cut off: write it by numpy.savez, or fetch "
            f"it again ({_first_line(error)})",
            path=path,
        ) from error
    if not isinstance(opened, np.lib.npyio.NpzFile):
        raise DataError(
            "this is one array, as numpy.save writes it: write it by numpy.savez(FILE, x=…, y=…), "
            "which names the arrays",
            path=path,
        )
    with opened:
        for name in opened.files:
            yield name, _array(opened, name, path)


def _array(opened: Any, name: str, path: str) -> Array:
    try:
        array = opened[name]
    except _BROKEN as error:
        objects = "allow_pickle" in str(error)
        why = (
            "holds Python objects, which could run code and are not read: make it one array of "
            'numbers or texts; rows of unequal lengths are filled up, with a vector "lengths"'
            if objects
            else f"is damaged or cut off: fetch the file again ({_first_line(error)})"
        )
        raise DataError(f"the array {name!r} {why}", path=path) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in _NUMBERS + _TEXTS:
        kind = getattr(array, "dtype", "a file of another kind")
        raise DataError(f"the array {name!r} is of {kind}: numbers or texts were wanted", path=path)
    return array


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _single(arrays: Mapping[str, Array]) -> list[str]:
    return [name for name, array in arrays.items() if not array.ndim]


def _count(arrays: Mapping[str, Array], path: str) -> int:
    """Give the number of rows, which all arrays share."""
    shapes = [f"{name} {array.shape}" for name, array in arrays.items()]
    listed = ", ".join(shapes[:_LISTED]) + (", …" if len(shapes) > _LISTED else "")
    counts = {len(array) for array in arrays.values()}
    if len(counts) > 1:
        raise DataError(
            "the first axis of each array are the rows, so that all are equally long there, and "
            f"these came: {listed}; write one file for each part",
            path=path,
        )
    if not counts or 0 in counts or any(0 in array.shape for array in arrays.values()):
        raise DataError(f"there is no row or no step: {listed or 'no array'}", path=path)
    return counts.pop()


def _is_series(name: str, array: Array) -> bool:
    """Tell series from vectors; a target may be a vector with an axis of one."""
    vector = array.ndim == 1 or (name.lower() in _TARGETS and array.shape[1:] == (1,))
    return not vector and array.dtype.kind in _NUMBERS


def _texts(name: str, array: Array, path: str) -> list[Cell]:
    """Give an array's rows as texts, or as sequences of texts."""
    kind = array.dtype.kind
    if kind in _TEXTS and array.ndim > _SEQUENCES:
        raise DataError(
            f"the array {name!r} of texts has the shape {array.shape}: a text, or a sequence of "
            "texts, was wanted for each row",
            path=path,
        )
    try:
        plain = array.astype(str) if kind in "SM" else array
    except UnicodeDecodeError as error:
        message = f"the array {name!r} has bytes that are no text: store it as texts (dtype str)"
        raise DataError(message, path=path) from error
    if kind in _TEXTS and array.ndim == _SEQUENCES:
        return [tuple(row) for row in plain.tolist()]
    write = number_text if array.dtype.itemsize <= _SINGLE and kind == "f" else _text
    return [write(value) for value in plain.reshape(-1).tolist()]


def _text(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < _EXACT
        return "" if isnan(value) else str(int(value) if whole else value)
    return str(value)


def _roles(columns: Mapping[str, object], series: list[str]) -> tuple[str, str | None] | None:
    if len(series) != 1:
        return None
    vectors = [name for name in columns if name not in series]
    named = [name for name in vectors if name.lower() in _TARGETS]
    if len(named) == 1 or len(vectors) == 1:
        return series[0], (named or vectors)[0]
    return None if vectors else (series[0], None)
