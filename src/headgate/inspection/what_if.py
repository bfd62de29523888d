"""What if: a gate held, a unit silenced, a state exchanged, a token changed; what is answered?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import DataError
from headgate.inspection import what_if_drawing
from headgate.inspection.agreement import change, matched
from headgate.inspection.clamp import GRAMMAR, Clamp, held, names_held, parse_clamp
from headgate.inspection.other_text import replaced
from headgate.inspection.passes import Pass, States, plain, run_passes
from headgate.inspection.trace import Inspection
from headgate.inspection.view import View
from headgate.kernels import Run, scan
from headgate.program.interventions import interventions

__all__ = ["Clamp", "WhatIf", "parse_clamp", "what_if", "what_if_token"]


@dataclass(frozen=True, eq=False)
class WhatIf(View):
    """An answer before and after something was changed.

    Args:
        changes: what was changed, as a user writes it.
        kind: as that of the ``Outcome``: log-probabilities or numbers.
        places: the names of the S answers that both runs have.
        numbers: their numbers among all answers of the first run, from 0.
        choices: the V names of what is answered; () where they have none.
        before: the answer as it was, [S, V], on the CPU.
        after: the answer after the change, [S, V].
        score: the score before and after, [2]: of what came or was decided before.
        place: the row of the answer that counts; all where None.
        unit: "nats" where the score is one of log-probabilities.
        note: a sentence on places that have no counterpart; "" where all have.
    """

    title = "What if"

    changes: tuple[str, ...]
    kind: str
    places: tuple[str, ...]
    numbers: tuple[int, ...]
    choices: tuple[str, ...]
    before: Float[Tensor, "S V"]
    after: Float[Tensor, "S V"]
    score: Float[Tensor, "_"]
    place: int | None = None
    unit: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        # a page has several: each is known by what was changed
        asked = what_if_drawing.question(self.changes)
        counts = "" if self.place is None else f" Answer {self.numbers[self.place]}"
        object.__setattr__(self, "title", f"{asked}{counts}")

    @property
    def change(self) -> Float[Tensor, "S"]:
        """How far each answer changed: total variation, or the greatest difference; [S]."""
        return change(self.before, self.after, self.kind)

    def arrays(self) -> Mapping[str, Tensor]:
        """Give what was found.

        Returns:
            "before" and "after", [S, V], "change", [S], and "score", [2].
        """
        names = ("before", "after", "change", "score")
        return {name: getattr(self, name) for name in names}

    def labels(self) -> Mapping[str, Sequence[str]]:
        """Give the names.

        Returns:
            "changes", "places", [S], "choices", [V] or empty, and "scores".
        """
        return {
            "changes": self.changes,
            "places": self.places,
            "choices": self.choices,
            "scores": ("before", "after"),
        }

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Write the answers that changed, and in a sentence or two what changed.

        Args:
            width: columns of the terminal; its present width where None.
            colour: of no effect: numbers alone are shown.

        Returns:
            Lines without a newline at the end.
        """
        return what_if_drawing.as_text(self, width)

    def figure(self) -> Any:
        """Draw the choices before and after as bars, a series of numbers as lines.

        Returns:
            A ``plotly.graph_objects.Figure``: of the answer that counts, or changed most.
        """
        return what_if_drawing.figure(self)


def what_if(inspection: Inspection, *changes: Clamp | str, place: int | None = None) -> WhatIf:
    """Run the layers once more with gates and states held.

    What a model wrote stays as it was: of a translator, each token is judged after the same tokens.

    Args:
        inspection: the layers with their input.
        *changes: each a ``Clamp``, or a text such as "forget=1" or "h[5]=0", as ``parse_clamp``
            reads it; where two hold the same, the later one counts.
        place: the answer that counts, from 0, or counted from the end below 0; all where None.

    Returns:
        The view.

    Raises:
        DataError: there is no change, or no such unit, step or answer.
    """
    if not changes:
        raise DataError(f"no change is named: {GRAMMAR}")
    clamps = [parse_clamp(each) if isinstance(each, str) else each for each in changes]
    with torch.no_grad():
        x = inspection.inputs[:, None]
        turn = partial(_turn, inspection, clamps)
        outputs, last = run_passes(inspection.layers, x, turn, inspection.start_of(1))
        after = inspection.outcome.of(outputs, last, x)[0].cpu()
    return _compared(inspection, inspection, after, tuple(map(str, clamps)), place)


def _turn(
    inspection: Inspection, clamps: Sequence[Clamp], side: Pass, x: Tensor, states: States
) -> Run:
    given = held(inspection, side, clamps)
    if not given:
        return plain(side, x, states)
    program = interventions(side.program, names_held(given))
    return scan(program, x, side.weights, states, reverse=side.reverse, given=given)


def what_if_token(
    inspection: Inspection,
    changes: Mapping[int, str],
    inspect: Callable[[Any], Inspection],
    *,
    place: int | None = None,
) -> WhatIf:
    """Inspect the text once more with some tokens changed.

    Where the text is cut into another number of tokens, or another answer is written, those places
    are compared that both have.

    Args:
        inspection: of a text.
        changes: new tokens by the number of the token, counted from 1.
        inspect: the model's own, from a text to its inspection.
        place: the answer that counts, from 0, or counted from the end below 0; all where None.

    Returns:
        The view.

    Raises:
        DataError: the input is no text, or there is no such token or answer.
    """
    if inspection.text is None:
        raise DataError(
            "a token can be changed where the input is a text, and this one is none; what_if "
            "holds gates and states of any input"
        )
    other = inspect(replaced(inspection.text, inspection.tokens, changes))
    if other.outcome.choices != inspection.outcome.choices or other.passes != inspection.passes:
        raise DataError("the changed text was inspected by another model: its answers differ")
    names = tuple(f"token {n}={token}" for n, token in sorted(changes.items()))
    return _compared(inspection, other, other.answer, names, place)


def _compared(
    inspection: Inspection,
    other: Inspection,
    after: Float[Tensor, "S V"],
    changes: tuple[str, ...],
    place: int | None,
) -> WhatIf:
    """Put two answers side by side."""
    outcome, before = inspection.outcome, inspection.answer
    pairs = matched(outcome.places, other.outcome.places)
    rows, others = [row for row, _ in pairs], [row for _, row in pairs]
    counts = None if place is None else inspection.place_of(place)
    if counts is not None and counts not in rows:
        raise DataError(
            f"answer {counts} has no counterpart after the change: the answer is another one; "
            "leave the place out to compare what both have"
        )
    whole = before.clone()
    whole[rows] = after[others]
    return WhatIf(
        changes,
        outcome.kind,
        tuple(outcome.places[row] for row in rows),
        tuple(rows),
        outcome.choices,
        before[rows],
        after[others],
        inspection.scores(torch.stack([before, whole]), counts),
        None if counts is None else rows.index(counts),
        "" if outcome.targets is None else "nats",
        _note(inspection, other, len(pairs)),
    )


def _note(inspection: Inspection, other: Inspection, count: int) -> str:
    """Say what the answer was and is where a model wrote another one."""
    was, now = inspection.outcome.places, other.outcome.places
    if len(was) == len(now) and (was == now or inspection.outcome.aligned):
        return ""
    compared = f"{count} of {len(was)} answers have a counterpart."
    if inspection.outcome.aligned:
        return compared
    written = (what_if_drawing.line(each) for each in (was, now))
    return "Written was {}, and now {}; {}".format(*written, compared)
