"""The type checker of the tests: of what jaxtyping does, each function gets what it needs.

Where a signature has shapes, jaxtyping compares their axes, at some 20 µs a call. Most have none,
and beartype alone checks the same types of them in about one.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_type_hints

import beartype
import jaxtyping
import torch

_checked_with_shapes = jaxtyping.jaxtyped
# The tower lets an int stand for a float, as type checkers do.
_light = beartype.beartype(
    conf=beartype.BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError)
)


def install(rooms: Sequence[str]) -> None:
    """Check the types of all functions of some modules, before anything imports them.

    Args:
        rooms: the modules' names; what is inside them is checked, too.
    """
    # what the import hook writes above every function and class
    jaxtyping.jaxtyped = _checked  # type: ignore[assignment]
    jaxtyping.install_import_hook(
        rooms, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
    )
    torch.export.export = _unchecked(torch.export.export)


def _unchecked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check nothing inside a function of torch that calls ours with symbols for lengths."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        before = jaxtyping.config.jaxtyping_disable
        jaxtyping.config.update("jaxtyping_disable", True)
        try:
            return function(*args, **kwargs)
        finally:
            jaxtyping.config.update("jaxtyping_disable", before)

    return run


def _checked(*, typechecker: Any) -> Callable[[Any], Any]:
    return functools.partial(_check, with_shapes=_checked_with_shapes(typechecker=typechecker))


def _check(found: Any, *, with_shapes: Callable[[Any], Any]) -> Any:
    """Check a function, or the making of a data class."""
    if inspect.isfunction(found):
        hints = _plain_hints(found)
        return with_shapes(found) if hints is None else _by_types(found, hints)
    if not inspect.isclass(found) or not dataclasses.is_dataclass(found):
        return with_shapes(found)
    start: Any = vars(found).get("__init__")
    made = inspect.isfunction(start) and not hasattr(start, "__wrapped__")
    hints = _plain_hints(start) if made else None
    if hints is None:
        return with_shapes(found)
    found.__init__ = _by_types(start, hints)
    return found


def _by_types(function: Callable[..., Any], hints: dict[str, Any]) -> Callable[..., Any]:
    written = function.__annotations__
    # beartype would look for a name of the module in the class first
    function.__annotations__ = hints
    checked = _light(function)
    function.__annotations__ = written

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        return (function if jaxtyping.config.jaxtyping_disable else checked)(*args, **kwargs)

    return either


def _plain_hints(function: Any) -> dict[str, Any] | None:
    """The types of a signature, or None where it names a shape, or what is not defined yet."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception:
        return None
    return None if any(map(_is_shape, hints.values())) else hints


def _is_shape(hint: Any) -> bool:
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    parts = (part for arg in get_args(hint) for part in (arg if isinstance(arg, list) else [arg]))
    return any(map(_is_shape, parts))
