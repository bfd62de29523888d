"""Which value of a step is the gate of a block."""

from __future__ import annotations

from collections.abc import Iterator

from headgate.program.graph import REDUCTIONS, Node

_PRE_ACTIVATION = frozenset({"add", "sub", "normalize"})


def find_gates(nodes: tuple[Node, ...], names: dict[str, Node]) -> dict[str, Node]:
    """Name the gate of each block: the first activation that the block's projection reaches.

    Args:
        nodes: the values of a step, in its order.
        names: what the equation named itself; it has the last word.

    Returns:
        The gates by name, in the order in which the step computes them.
    """
    gates: dict[str, Node] = {}
    for node in nodes:
        if node.op in ("input", "matmul") and node.block not in gates:
            for gate in _climb(node, nodes):
                # what the equation named itself goes by that name alone
                if gate not in names.values():
                    gates[node.block] = gate
    gates.update(names)
    return {name: gates[name] for name in sorted(gates, key=lambda g: nodes.index(gates[g]))}


def _climb(node: Node, nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Yield the activation above a pre-activation, if there is one."""
    for user in nodes:
        if node not in user.operands or user.op in ("matmul", *REDUCTIONS):
            continue
        if user.op in _PRE_ACTIVATION or _is_scaled(user):
            yield from _climb(user, nodes)
            return
        if len(user.args) == 1 and user.op != "neg":
            yield user
            return


def _is_scaled(node: Node) -> bool:
    return node.op == "mul" and any(operand.op == "vector" for operand in node.operands)
