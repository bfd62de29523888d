"""Matmuls that share an operand become one."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.program.graph import Node, Program, once


@dataclass(frozen=True)
class Product:
    """One matmul of a step.

    Args:
        operand: what is multiplied.
        nodes: its results, one for each block, in the order of the layout.
    """

    operand: Node
    nodes: tuple[Node, ...]

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks, in the order of the nodes."""
        return tuple(node.block for node in self.nodes)


@once
def products(program: Program) -> tuple[Product, ...]:
    """Merge the recurrent matmuls of a program by operand.

    Args:
        program: the program.

    Returns:
        The matmuls, in the order in which a step needs them.
    """
    order = program.blocks("matmul")
    groups: dict[Node, list[Node]] = {}
    for node in program.nodes:
        if node.op == "matmul":
            groups.setdefault(node.operands[0], []).append(node)
    return tuple(
        Product(operand, tuple(sorted(nodes, key=lambda node: order.index(node.block))))
        for operand, nodes in groups.items()
    )
