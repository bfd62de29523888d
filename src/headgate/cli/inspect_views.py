"""Which views of an input are wanted, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.errors import DataError, UnknownNameError
from headgate.inspection.trace import Inspection
from headgate.inspection.view import View

VIEWS: Mapping[str, Callable[[Wishes, Inspection], View]]


@dataclass(frozen=True)
class Wishes:
    """What a user wants to see.

    Args:
        views: names of ``VIEWS``; where there are none, all that the input has, or only what
            ``queries``, ``clamps`` and ``changes`` ask for.
        layer: one layer alone.
        names: gates and states; all where there are none.
        place: the answer that counts.
        queries: patterns that units may follow.
        held_out: what the units are scored on.
        clamps: what if a gate or state were held.
        changes: what if a token were another, "3=good".
    """

    views: tuple[str, ...] = ()
    layer: str | None = None
    names: tuple[str, ...] = ()
    place: int | None = None
    queries: tuple[str, ...] = ()
    held_out: Inspection | None = None
    clamps: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.views:
            if name not in VIEWS:
                raise UnknownNameError("view", name, VIEWS)

    def of(self, found: Inspection, inspect: Callable[[Any], Inspection]) -> list[View]:
        """Make the views of one input.

        Args:
            found: the input.
            inspect: the model's own, for a changed text.

        Returns:
            The views, in a fixed order.
        """
        asked = bool(self.queries or self.clamps or self.changes)
        names = self.views or (() if asked else tuple(VIEWS))
        if not self.views and found.attention is None:
            names = tuple(name for name in names if name != "attention")
        views = [VIEWS[name](self, found) for name in names]
        views += [found.query(each, held_out=self.held_out) for each in self.queries]
        if self.clamps:
            views.append(found.what_if(*self.clamps, place=self.place))
        if self.changes:
            views.append(
                found.what_if_token(dict(map(_change, self.changes)), inspect, place=self.place)
            )
        return views


def _change(text: str) -> tuple[int, str]:
    number, equals, token = text.partition("=")
    if not equals or not number.strip().isdecimal():
        raise DataError(f"--change wants N=TOKEN, such as 3=good, not {text!r}")
    return int(number), token


VIEWS = {
    "gates": lambda wishes, found: found.gates(layer=wishes.layer, names=wishes.names or None),
    "gradients": lambda wishes, found: found.gradients(place=wishes.place),
    "memory": lambda wishes, found: found.memory(place=wishes.place),
    "attribution": lambda wishes, found: found.attribution(place=wishes.place),
    "attention": lambda _, found: found.alignment(),
}
