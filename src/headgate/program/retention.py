"""How much of a state's old value its new value keeps: a factor that the equation itself has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from headgate.program.graph import GIVEN, REDUCTIONS, Node, Program, once, walk

_LEAVES = frozenset({"input", "bias", "vector", "matmul", "state", *REDUCTIONS, *GIVEN})
Factor = Node | float


@once
def retention(program: Program) -> Mapping[str, Factor]:
    """Find what each state's old value is multiplied by on its way into the new one.

        cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ         fₜ
        hₜ = uₜ ⊙ hₜ₋₁ + (1 - uₜ) ⊙ nₜ    uₜ

    What the state does through a gate, a matrix or an activation is no keeping: it is left out.

    Args:
        program: the cell.

    Returns:
        For each state that has one its factor, a value of the step or a number; a state that is
        made anew at every step, as that of a vanilla network, has none.
    """
    # an activation alone is a gate: a sum may have a name, too, and be half of the way
    gates = {node for node in program.names.values() if len(node.args) == 1}
    found: dict[str, Factor] = {}
    for state, result in zip(program.states, program.results, strict=True):
        factor = _factor(result, state, gates)
        if factor is not None and factor != 0.0:
            found[state] = factor
    return found


def with_retention(program: Program) -> tuple[Program, dict[str, str]]:
    """Let a trace show how much each state keeps.

    Args:
        program: the cell.

    Returns:
        The program with names for the factors that are values of the step and no gates, and for
        each state of such a factor the name that it has in the trace.
    """
    known = {node: name for name, node in program.names.items()}
    added, names = dict[str, Node](), dict[str, str]()
    for state, factor in retention(program).items():
        if isinstance(factor, Node):
            names[state] = known.get(factor, f"kept.{state}")
            added |= {} if factor in known else {names[state]: factor}
    if not added:
        return program, names
    every = program.names | added
    nodes = walk((*program.nodes, *added.values()))
    return replace(program, nodes=nodes, names=every), names


def _factor(node: Node, state: str, gates: Collection[Node]) -> Factor | None:
    """The factor of the old state in a value: a number, a value, or None where it is no factor."""
    if node.op == "state" and node.block == state:
        return 1.0
    if node.op in _LEAVES or node in gates:
        return 0.0
    factors = [_of(arg, state, gates) for arg in node.args]
    if all(isinstance(each, float) and each == 0.0 for each in factors):
        return 0.0
    if None in factors:
        return None
    if node.op in ("add", "sub"):
        return _sum(node.op, *factors)
    if node.op == "neg":
        return _negated(factors[0])
    if node.op in ("mul", "div"):
        return _scaled(node, *factors)
    return None


def _of(arg: Node | float, state: str, gates: Collection[Node]) -> Factor | None:
    return _factor(arg, state, gates) if isinstance(arg, Node) else 0.0


def _sum(op: str, left: Factor | None, right: Factor | None) -> Factor | None:
    assert left is not None
    assert right is not None
    if isinstance(left, float) and isinstance(right, float):
        return left + right if op == "add" else left - right
    if right == 0.0:
        return left
    if left == 0.0:
        return right if op == "add" else _negated(right)
    return Node(op, (left, right))


def _negated(factor: Factor | None) -> Factor | None:
    return -factor if isinstance(factor, float) else Node("neg", (factor,)) if factor else None


def _scaled(node: Node, left: Factor | None, right: Factor | None) -> Factor | None:
    """The factor in a product of which one side alone knows the state."""
    one, other = node.args
    if right == 0.0:
        return _times(node.op, left, other)
    if left == 0.0 and node.op == "mul":
        return _times("mul", right, one)
    return None


def _times(op: str, factor: Factor | None, other: Node | float) -> Factor | None:
    assert factor is not None
    if isinstance(factor, float) and not isinstance(other, Node):
        return factor * other if op == "mul" else factor / other
    if factor == 1.0 and op == "mul":
        return other
    return Node(op, (factor, other))
