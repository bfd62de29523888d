"""A model run on many changed inputs at once, as rows that lie side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.inspection.passes import States, plain, run_passes
from headgate.inspection.trace import Inspection

_NUMBERS = 2**26  # that are held at once: 256 MiB of float32
_GATES = 6  # values of a unit that a step holds, about


def rows_at_once(inspection: Inspection) -> int:
    """Say how many rows a run may have, so that it stays within a few hundred megabytes.

    Args:
        inspection: of a model or of layers.

    Returns:
        1 or more.
    """
    units = sum(state.shape[0] * state.shape[2] for state in inspection.start_of(1))
    steps, features = inspection.inputs.shape
    answers = inspection.answer.numel()
    return max(1, min(512, _NUMBERS // (steps * (features + _GATES * units) + 3 * answers)))


def changed(
    inspection: Inspection, steps: Tensor, values: Float[Tensor, "K M"]
) -> Iterator[Float[Tensor, "B S V"]]:
    """Run a model on inputs that differ from its own at one step each.

    Args:
        inspection: of a model or of layers.
        steps: which step each input has changed, [K].
        values: what stands there, on the inputs' device.

    Yields:
        The answers to some of the K inputs, in their order, without a gradient.
    """
    size = rows_at_once(inspection)
    with torch.no_grad():
        outputs, _ = run_passes(
            inspection.layers, inspection.inputs[:, None], plain, inspection.start_of(1)
        )
    for some, there in zip(steps.split(size), values.split(size), strict=True):
        rows = torch.arange(len(some), device=there.device)
        x = inspection.inputs[:, None].repeat(1, len(some), 1)
        x[some.to(there.device), rows] = there
        # what comes before the first change is as it was, where nothing reads backwards
        first = 0 if inspection.layers.bidirectional else int(some.min())
        with torch.no_grad():
            y, last = run_passes(
                inspection.layers, x[first:], plain, _states_before(inspection, first, len(some))
            )
            whole = torch.cat([outputs[:first].expand(-1, len(some), -1), y])
            yield inspection.outcome.of(whole, last, x)


def _states_before(inspection: Inspection, step: int, rows: int) -> States:
    """The states that a step begins from, of layers in one direction, for several rows."""
    if step == 0:
        return inspection.start_of(rows)
    names, like = inspection.layers.program.states, inspection.inputs
    states = (inspection.trace[name][:, step - 1, None] for name in names)
    return tuple(state.to(like).expand(-1, rows, -1).contiguous() for state in states)


def gradients_at(
    inspection: Inspection, inputs: Iterable[Float[Tensor, "T M"]], place: int
) -> Iterator[tuple[Float[Tensor, "T M"], float]]:
    """Give the gradient of an answer's score in several inputs.

    Args:
        inspection: of a model or of layers.
        inputs: each [T, M].
        place: the number of the answer, from 0.

    Yields:
        For each input the gradient, float64 on the CPU, and the score.
    """
    size, left = rows_at_once(inspection), iter(inputs)
    while some := list(islice(left, size)):
        with torch.enable_grad():
            x = torch.stack(some, 1).detach().requires_grad_()
            scores = inspection.scores(inspection.answers(x), place)
            [got] = torch.autograd.grad(scores.sum(), x)
        yield from zip(got.double().cpu().unbind(1), scores.detach().tolist(), strict=True)
