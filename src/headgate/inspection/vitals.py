"""What a doctor measures of recurrent layers: gates, states, and a gradient through time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.inspection.passes import Layers, Pass, States, run_passes
from headgate.kernels import Run, scan
from headgate.program import Program

_SEED = 0  # of the direction in which a gradient is measured


@dataclass(frozen=True, eq=False)
class Vitals:
    """What one pass did with a few rows.

    Args:
        name: of the pass: "1", "1 reverse".
        program: the cell.
        x: what it read, [T, B, M], in the order in which it goes.
        traced: every gate and state at every step, each [T, B, N], in that order.
        distances: steps back from the last, rising.
        ratios: how large the gradient of the last output is at each distance, in relation to
            itself at distance 0; a mean over the rows, of all states together.
    """

    name: str
    program: Program
    x: Float[Tensor, "T B M"]
    traced: dict[str, Tensor]
    distances: tuple[int, ...]
    ratios: tuple[float, ...]

    @property
    def steps(self) -> int:
        """T."""
        return len(self.x)

    @property
    def states(self) -> dict[str, Tensor]:
        """The states alone."""
        return {name: self.traced[name] for name in self.program.states}

    @property
    def gates(self) -> dict[str, Tensor]:
        """What a sigmoid gives."""
        named = self.program.names.items()
        return {name: self.traced[name] for name, node in named if node.op == "sigmoid"}


def measure(layers: Layers, x: Float[Tensor, "T B M"], start: States | None = None) -> list[Vitals]:
    """Run layers as in evaluation, apart from all else, and measure each pass.

    Parameters, their gradients and torch's chance stay as they are.

    Args:
        layers: any recurrent layers.
        x: what they read, [T, B, M].
        start: the states to begin from, each [D, B, N]; as the layers begin where None.

    Returns:
        The vitals of each pass, on the device of the layers.
    """
    found: list[Vitals] = []

    def turn(side: Pass, x: Tensor, states: States) -> Run:
        run = scan(side.program, x, side.weights, states, reverse=side.reverse, trace=True)
        ahead, traced = x, run.trace or {}
        if side.reverse:
            ahead, traced = x.flip(0), {name: value.flip(0) for name, value in traced.items()}
        distances = spaced(len(x))
        ratios = _ratios(side, ahead, states, distances)
        found.append(Vitals(side.name, side.program, ahead, traced, distances, ratios))
        return run

    with torch.no_grad():
        run_passes(layers, x.detach(), turn, start)
    return found


def spaced(steps: int) -> tuple[int, ...]:
    """Choose the distances at which a gradient is measured.

    Args:
        steps: T.

    Returns:
        1, 2, 3, 4, 6, 8, 11, … and T: each about √2 times the one before.
    """
    found: list[int] = []
    for power in range(2 * steps.bit_length()):
        distance = round(2 ** (power / 2))
        if distance < steps and distance not in found:
            found.append(distance)
    return (*found, steps)


def _ratios(side: Pass, x: Tensor, states: States, distances: tuple[int, ...]) -> tuple[float, ...]:
    """Measure the gradient where the steps are cut: a few short runs in place of T single ones."""
    cuts = [len(x) - distance for distance in reversed(distances)]
    weights = {name: value.detach() for name, value in side.weights.items()}
    with torch.enable_grad():
        now = tuple(state.detach().requires_grad_() for state in states)
        passed: list[States] = []
        for first, last in zip(cuts, (*cuts[1:], len(x)), strict=True):
            passed.append(now)
            now = scan(side.program, x[first:last], weights, now).states
        chance = torch.Generator().manual_seed(_SEED)
        along = torch.randn(now[0].shape, generator=chance).to(now[0])
        score = (now[0] * along).sum()
        flat = [state for each in passed for state in each]
        gradients = torch.autograd.grad(score, flat, allow_unused=True, materialize_grads=True)
    whole = float(along.norm(dim=1).mean())
    count = len(states)
    parts = [gradients[n : n + count] for n in range(0, len(gradients), count)]
    norms = [float(torch.cat(part, 1).norm(dim=1).mean()) / whole for part in parts]
    return tuple(reversed(norms))
