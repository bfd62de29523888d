"""Numbers that stand as texts in a file, to tensors; what is none is named, with its reason."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.columns import shown

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})  # in any case

_NAN = float("nan")
_COMMA = re.compile(r"[-+]?\d+(?:\.\d{3})*,\d+")
_LARGEST = torch.finfo(torch.float32).max


@dataclass(frozen=True)
class Wrong:
    """A text that is no number.

    Args:
        place: which it is, counted from 0.
        why: what is wrong with it, and what to do.
    """

    place: int
    why: str


def is_missing(cell: str) -> bool:
    """Tell whether a text stands for a value that is not known.

    Args:
        cell: the text.

    Returns:
        Whether it is empty, or one of ``MISSING``.
    """
    return cell.strip().lower() in MISSING


def is_number_text(cell: str) -> bool:
    """Tell whether a text is a number, finite and known.

    Args:
        cell: the text.

    Returns:
        Whether ``read_numbers`` takes it for one.
    """
    return abs(_value(cell)) <= _LARGEST and "_" not in cell


def read_numbers(cells: Sequence[str]) -> Float[Tensor, "T"] | Wrong:
    """Read texts as numbers.

    White space at the ends is no matter, and the decimal sign is a point.

    Args:
        cells: the texts.

    Returns:
        The numbers, float32 [T], NaN where one is missing; or the first text that is none.

    Example:
        >>> read_numbers(["1e3", " 7 ", ""])
        tensor([1000.,    7.,   nan])
        >>> read_numbers(["1", "1,5"]).why
        "'1,5' has a comma: the decimal sign is a point, and thousands are not parted"
    """
    try:
        values = array("d", map(float, cells))
    except ValueError:
        cells, values = _to_the_first_wrong(cells)
    if not values:
        return torch.zeros(0)
    exact = torch.frombuffer(values, dtype=torch.float64)
    found = exact.float()
    bad = found.isinf()
    if bool(exact.isnan().any()):
        bad |= exact.isnan() & torch.tensor([not is_missing(cell) for cell in cells])
    if any("_" in cell for cell in cells):  # Python's own way to part thousands
        bad |= torch.tensor(["_" in cell for cell in cells])
    if not bool(bad.any()):
        return found
    place = int(bad.nonzero()[0])
    return Wrong(place, why_no_number(cells[place]))


def _to_the_first_wrong(cells: Sequence[str]) -> tuple[Sequence[str], array[float]]:
    """Read texts with missing ones among them, up to the first that is neither."""
    values = array("d")
    for place, cell in enumerate(cells):
        value = _value(cell)
        values.append(value)
        if isnan(value) and not is_missing(cell):
            return cells[: place + 1], values
    return cells, values


def why_no_number(cell: str) -> str:
    """Say what is wrong with a text that is no number.

    Args:
        cell: the text.

    Returns:
        A sentence without a capital.
    """
    text = cell.strip()
    if _COMMA.fullmatch(text):
        return (
            f"{shown(cell)} has a comma: the decimal sign is a point, and thousands are not parted"
        )
    if not isnan(value := _value(text)) and abs(value) > _LARGEST and "inf" not in text.lower():
        return f"{shown(cell)} is too large: a number is at most {_LARGEST:.2g}; use another unit"
    return f"a finite number was wanted, or nothing where it is missing, and {shown(cell)} came"


def number_text(value: float) -> str:
    """Write a number of single precision with the fewest digits; a whole one without a point.

    Args:
        value: the number.

    Returns:
        The text; empty for NaN.

    Example:
        >>> [number_text(value) for value in (3.0, 0.10000000149011612, float("nan"))]
        ['3', '0.1', '']
    """
    if isnan(value):
        return ""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    single = torch.tensor(value, dtype=torch.float32)
    texts = (f"{value:.{digits}g}" for digits in range(6, 10))
    alike = (text for text in texts if torch.tensor(float(text), dtype=torch.float32) == single)
    return next(alike, repr(value))


def _value(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return _NAN
