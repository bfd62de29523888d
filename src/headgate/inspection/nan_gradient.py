"""The first gradient, from the last step backward, that is not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from headgate.errors import ShapeError
from headgate.inspection.nan_operands import origin_of, place_of
from headgate.inspection.nan_place import LEAVES, Nan, Origin, Place, describe, first
from headgate.inspection.nan_walk import Moment, Problem, Walk
from headgate.program import Node
from headgate.program.operations import EVERY

Gradients = dict[int, Tensor]
"""By the identity of the tensor that they belong to."""


def first_gradient(problem: Problem, loss: Callable[[Tensor], Tensor] | None = None) -> Nan | None:
    """Find the first gradient, in backward order, that is not finite.

    Args:
        problem: a layer whose values are in order.
        loss: from the outputs, as the layer gives them, to a number; their sum where None.

    Returns:
        The last step after which a state's gradient is not finite; if no state's is, the last
        such value of a step. None where all is in order.

    Raises:
        ShapeError: the loss is no single number, or does not depend on the outputs.
    """
    x = problem.x.detach().requires_grad_()
    states = tuple(state.detach().requires_grad_() for state in problem.states)
    walk = Walk(replace(problem, x=x, states=states))
    moments = list(walk.moments())
    if not moments:
        return None
    outputs = walk.outputs
    whole = outputs.transpose(0, 1) if problem.batch_first else outputs
    number = whole.sum() if loss is None else loss(whole)
    if number.numel() != 1 or not number.requires_grad:
        raise ShapeError(
            f"the loss is one number that depends on the outputs, not {tuple(number.shape)}"
            f"{'' if number.requires_grad else ' without a gradient'}"
        )
    if not number.isfinite().all():
        return Nan("loss", number.item(), "the loss", Place())
    gradients = _gradients(number, [outputs, *_asked(moments)])
    return (
        _of_outputs(outputs, gradients)
        or _of_states(moments, gradients)
        or _of_values(moments, gradients)
    )


def _asked(moments: Sequence[Moment]) -> Iterator[Tensor]:
    for moment in moments:
        yield from (*moment.before, *moment.after)
        yield from (moment.values[node] for node in _made(moment))


def _made(moment: Moment) -> list[Node]:
    """The values that this step made, and no other one shares."""
    return [node for node in moment.step.program.nodes if node.op not in LEAVES[1:]]


def _gradients(number: Tensor, tensors: Sequence[Tensor]) -> Gradients:
    asked = {id(tensor): tensor for tensor in tensors if tensor.requires_grad}
    found = torch.autograd.grad(number.sum(), list(asked.values()), allow_unused=True)
    return {key: grad for key, grad in zip(asked, found, strict=True) if grad is not None}


def _marks(tensor: Tensor, gradients: Gradients) -> Tensor | None:
    """Where a gradient is not finite; None where it is everywhere."""
    gradient = gradients.get(id(tensor))
    if gradient is None or bool(gradient.isfinite().all()):
        return None
    return ~gradient.isfinite()


def _of_outputs(outputs: Tensor, gradients: Gradients) -> Nan | None:
    marks = _marks(outputs, gradients)
    if marks is None:
        return None
    step, row, unit = index = tuple(int(place) for place in marks.nonzero()[-1])
    value = gradients[id(outputs)][index].item()
    name = "the loss's gradient of the output"
    return Nan("loss", value, name, Place(step=step, row=row, unit=unit))


def _of_states(moments: Sequence[Moment], gradients: Gradients) -> Nan | None:
    for moment in reversed(moments):
        found = _of_step(moment, gradients)
        if found is None and not moment.turn:
            found = _of_initial(moment, gradients)
        if found is not None:
            return replace(found, origin=_cause(_after(moment, moments), gradients))
    return None


def _of_step(moment: Moment, gradients: Gradients) -> Nan | None:
    for name, state in zip(moment.step.program.states, moment.after, strict=True):
        marks = _marks(state, gradients)
        # a row that has not this step hands its state on: its own last step comes later
        own = None if marks is None else marks[moment.rows]
        if own is not None and own.any():
            row, unit = first(own)
            value = gradients[id(state)][moment.rows[row], unit].item()
            place = moment.place((row, unit))
            return Nan("gradient", value, f"the state {name!r} after the step", place)
    return None


def _of_initial(moment: Moment, gradients: Gradients) -> Nan | None:
    for name, state in zip(moment.step.program.states, moment.before, strict=True):
        marks = _marks(state, gradients)
        if marks is not None:
            row, unit = first(marks)
            place = Place(moment.layer, moment.reverse, None, row, unit)
            value = gradients[id(state)][row, unit].item()
            return Nan("gradient", value, f"the initial state {name!r}", place)
    return None


def _of_values(moments: Sequence[Moment], gradients: Gradients) -> Nan | None:
    found = _earliest(moments, gradients)
    if found is None:
        return None
    moment, node, index = found
    value = _rows(moment, gradients[id(moment.values[node])])[index].item()
    place, program = place_of(moment, node, index), moment.step.program
    name = describe(node, program)
    origin = _cause(_after(moment, moments), gradients)
    return Nan("gradient", value, name, place, origin)


def _earliest(
    moments: Sequence[Moment], gradients: Gradients
) -> tuple[Moment, Node, tuple[int, ...]] | None:
    """The first value of all, in backward order, whose gradient is not finite."""
    for moment in reversed(moments):
        for node in reversed(_made(moment)):
            marks = _marks(moment.values[node], gradients)
            if marks is not None:
                return moment, node, first(_rows(moment, marks))
    return None


def _rows(moment: Moment, value: Tensor) -> Tensor:
    return value.expand(len(moment.rows), -1)


def _after(moment: Moment, moments: Sequence[Moment]) -> list[Moment]:
    """The steps that a step's gradient may come through, itself among them."""
    later = moments[moments.index(moment) :]
    side = (moment.layer, moment.reverse)
    return [m for m in later if m.layer > moment.layer or (m.layer, m.reverse) == side]


def _cause(moments: Sequence[Moment], gradients: Gradients) -> Origin | None:
    """The operation whose derivative is not finite though what came to it was."""
    for moment in reversed(moments):
        for node in reversed(_made(moment)):
            if node.op in ("input", "matmul") or id(moment.values[node]) not in gradients:
                continue
            gradient = gradients[id(moment.values[node])]
            if bool(gradient.isfinite().all()):
                marks = _derivative(moment, node, gradient)
                if marks is not None:
                    return _with_gradient(moment, node, first(marks), gradient)
    return None


def _derivative(moment: Moment, node: Node, gradient: Tensor) -> Tensor | None:
    """Take one operation's derivative by itself; mark where it is not finite."""
    leaves = {arg: moment.values[arg].detach().requires_grad_() for arg in node.operands}
    args = (leaves[arg] if isinstance(arg, Node) else arg for arg in node.args)
    result = EVERY[node.op].run(*args)
    found = torch.autograd.grad(result, list(leaves.values()), gradient, allow_unused=True)
    for part in found:
        if part is not None and not bool(part.isfinite().all()):
            return ~_rows(moment, part).isfinite()
    return None


def _with_gradient(moment: Moment, node: Node, index: tuple[int, ...], gradient: Tensor) -> Origin:
    row, unit = index
    whole = _rows(moment, gradient)
    came = whole[row, unit if whole.shape[1] > 1 else 0].item()
    origin = origin_of(moment, node, index)
    return replace(origin, operands=(*origin.operands, ("the gradient of its result", came)))
