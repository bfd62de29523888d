"""Which views of an input are wanted, and how they are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.cli.patterns import check_pattern
from headgate.errors import DataError, UnknownNameError
from headgate.inspection.trace import Inspection
from headgate.inspection.view import View

VIEWS: Mapping[str, Callable[[Wishes, Inspection], View]]
_PLACED = {"gradients", "memory", "attribution"}
_SHOWN = 60  # characters of what came, in an error


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
        self._refuse_unused()

    def of(self, found: Inspection, inspect: Callable[[Any], Inspection]) -> list[View]:
        """Make the views of one input.

        Args:
            found: the input.
            inspect: the model's own, for a changed text.

        Returns:
            The views, in a fixed order.
        """
        names = self._names()
        if not self.views and found.attention is None:
            names = tuple(name for name in names if name != "attention")
        views = [VIEWS[name](self, found) for name in names]
        for each in self.queries:
            for text in (found.text, self.held_out.text if self.held_out else None):
                check_pattern(each, text or "")
            views.append(found.query(each, held_out=self.held_out))
        if self.clamps:
            views.append(found.what_if(*self.clamps, place=self.place))
        if self.changes:
            views.append(found.what_if_token(_changes(self.changes), inspect, place=self.place))
        return views

    def _names(self) -> tuple[str, ...]:
        asked = bool(self.queries or self.clamps or self.changes)
        return self.views or (() if asked else tuple(VIEWS))

    def _refuse_unused(self) -> None:
        """Refuse what none of the views would heed, rather than show something else."""
        names = self._names()
        if (self.layer is not None or self.names) and "gates" not in names:
            raise DataError("--layer and --gate are for --view gates: add it, or leave them out")
        if self.place is not None and not (_PLACED & {*names} or self.clamps or self.changes):
            raise DataError(
                f"--place is for --view {', '.join(sorted(_PLACED))}, --set and --change: add "
                "one, or leave it out"
            )
        if self.held_out is not None and not self.queries:
            raise DataError("--held-out is for --query: add a pattern, or leave it out")


def _changes(texts: Sequence[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    for text in texts:
        match = re.fullmatch(r"\s*([0-9]{1,12})\s*=(.*)", text, re.DOTALL)
        if match is None:
            raise DataError(f"--change wants N=TOKEN, such as 3=good, not {_short(text)!r}")
        number = int(match[1])
        if number in found:
            raise DataError(f"--change names token {number} twice: leave one out")
        found[number] = match[2]
    return found


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


VIEWS = {
    "gates": lambda wishes, found: found.gates(layer=wishes.layer, names=wishes.names or None),
    "gradients": lambda wishes, found: found.gradients(place=wishes.place),
    "memory": lambda wishes, found: found.memory(place=wishes.place),
    "attribution": lambda wishes, found: found.attribution(place=wishes.place),
    "attention": lambda _, found: found.alignment(),
}
