"""Layers run one step at a time, so that every state of every step has a gradient of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.inspection.passes import Layers, Pass, States, run_passes
from headgate.kernels import Run
from headgate.kernels.reference import Step


@dataclass(frozen=True, eq=False)
class Steps:
    """One pass, step by step.

    Args:
        of: the pass, its weights without a gradient.
        inputs: what it read, [T, B, M].
        start: its first states, each [B, N].
        states: for each step in the order of time, each state after it, [B, N].
    """

    of: Pass
    inputs: Float[Tensor, "T B M"]
    start: States
    states: tuple[States, ...]

    def before(self, step: int) -> States:
        """Give the states that a step began from.

        Args:
            step: from 0, in the order of time.

        Returns:
            Each state, [B, N].
        """
        earlier = step + 1 if self.of.reverse else step - 1
        return self.states[earlier] if 0 <= earlier < len(self.states) else self.start


@dataclass(frozen=True, eq=False)
class Stepwise:
    """Layers, step by step; every state is a tensor of one graph.

    Args:
        outputs: of the last layer, [T, B, N · directions].
        last: the states after the last step, each [D, B, N].
        passes: of each layer and direction.
    """

    outputs: Float[Tensor, "T B _"]
    last: States
    passes: tuple[Steps, ...]


def run_stepwise(
    layers: Layers, x: Float[Tensor, "T B M"], start: States | None = None
) -> Stepwise:
    """Run layers one step at a time.

    Parameters are taken without a gradient; states and ``x``, if it asks for one, have one.

    Args:
        layers: any recurrent layers; dropout between them is left out, as in evaluation.
        x: what they read.
        start: the states to begin from, each [D, B, N]; as the layers begin where None.

    Returns:
        What they did.

    Example:
        >>> from headgate.layers import Recurrent
        >>> found = run_stepwise(Recurrent("lstm", 3, 5), torch.ones(4, 1, 3))
        >>> gradients_of(found, found.outputs[-1].sum(), ("h", "c"))[0]["c"].shape
        torch.Size([1, 4, 1, 5])
    """
    passes: list[Steps] = []

    def turn(side: Pass, inputs: Tensor, states: States) -> Run:
        passes.append(_steps(side, inputs, states))
        found = passes[-1].states
        outputs = torch.stack([each[0] for each in found])
        return Run(outputs, found[0] if side.reverse else found[-1])

    outputs, last = run_passes(layers, x, turn, start)
    return Stepwise(outputs, last, tuple(passes))


def _steps(side: Pass, inputs: Tensor, states: States) -> Steps:
    weights = {name: weight.detach() for name, weight in side.weights.items()}
    plain = Pass(side.number, side.layer, side.reverse, side.program, weights, side.residual)
    # the first states ask for a gradient so that all that follows from them is in the graph
    first = states = tuple(state.detach().requires_grad_() for state in states)
    found: list[States] = []
    # in plain operations: a fused step would hide that h follows from c
    cell = Step(plain.program, weights)
    results = plain.program.results
    order = range(len(inputs))
    with torch.enable_grad():
        # slices would each have a gradient as long as the whole input
        read = {node: value.unbind() for node, value in cell.project(inputs).items()}
        for step in reversed(order) if side.reverse else order:
            values = cell({node: value[step] for node, value in read.items()}, states)
            states = tuple(values[result] for result in results)
            found.append(states)
    return Steps(plain, inputs, first, tuple(found[::-1] if side.reverse else found))


def gradients_of(
    found: Stepwise, score: Float[Tensor, ""], names: Sequence[str], x: Tensor | None = None
) -> tuple[dict[str, Float[Tensor, "D T B _"]], Tensor | None]:
    """Give the gradient of a number in every state at every step, and in what was read.

    It is the total derivative: through what follows in the same step, as an LSTM's h from its c,
    and through all later steps.

    Args:
        found: the layers, step by step.
        score: the number, which follows from ``found.outputs`` or ``found.last``.
        names: of the states, in the order of the program.
        x: what was read, [T, B, M], where its gradient is wanted, too; it asks for one.

    Returns:
        For each state [D, T, B, N], zero where the number does not depend on it; the gradient in
        ``x``, of its shape, or None.
    """
    flat = [state for each in found.passes for states in each.states for state in states]
    wanted = flat if x is None else [*flat, x]
    got = torch.autograd.grad(score, wanted, materialize_grads=True)
    steps, count = len(found.outputs), len(names)
    by_state = {
        name: torch.stack(got[number : len(flat) : count]).unflatten(0, (-1, steps))
        for number, name in enumerate(names)
    }
    return by_state, None if x is None else got[-1]
