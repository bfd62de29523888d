"""What is done to look into a model: in the model's own thread, as its predictions are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from headgate.errors import DataError, ShapeError
from headgate.inspection.clamp import Clamp
from headgate.inspection.gates import gate_names
from headgate.inspection.held_trace import held_trace
from headgate.inspection.passes import passes_of
from headgate.inspection.trace import Inspection
from headgate.inspection.window import MOST_CELLS, rounded, window
from headgate.server.answers import plain
from headgate.server.inputs import taken
from headgate.server.look_answers import after_step, changes_of, gradients_of, ranked
from headgate.server.look_schemas import (
    LookAnswer,
    LookAttentionAnswer,
    LookGradientsAnswer,
    LookGradientsRequest,
    LookStepAnswer,
    LookStepRequest,
    LookValuesAnswer,
    LookValuesRequest,
    LookWhatIfAnswer,
    LookWhatIfRequest,
    PartCard,
    ValueCard,
)
from headgate.server.looks import Look, Looks, Seen, check_size
from headgate.server.problems import ProblemError
from headgate.server.served import Served


def look(served: Served, looks: Looks, given: Any) -> LookAnswer:
    """Look into a model with an input.

    Args:
        served: the model.
        looks: where the inspection is kept.
        given: the input, as JSON gives it.

    Returns:
        What there is to see.

    Raises:
        ProblemError: the model cannot take the input, or it is too long.
    """
    model, limits = served.model, served.limits
    with _plainly(), _pointed():
        with taken(model, [given], characters=limits.characters, steps=limits.steps) as ready:
            found = model.inspect(ready[0])
            parts = _parts_of(found)
            for each in parts.values():
                check_size(each)
            said = plain(model.predict(ready)[0])
            seen = {name: Seen(each, each.trace) for name, each in parts.items()}
        cards = [_card(name, each) for name, each in seen.items()]
    return LookAnswer(
        id=looks.add(Look(served.name, seen)),
        model=served.name,
        task=model.task.name,
        prediction=said,
        parts=cards,
        attention=found.attention is not None,
    )


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Leave the mode of the model's thread, in which nothing can have a gradient ever after."""
    with torch.inference_mode(False), torch.no_grad():
        yield


@contextlib.contextmanager
def _pointed() -> Iterator[None]:
    """Say where the one input stands in its request."""
    try:
        yield
    except (DataError, ShapeError) as error:
        raise ProblemError(422, str(error).replace("/inputs/0", "/input")) from error


def _parts_of(found: Inspection) -> dict[str, Inspection]:
    if found.decoder is None:
        return {"network": found}
    return {"encoder": found, "decoder": found.decoder}


def _card(name: str, seen: Seen) -> PartCard:
    part = seen.inspection
    gates = gate_names(passes_of(part.layers)[0][0].program)
    return PartCard(
        name=name,
        tokens=list(part.tokens),
        layers=list(part.passes),
        values=[_value(each, each in gates, values) for each, values in seen.trace.items()],
        places=list(part.outcome.places),
        kind=part.outcome.kind,
        aligned=part.outcome.aligned,
    )


def _value(name: str, gate: bool, values: torch.Tensor) -> ValueCard:
    low, high = rounded(torch.stack([values.amin(), values.amax()]))
    return ValueCard(name=name, gate=gate, units=values.shape[-1], low=low, high=high)


def values(looks: Looks, asked: LookValuesRequest) -> LookValuesAnswer:
    """Give a window on a gate or state.

    Args:
        looks: the inspections.
        asked: which.

    Returns:
        The window.

    Raises:
        ProblemError: there is no such inspection, or the two have other units.
    """
    mine = _trace(looks, asked.id, asked)
    if asked.minus is not None:
        other = _trace(looks, asked.minus, asked)
        if mine.shape[1] != other.shape[1]:
            raise ProblemError(
                422, f"there is no difference of {mine.shape[1]} and {other.shape[1]} units"
            )
        both = min(len(mine), len(other))
        mine = mine[:both] - other[:both]
    steps, units = asked.steps or [1, len(mine)], asked.units or [0, mine.shape[1] - 1]
    found = window(
        mine, steps=(steps[0], steps[1]), units=(units[0], units[1]), columns=asked.columns
    )
    return LookValuesAnswer(**found.plain())


