"""What streams of numbers and of several tokens take, as a program or JSON says it."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from headgate.errors import DataError

_DEEPEST = 3  # steps, rows, channels


def shown(value: Any) -> str:
    """Write what came in few words, however large or deep it is.

    Args:
        value: anything.

    Returns:
        One line.
    """
    try:
        return reprlib.repr(value)
    except (ValueError, RecursionError):  # an integer of too many digits
        return f"something of the type {type(value).__name__}"


def listed(chunk: Any, wanted: str) -> list[Any]:
    """Take several tokens.

    Args:
        chunk: what came.
        wanted: what it should be, for the message.

    Returns:
        The tokens.

    Raises:
        DataError: they are not several.
    """
    if not isinstance(chunk, (str, bytes, Mapping)) and isinstance(chunk, Iterable):
        try:
            return list(chunk)
        except TypeError:  # a tensor of one number has no length, though it has the method
            pass
    raise DataError(f"wanted: {wanted}; {shown(chunk)} came")


def numbers(given: Any, wanted: str) -> Tensor:
    """Take numbers.

    Args:
        given: a tensor, an array, a number, or lists of such; None is a missing number.
        wanted: what it should be, for the message.

    Returns:
        The numbers in the shape in which they came, float32; NaN where one is missing.

    Raises:
        DataError: something in it is no number, or its lists are of several lengths.
    """
    if isinstance(given, Tensor) and _is_plain(given):
        return given.detach().to("cpu", torch.float32)
    try:
        return torch.tensor(_plain(given), dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise DataError(f"wanted: {wanted}; {shown(given)} came") from error


def _is_plain(given: Tensor) -> bool:
    """Whether a tensor holds real numbers, one at each place."""
    dense = given.layout is torch.strided and not given.is_nested and not given.is_meta
    return dense and given.dtype is not torch.bool and not given.is_complex()


def _plain(given: Any, depth: int = 0) -> Any:
    if given is None:
        return float("nan")
    if hasattr(given, "tolist"):  # of numpy and of torch, true and false among them
        given = given.tolist()
    if isinstance(given, Sequence) and not isinstance(given, (str, bytes)) and depth < _DEEPEST:
        return [_plain(each, depth + 1) for each in given]
    if isinstance(given, bool) or not isinstance(given, Real):
        raise TypeError
    return float(given)
