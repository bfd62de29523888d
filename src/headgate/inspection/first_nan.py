"""The first NaN of a run: which value of which step became it, and from what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headgate.inspection.nan_gradient import first_gradient
from headgate.inspection.nan_operands import origin_of
from headgate.inspection.nan_place import LEAVES, Nan, Place, describe, first
from headgate.inspection.nan_walk import Moment, Problem, Walk, problem_of
from headgate.program import Node

Bad = Callable[[Tensor], Tensor]


def find_nan(  # noqa: PLR0913 - what a layer takes, and what is looked for
    layer: nn.Module,
    x: Float[Tensor, "_ _ M"],
    state: Tensor | tuple[Tensor, ...] | None = None,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    resets: Tensor | None = None,
    infinite: bool = False,
    gradient: bool = False,
    loss: Callable[[Tensor], Tensor] | None = None,
) -> Nan | None:
    """Find the first NaN that a layer makes, and the operation that made it of other numbers.

    The layer is run step by step, each layer after the one below and each direction by itself; a
    layer in training draws its dropout anew.

    Args:
        layer: a ``Recurrent`` of any cell, or an ``hg.LSTM``, ``hg.GRU`` or ``hg.RNN``.
        x: the input, as the layer takes it, of three axes.
        state: the state before the first step, as the layer takes it.
        lengths: the steps of each row, [B]; what stands past a row's end is not looked at.
        resets: the steps before which a row begins anew, of a ``Recurrent``, as it takes them.
        infinite: an infinite value counts, too.
        gradient: if the values are in order, also look for the last state, the first backward,
            whose gradient is NaN or infinite.
        loss: from the outputs, as the layer gives them, to the number whose gradient is taken;
            their sum where None. It is asked only for a gradient.

    Returns:
        What was found, whose text says it in a sentence or two; None where all is in order.

    Raises:
        UnknownNameError: another layer.
        ShapeError: the input, the state, the lengths or the resets do not fit, or the loss is no
            number.

    Example:
        >>> import headgate as hg
        >>> rnn, x = hg.Recurrent("gru", 2, 3), torch.zeros(4, 1, 2)
        >>> x[2, 0, 1] = torch.nan
        >>> print(hg.find_nan(rnn, x))
        The input holds NaN already, at step 2, row 0, unit 1.
    """
    bad: Bad = _not_finite if infinite else torch.isnan
    with torch.no_grad():
        problem = problem_of(layer, x, state, lengths, resets)
        found = _before(layer, problem, bad) or _during(problem, bad)
    if found is not None or not gradient:
        return found
    with torch.enable_grad():
        return first_gradient(problem, loss)


def _not_finite(value: Tensor) -> Tensor:
    return ~value.isfinite()


def _before(layer: nn.Module, problem: Problem, bad: Bad) -> Nan | None:
    """Look at what is there before the first step."""
    found = _parameters(dict(layer.named_parameters()), bad)
    for number, directions in enumerate(problem.weights):
        for end, weights in zip(("", "_reverse"), directions, strict=False):
            named = {f"{name}_l{number}{end}": value for name, value in weights.items()}
            found = found or _parameters(named, bad)
    return found or _input(problem, bad) or _initial(problem, bad)


def _parameters(tensors: Mapping[str, Tensor], bad: Bad) -> Nan | None:
    for name, value in tensors.items():
        marks = bad(value)
        if marks.any():
            index = first(marks)
            return Nan("parameter", value[index].item(), f"{name}{list(index)}", Place())
    return None


def _input(problem: Problem, bad: Bad) -> Nan | None:
    steps = torch.arange(problem.x.shape[0])[:, None]
    there = (steps < problem.lengths).to(problem.x.device)
    marks = bad(problem.x) & there[..., None]
    if not marks.any():
        return None
    step, row, unit = first(marks)
    place = Place(step=step, row=row, unit=unit)
    return Nan("input", problem.x[step, row, unit].item(), "input", place)


def _initial(problem: Problem, bad: Bad) -> Nan | None:
    sides = len(problem.weights[0])
    for name, state in zip(problem.program.states, problem.states, strict=True):
        marks = bad(state)
        if marks.any():
            depth, row, unit = first(marks)
            place = Place(depth // sides, bool(depth % sides), row=row, unit=unit)
            return Nan("state", state[depth, row, unit].item(), name, place)
    return None


def _during(problem: Problem, bad: Bad) -> Nan | None:
    for moment in Walk(problem).moments():
        for node in problem.program.nodes:
            # leaves that a step finds were looked at before; its projections it makes
            marks = None if node.op in LEAVES[1:] else bad(moment.value(node))
            if marks is not None and marks.any():
                return _found(moment, node, first(marks))
    return None


def _found(moment: Moment, node: Node, index: tuple[int, ...]) -> Nan:
    origin = origin_of(moment, node, index)
    value = moment.value(node)[index].item()
    return Nan("value", value, describe(node, moment.step.program), origin.place, origin)
