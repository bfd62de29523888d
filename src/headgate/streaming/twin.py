"""The slow twin of the native part: the links one after the other, in torch's own operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from headgate.kernels.links import Cell, Link, Lookup, Projection
from headgate.kernels.reference import Step


class Twin:
    """A chain of links, on any device and in any type of number.

    Args:
        links: the chain; its weights are copied.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        self.links = [_frozen(link) for link in links]
        cells = [link for link in self.links if isinstance(link, Cell)]
        self.steps = {id(cell): Step(cell.program, cell.weights) for cell in cells}

    def runner(self, ring: Tensor) -> _Runner:
        """Make ready for the steps of some rows.

        Args:
            ring: their states, [slots, B, N].

        Returns:
            Who takes the steps.
        """
        return _Runner(self, ring)

    def step(self, x: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Take one step of every link.

        Args:
            x: ids [B] or features [B, M].
            before: the states side by side, [B, N].
            after: where the new ones go, [B, N].

        Returns:
            What comes out, [B, V].
        """
        column = 0
        for link in self.links:
            if isinstance(link, Lookup):
                x = functional.embedding(x, link.table)
            elif isinstance(link, Projection):
                x = functional.linear(x, link.weight, link.bias)
            else:
                end = column + sum(map(len, link.initial))
                x = self._cell(link, x, before[:, column:end], after[:, column:end])
                column = end
        return x

    def _cell(self, link: Cell, x: Tensor, before: Tensor, after: Tensor) -> Tensor:
        step = self.steps[id(link)]
        states = before.split([len(state) for state in link.initial], -1)
        values = step(step.project(x), states)
        results = [values[node] for node in link.program.results]
        after.copy_(torch.cat(results, -1))
        found = torch.cat(results[: link.outputs], -1)
        return found + x if link.residual else found


class _Runner:
    def __init__(self, twin: Twin, ring: Tensor) -> None:
        self.twin, self.rows, self.ring = twin, ring.shape[1], ring

    def step(self, x: Any, out: Tensor | None, slot: int) -> None:
        """Leave every input to the general way."""

    @torch.inference_mode()
    def run(self, x: Tensor, steps: int, slot: int, out: Tensor) -> int:
        first = self.twin.links[0]
        features = () if isinstance(first, Lookup) else x.shape[-1:]
        x = x.reshape(steps, self.rows, *features)
        if isinstance(first, Lookup):
            wrong = ((x < 0) | (x >= len(first.table))).flatten().nonzero()
            if len(wrong):
                return int(wrong[0])
        places = out.view(steps, self.rows, out.shape[-1])
        for number in range(steps):
            now, after = (slot + number) % len(self.ring), (slot + number + 1) % len(self.ring)
            places[number] = self.twin.step(x[number], self.ring[now], self.ring[after])
        return -1


def _frozen(link: Link) -> Link:
    def copy(tensor: Tensor) -> Tensor:
        return tensor.detach().clone()

    if isinstance(link, Lookup):
        return Lookup(copy(link.table))
    if isinstance(link, Projection):
        return Projection(copy(link.weight), None if link.bias is None else copy(link.bias))
    weights = {name: copy(weight) for name, weight in link.weights.items()}
    initial = tuple(map(copy, link.initial))
    return Cell(link.program, weights, initial, link.outputs, link.residual)
