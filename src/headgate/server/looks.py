"""Inspections that are kept for a while, so that a page can ask for one part after the other."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from headgate.inspection.trace import Inspection
from headgate.server.problems import ProblemError

MOST_KEPT = 32
MOST_BYTES = 512 << 20  # of all that are kept
ONE_HAS = 256 << 20  # bytes of one at most
_CHANGED = 3  # what-ifs of one inspection: a slider that is moved makes one after the other


@dataclass(frozen=True, eq=False)
class Seen:
    """Layers with an input, and every gate and state of them.

    Args:
        inspection: the layers with their input.
        trace: the gates and states, each [D, T, N]; of a what-if as they are then.
        held: whether it is of a what-if, so that nothing but the trace is of it.
    """

    inspection: Inspection
    trace: Mapping[str, Tensor]
    held: bool = False

    @property
    def size(self) -> int:
        """The bytes of its gates and states, and of the answers, which it keeps once asked for."""
        found = sum(value.nbytes for value in self.trace.values())
        return found if self.held else found + _answered(self.inspection)


@dataclass(frozen=True, eq=False)
class Look:
    """An inspection that is kept.

    Args:
        model: the name that clients call it.
        parts: "network", or "encoder" and "decoder".
        of: of a what-if the name of what was changed.
    """

    model: str
    parts: Mapping[str, Seen]
    of: str | None = None

    @property
    def size(self) -> int:
        """The bytes of its parts."""
        return sum(each.size for each in self.parts.values())

    def part(self, name: str) -> Seen:
        """Find a part.

        Args:
            name: of the part.

        Returns:
            The part.

        Raises:
            ProblemError: there is none of that name.
        """
        if name not in self.parts:
            raise ProblemError(422, f"no part {name!r}: there is {' and '.join(self.parts)}")
        return self.parts[name]


class Looks:
    """Keeps inspections, those that were used last; bounded in number and bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Look] = OrderedDict()
        self._lock = threading.Lock()  # every model has a thread that adds to them

    def add(self, look: Look) -> str:
        """Keep an inspection.

        Args:
            look: the inspection.

        Returns:
            Its name, which nobody can guess.
        """
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = look
            if look.of is not None:
                mine = [each for each, other in self._kept.items() if other.of == look.of]
                for each in mine[:-_CHANGED]:
                    del self._kept[each]
            while len(self._kept) > MOST_KEPT or self._size() > MOST_BYTES:
                self._kept.popitem(last=False)
        return name

    def _size(self) -> int:
        return sum(each.size for each in self._kept.values())

    def named(self, name: str) -> Look:
        """Find an inspection.

        Args:
            name: its name.

        Returns:
            The inspection.

        Raises:
            ProblemError: it is not kept, or no more.
        """
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                raise ProblemError(404, "the inspection is not kept any more: ask for it again")
            self._kept.move_to_end(name)
        return found


def check_size(part: Inspection) -> None:
    """Refuse an input that would take too much memory, before gates, states or answers are made.

    Args:
        part: the layers with the input.

    Raises:
        ProblemError: they would.
    """
    layers = part.layers
    steps, numbers = len(part.tokens), len(part.passes) * len(part.names) * layers.hidden_size
    size = 4 * steps * numbers + _answered(part)
    if size > ONE_HAS:
        raise ProblemError(
            413,
            f"the input has {steps} steps, and at most {steps * ONE_HAS // size} of this model can "
            "be looked into at once: send a shorter one",
        )


def _answered(part: Inspection) -> int:
    """Give the bytes of what the model answers to an input, also where it is not made yet."""
    return 4 * len(part.outcome.places) * max(1, len(part.outcome.choices))
