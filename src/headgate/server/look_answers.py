"""Views of an inspection as a page reads them: the likeliest choices, the greatest changes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.inspection.trace import LOG_PROBABILITIES, Inspection
from headgate.inspection.what_if import WhatIf
from headgate.inspection.window import rounded
from headgate.server.look_schemas import (
    Change,
    ChangedAnswer,
    LookGradientsAnswer,
    LookWhatIfAnswer,
    Said,
    StateNorms,
    UnitValue,
)

_CHOICES = 6  # that are shown of an answer
_ANSWERS = 24  # that are shown of a what-if
_INTEGRATED = 200  # steps up to which a gradient is integrated
_BACKWARDS = 1000  # steps up to which a gradient is followed step by step


def ranked(row: Float[Tensor, "N"], count: int, *, descending: bool) -> list[UnitValue]:
    """Name the units with the greatest values, or the least.

    Args:
        row: the values.
        count: how many are named.
        descending: whether the greatest are.

    Returns:
        The units, the furthest out first; of equal ones the first.
    """
    order = row.argsort(descending=descending, stable=True)[:count]
    numbers = rounded(row[order], 6)
    return [UnitValue(unit=u, value=v) for u, v in zip(order.tolist(), numbers, strict=True)]


def after_step(inspection: Inspection, step: int) -> list[Said]:
    """Say what a model answers after a step.

    Args:
        inspection: the model with its input.
        step: from 1.

    Returns:
        The likeliest choices, or the numbers; nothing where no answer follows from a step.
    """
    if not inspection.outcome.aligned or step > len(inspection.answer):
        return []
    row = _shown(inspection.answer[step - 1], inspection.outcome.kind)
    best = _best(row, inspection.outcome.choices)
    names = _names(inspection.outcome.choices, len(row))
    return [
        Said(choice=names[place], value=value)
        for place, value in zip(best, rounded(row[best], 6), strict=True)
    ]


def _shown(answers: Tensor, kind: str) -> Tensor:
    return answers.exp() if kind == LOG_PROBABILITIES else answers


def _best(row: Tensor, choices: tuple[str, ...]) -> list[int]:
    """The places of the greatest; of what has no names the first ones."""
    if not choices:
        return [*range(min(len(row), _CHOICES))]
    return row.argsort(descending=True, stable=True)[:_CHOICES].tolist()


def _names(choices: tuple[str, ...], count: int) -> tuple[str, ...]:
    return choices or tuple(f"number {n + 1}" if count > 1 else "number" for n in range(count))


def changes_of(found: WhatIf, name: str) -> LookWhatIfAnswer:
    """Give a what-if as a page reads it.

    Args:
        found: the what-if.
        name: under which the changed states are kept.

    Returns:
        The answers that changed most, in their order.
    """
    change = found.change
    rows = change.nan_to_num(torch.inf).argsort(descending=True, stable=True)[:_ANSWERS]
    before, after = (_shown(each, found.kind) for each in (found.before, found.after))
    return LookWhatIfAnswer(
        id=name,
        changes=list(found.changes),
        answers=[_changed(found, row, before[row], after[row]) for row in rows.sort()[0].tolist()],
        count=len(change),
        changed=int((before.argmax(1) != after.argmax(1)).sum()) if found.choices else 0,
        kind=found.kind,
        unit=found.unit,
        score=rounded(found.score, 6),
    )


def _changed(found: WhatIf, row: int, before: Tensor, after: Tensor) -> ChangedAnswer:
    places = list(dict.fromkeys(_best(before, found.choices) + _best(after, found.choices)[:3]))
    names = _names(found.choices, len(before))
    pairs = zip(places, rounded(before[places], 6), rounded(after[places], 6), strict=True)
    return ChangedAnswer(
        number=found.numbers[row],
        place=found.places[row],
        change=rounded(found.change[row][None], 6)[0],
        choices=[Change(choice=names[p], before=b, after=a) for p, b, a in pairs],
    )


def gradients_of(inspection: Inspection, place: int | None) -> LookGradientsAnswer:
    """Give how an answer depends on each step, as far as it is found in a moment.

    Args:
        inspection: the model with its input.
        place: the answer; the last where None.

    Returns:
        The attribution: integrated up to 200 steps, gradient × input beyond; the gradient in the
        states up to 1000 steps.
    """
    steps = len(inspection.tokens)
    method = "integrated_gradients" if steps <= _INTEGRATED else "gradient_x_input"
    shares = inspection.attribution(place=place, method=method)
    states, why = list[StateNorms](), f"the gradient is followed back over up to {_BACKWARDS} steps"
    if steps <= _BACKWARDS:
        states, why = _norms(inspection, place), None
    score, baseline = rounded(torch.tensor([shares.score, shares.baseline_score]), 6)
    return LookGradientsAnswer(
        answer=shares.answer,
        place=inspection.place_of(place),
        method=method,
        attribution=rounded(shares.steps),
        score=score,
        baseline=baseline,
        states=states,
        why=why,
    )


def _norms(inspection: Inspection, place: int | None) -> list[StateNorms]:
    found = inspection.gradients(place=place)
    return [
        # a gradient is seen on a scale of powers of ten: each number has digits of its own
        StateNorms(
            name=name,
            layer=layer,
            norms=[float(f"{each:.4g}") for each in norms[side].nan_to_num().tolist()],
        )
        for name, norms in found.norms.items()
        for side, layer in enumerate(found.passes)
    ]
