"""The package without the type checks of the tests, which a compiler cannot look through."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests import checking
from torch import Tensor

from headgate.kernels import operator


def _own(function: Any) -> Any:
    """The function of the package that a type checker has wrapped, or the same object."""
    if hasattr(function, "_dynamo_marked_constant"):
        return function  # a compiler does not look inside
    found = function
    while inspect.isfunction(found) and _checks(found.__code__.co_filename):
        found = getattr(found, "__wrapped__", None)
    return found if inspect.isfunction(found) else function


def _checks(filename: str) -> bool:
    return any(name in filename for name in ("jaxtyping", "beartype", checking.__file__))


def _parts(room: Any) -> Iterator[tuple[Any, str, Any]]:
    for name, value in list(vars(room).items()):
        own = inspect.isclass(value) and value.__module__.startswith("headgate")
        if own and not inspect.isclass(room):
            yield from _parts(value)
        elif inspect.isfunction(value):
            yield room, name, _own(value)
        elif isinstance(value, staticmethod):
            yield room, name, staticmethod(_own(value.__func__))
        elif isinstance(value, property) and value.fget is not None:
            yield room, name, property(_own(value.fget))


def take_off_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the functions as they are written in the place of those that check their types.

    Args:
        monkeypatch: what puts them back.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("headgate."):
            for place, own, function in _parts(module):
                if vars(place)[own] is not function:
                    monkeypatch.setattr(place, own, function)


def note_runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each time that the operator runs, forward or for a gradient.

    Args:
        monkeypatch: what ends it.

    Returns:
        A list that grows by "operator".
    """
    seen: list[str] = []
    first = operator._Call.run

    def run(call: operator._Call) -> list[Tensor]:
        seen.append("operator")
        return first(call)

    monkeypatch.setattr(operator._Call, "run", run)
    return seen
