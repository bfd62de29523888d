"""One step of a program as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from headgate.errors import CellError
from headgate.export.graph import Graph
from headgate.export.pointwise import Pointwise
from headgate.program.graph import GIVEN, Node, Program
from headgate.program.merge import products
from headgate.program.parameters import split


class Step:
    """Writes a program's step: its matrices that share an operand as one product.

    Args:
        program: the cell.
        weights: the parameters by name.

    Raises:
        CellError: the program reads what only a training gives, or marks.
    """

    def __init__(self, program: Program, weights: Mapping[str, Tensor]) -> None:
        given = sorted({f"{node.op}.{node.block}" for node in program.nodes if node.op in GIVEN})
        if given:
            raise CellError(
                f"the cell reads {', '.join(given)} beside its input, which an exported graph does "
                "not have: export a network in evaluation mode, without resets"
            )
        self.program, self.weights = program, weights
        self.parts = split(program, weights) if weights else {}
        self.dtype = next(iter(weights.values())).dtype if weights else torch.float32

    def project(self, graph: Graph, x: str) -> dict[str, str]:
        """Multiply the input by all its blocks.

        Args:
            graph: where the nodes go.
            x: the input, [..., M].

        Returns:
            The name of each block's value, [..., N]; the input itself where it has no matrix.
        """
        blocks = self.program.blocks("input")
        if "weight_ih" not in self.weights:
            return dict.fromkeys(blocks, x)
        whole = graph.add("MatMul", x, graph.weight(self.weights["weight_ih"].T, "weight_ih"))
        if self.program.biased:
            whole = graph.add("Add", whole, graph.weight(self.weights["bias"], "bias"))
        return self._cut(graph, whole, "input", blocks)

    def _cut(self, graph: Graph, whole: str, kind: str, blocks: tuple[str, ...]) -> dict[str, str]:
        """Cut a product into its blocks."""
        if len(blocks) == 1:
            return {blocks[0]: whole}
        sizes = graph.ints(*(self.parts[kind, block].shape[0] for block in blocks))
        found = graph.several("Split", (whole, sizes), blocks, axis=-1)
        return dict(zip(blocks, found, strict=True))

    def write(
        self, graph: Graph, inputs: Mapping[str, str], states: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Write the step.

        Args:
            graph: where the nodes go.
            inputs: the name of each block of the projected input, [B, N].
            states: the names of the states before the step, each [B, N].

        Returns:
            The names of the states after it.
        """
        before = dict(zip(self.program.states, states, strict=True))
        values: dict[Node, str] = {}
        pointwise = Pointwise(graph, self.dtype)
        for node in self.program.nodes:
            if node.op == "state":
                values[node] = before[node.block]
            elif node.op == "input":
                values[node] = inputs[node.block]
            elif node.op in ("bias", "vector"):
                values[node] = graph.weight(self.parts[node.op, node.block], node.block)
            elif node.op == "matmul":
                if node not in values:
                    values |= self._product(graph, node, values)
            else:
                args = (values[arg] if isinstance(arg, Node) else arg for arg in node.args)
                values[node] = pointwise(node.op, *args)
        return tuple(values[result] for result in self.program.results)

    def _product(self, graph: Graph, node: Node, values: Mapping[Node, str]) -> dict[Node, str]:
        """Write the product that a matmul is part of."""
        product = next(each for each in products(self.program) if node in each.nodes)
        weight = torch.cat([self.parts["matmul", block] for block in product.blocks])
        operand = values[product.operand]
        whole = graph.add("MatMul", operand, graph.weight(weight.T, "weight_hh"))
        parts = self._cut(graph, whole, "matmul", product.blocks)
        return {each: parts[each.block] for each in product.nodes}