def _trace(looks: Looks, id: str, asked: LookValuesRequest | LookStepRequest) -> torch.Tensor:
    seen = looks.named(id).part(asked.part)
    place = seen.inspection.pass_of(asked.layer)
    seen.inspection.named(asked.name)
    return seen.trace[asked.name][place]


def step(looks: Looks, asked: LookStepRequest) -> LookStepAnswer:
    """Name the units that are most open and most shut at a step.

    Args:
        looks: the inspections.
        asked: which step of which gate or state.

    Returns:
        The units, and what the model says after the step.

    Raises:
        ProblemError: there is no such inspection or step.
    """
    seen, trace = looks.named(asked.id).part(asked.part), _trace(looks, asked.id, asked)
    if asked.step > len(trace):
        raise ProblemError(422, f"there is no step {asked.step}: there are {len(trace)}")
    row = trace[asked.step - 1]
    with _plainly():
        says = [] if seen.held else after_step(seen.inspection, asked.step)
    return LookStepAnswer(
        step=asked.step,
        token=seen.inspection.tokens[asked.step - 1],
        mean=rounded(row.mean()[None])[0],
        highest=ranked(row, asked.count, descending=True),
        lowest=ranked(row, asked.count, descending=False),
        says=says,
    )


def attention(looks: Looks, id: str) -> LookAttentionAnswer:
    """Give where a model looked.

    Args:
        looks: the inspections.
        id: of one.

    Returns:
        The attention.

    Raises:
        ProblemError: there is no such inspection, the model has no attention, or it is too large.
    """
    first = next(iter(looks.named(id).parts.values()))
    found = first.inspection.attention
    if found is None or first.held:
        raise ProblemError(422, "there is no attention to see here")
    if found.weights.numel() > 3 * MOST_CELLS:
        raise ProblemError(413, f"the attention has over {3 * MOST_CELLS} weights: send less text")
    weights = rounded(found.weights)
    return LookAttentionAnswer(
        source=list(found.source), target=list(found.target), weights=weights
    )


def gradients(looks: Looks, asked: LookGradientsRequest) -> LookGradientsAnswer:
    """Give how an answer depends on each step.

    Args:
        looks: the inspections.
        asked: which answer.

    Returns:
        The attribution, and the gradient in the states.

    Raises:
        ProblemError: there is no such inspection.
    """
    seen = _unheld(looks, asked.id, asked.part)
    with _plainly():
        return gradients_of(seen.inspection, asked.place)


def _unheld(looks: Looks, id: str, part: str) -> Seen:
    seen = looks.named(id).part(part)
    if seen.held:
        raise ProblemError(422, "of a what-if there are gates and states alone: name the first id")
    return seen


def what_if(looks: Looks, asked: LookWhatIfRequest) -> LookWhatIfAnswer:
    """Hold gates and states, and see the answer change, and the other states.

    Args:
        looks: the inspections.
        asked: what is held.

    Returns:
        The answers that changed most, and the name of the changed states.

    Raises:
        ProblemError: there is no such inspection.
    """
    seen, model = _unheld(looks, asked.id, asked.part), looks.named(asked.id).model
    clamps = [
        Clamp(
            each.name,
            each.value,
            layer=each.layer,
            units=None if each.units is None else range(each.units[0], each.units[1] + 1),
            steps=None if each.steps is None else range(each.steps[0], each.steps[1] + 1),
        )
        for each in asked.clamps
    ]
    with _plainly():
        found = seen.inspection.what_if(*clamps)
        trace = held_trace(seen.inspection, clamps)
        parts = {asked.part: Seen(seen.inspection, trace, held=True)}
        name = looks.add(Look(model, parts, of=asked.id))
        return changes_of(found, name)
