"""The slow twin of every kernel: a program's nodes, one after the other, in a torch loop."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from headgate.kernels.protocol import Run
from headgate.program.graph import GIVEN, Node, Program
from headgate.program.merge import products
from headgate.program.operations import EVERY
from headgate.program.parameters import split


def run(
    program: Program,
    x: Tensor,
    weights: Mapping[str, Tensor],
    states: tuple[Tensor, ...],
    *,
    trace: bool,
    given: Mapping[str, Tensor],
) -> Run:
    """Run a program over time, with torch's own operations and gradients.

    Args:
        program: the cell.
        x: the input, [T, B, M].
        weights: the parameters by name.
        states: the state before the first step, each [B, N].
        trace: whether to keep every named value.
        given: what the program reads beside its input, as ``scan`` says.

    Returns:
        The outputs, the last state and the trace.
    """
    step = Step(program, weights)
    inputs = step.project(x) | step.expand(given, x.shape[0])
    kept: dict[str, list[Tensor]] = {name: [] for name in program.names} if trace else {}
    history: list[tuple[Tensor, ...]] = []
    for t in range(x.shape[0]):
        values = step({node: value[t] for node, value in inputs.items()}, states)
        states = tuple(values[result] for result in program.results)
        history.append(states)
        for name, steps in kept.items():
            steps.append(values[program.names[name]])
    series = [torch.stack(steps) for steps in zip(*history, strict=True)]
    traced = {name: torch.stack(steps) for name, steps in kept.items()}
    traced |= dict(zip(program.states, series, strict=True)) if trace else {}
    return Run(series[0], states, traced if trace else None)


class Step:
    """A program with its weights at hand, called with the values of a step's leaves.

    Args:
        program: the cell.
        weights: the parameters by name.
    """

    def __init__(self, program: Program, weights: Mapping[str, Tensor]) -> None:
        self.program = program
        self.weights = weights
        self.parts = split(program, weights) if weights else {}
        self.products = {
            node: (product, torch.cat([self.parts["matmul", b] for b in product.blocks]))
            for product in products(program)
            for node in product.nodes[:1]
        }
        self.first = {node: p.nodes[0] for p, _ in self.products.values() for node in p.nodes}

    def project(self, x: Tensor) -> dict[Node, Tensor]:
        """Multiply the input by all its blocks, for every step at once.

        Args:
            x: the input, [..., M].

        Returns:
            The value of each input's node; the input itself where there is no "weight_ih".
        """
        blocks = self.program.blocks("input")
        leaves = [node for node in self.program.nodes if node.op == "input"]
        if "weight_ih" not in self.weights:
            return dict.fromkeys(leaves, x)
        bias = self.weights["bias"] if self.program.biased else None
        whole = functional.linear(x, self.weights["weight_ih"], bias)
        rows = [self.parts["input", block].shape[0] for block in blocks]
        parts = dict(zip(blocks, whole.split(rows, -1), strict=True))
        return {node: parts[node.block] for node in leaves}

    def expand(self, given: Mapping[str, Tensor], steps: int) -> dict[Node, Tensor]:
        """Give what is given for every step; a mask is the same at all of them.

        Args:
            given: by name, as ``scan`` has it.
            steps: T.

        Returns:
            The value of each node that is given, [T, B, N].
        """
        found: dict[Node, Tensor] = {}
        for node in self.program.nodes:
            if node.op in GIVEN:
                value = given[f"{node.op}.{node.block}"]
                found[node] = value.expand(steps, -1, -1) if node.op == "mask" else value
        return found

    def __call__(
        self, values: dict[Node, Tensor], states: tuple[Tensor, ...]
    ) -> dict[Node, Tensor]:
        """Compute every value of a step.

        Args:
            values: those of the inputs, and what is given beside them; the others are added.
            states: the states before the step, each [B, N].

        Returns:
            The value of every node.
        """
        before = dict(zip(self.program.states, states, strict=True))
        for node in self.program.nodes:
            if node.op == "state":
                values[node] = before[node.block]
            elif node.op in ("bias", "vector"):
                values[node] = self.parts[node.op, node.block]
            elif node.op == "matmul":
                self.multiply(node, values)
            elif node not in values:
                args = (values[arg] if isinstance(arg, Node) else arg for arg in node.args)
                values[node] = EVERY[node.op].run(*args)
        return values

    def multiply(self, node: Node, values: dict[Node, Tensor]) -> None:
        """Run the merged matmul of a node, once for all that share it.

        Args:
            node: a matmul.
            values: those of the operands; the products are added.
        """
        if node in values:
            return
        product, weight = self.products[self.first[node]]
        rows = [self.parts["matmul", block].shape[0] for block in product.blocks]
        whole = functional.linear(values[product.operand], weight)
        values.update(zip(product.nodes, whole.split(rows, -1), strict=True))
