"""From a program to the graph of its gradient: the chain rule, node by node from the last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headgate.errors import CellError
from headgate.program.derivatives import RULES, Value, normalized
from headgate.program.fold import fold
from headgate.program.graph import GIVEN, REDUCTIONS, Node, Program
from headgate.program.merge import Product, products

_LEAVES = frozenset({"input", "bias", "vector", "state", *GIVEN})


@dataclass(frozen=True, eq=False)
class Backward:
    """The gradient of one step.

    Its leaves are those of the program and the seeds, ``Node("seed", block=NAME)``: the gradient
    of a state's new value, or with "trace.NAME" what is added to that of a named value that is
    no state's. Its operations are those of ``OPERATIONS`` and ``BACKWARD``, "matmul", and
    "transposed": the gradient Σ d W of what several blocks multiply, with the d of each block as
    arguments and the blocks' names, joined by commas, as block.

    Args:
        nodes: every value that the gradient needs, arguments first.
        states: the gradient of each state before the step; 0.0 where the step does not use it.
        results: the gradient of each input's projection and each matmul, where it has one.
        sums: the gradient of each bias and vector for every row, before it is summed over rows.
    """

    nodes: tuple[Node, ...]
    states: tuple[Value, ...]
    results: dict[Node, Node]
    sums: dict[Node, Node]


def differentiate(program: Program, *, traced: bool) -> Backward:
    """Derive the gradient of one step by the chain rule.

    A gradient that is zero whatever the values are is left out.

    Args:
        program: the program.
        traced: whether the named values have gradients of their own.

    Returns:
        The graph of the gradient.

    Raises:
        CellError: an operation has no rule; the message names its line.
    """
    graph = _Graph(program)
    gradients = _propagate(program, graph, _seeds(program, graph, traced=traced))
    results = _pick(program, gradients, ("input", "matmul"))
    sums = _pick(program, gradients, ("bias", "vector"))
    states = tuple(gradients.get(Node("state", block=state), 0.0) for state in program.states)
    roots = [node for node in states if isinstance(node, Node)]
    roots += [*results.values(), *sums.values()]
    # the gradient of a weight is made of that of its product and of what it multiplies
    roots += [operand for node in results for operand in node.operands]
    return Backward(graph.needed(roots), states, results, sums)


class _Graph:
    """The values made so far, arguments first; equal ones are one."""

    def __init__(self, program: Program) -> None:
        self.line = ""
        self._known = {node: node for node in program.nodes}

    def __call__(self, op: str, *args: Value, block: str = "") -> Value:
        found = self._simplify(op, args)
        if found is not None:
            return found
        node = Node(op, args, block, self.line)
        return self._known.setdefault(node, node)

    def _simplify(self, op: str, args: tuple[Value, ...]) -> Value | None:
        if op == "mul" and any(not isinstance(arg, Node) and arg == 0 for arg in args):
            return 0.0
        folded = fold(op, args)
        return self._without_neg(op, args) if folded is None else folded

    def _without_neg(self, op: str, args: tuple[Value, ...]) -> Value | None:
        """Subtract rather than add what is negated, and negate nothing twice."""
        negated = [
            arg.args[0] if isinstance(arg, Node) and arg.op == "neg" else None for arg in args
        ]
        if op == "neg":
            return negated[0]
        if op == "add":
            for number, positive in enumerate(negated):
                if positive is not None:
                    return self("sub", args[1 - number], positive)
        return None

    def needed(self, roots: Iterable[Node]) -> tuple[Node, ...]:
        """The values that some depend on, themselves too, in the order in which they were made."""
        found = set(roots)
        for node in reversed(self._known):
            if node in found:
                found.update(node.operands)
        return tuple(node for node in self._known if node in found)


class _Gradients(dict[Node, Value]):
    """The gradient of each value, as far as it is summed up."""

    def __init__(self, graph: _Graph) -> None:
        super().__init__()
        self._graph = graph

    def add(self, node: Node, d: Value) -> None:
        """Add what one use of a value contributes to its gradient."""
        self[node] = self._graph("add", self.get(node, 0.0), d)


def _seeds(program: Program, graph: _Graph, *, traced: bool) -> _Gradients:
    seeded = list(zip(program.states, program.results, strict=True))
    if traced:
        # a named value that is a state's new value has that state's gradient already
        named = ((n, node) for n, node in program.names.items() if node not in program.results)
        seeded += [(f"trace.{name}", node) for name, node in named]
    gradients = _Gradients(graph)
    for block, node in seeded:
        gradients.add(node, graph("seed", block=block))
    return gradients


def _propagate(program: Program, graph: _Graph, gradients: _Gradients) -> _Gradients:
    """Hand each value's gradient on to its arguments; all its uses come after it."""
    merged = {product.operand: product for product in products(program)}
    for node in reversed(program.nodes):
        graph.line = node.line
        if node in merged:
            _transpose(merged[node], graph, gradients)
        if node.op == "scale":
            _normalize(node.operands, graph, gradients)
        d = gradients.get(node)
        if not isinstance(d, Node) or node.op in (*_LEAVES, "matmul", "normalize", *REDUCTIONS):
            continue
        if node.op not in RULES:
            raise CellError(
                f"{node.line}: no rule gives the gradient of {node.op}; there are rules for "
                f"{', '.join(sorted(RULES))}, or run the cell without a gradient"
            )
        for arg, part in zip(node.args, RULES[node.op](graph, d, node), strict=True):
            if isinstance(arg, Node):
                gradients.add(arg, part)
    return gradients


def _normalize(group: tuple[Node, ...], graph: _Graph, gradients: _Gradients) -> None:
    """Hand on the gradients of values that are normalized together: their mean is a common one."""
    sums = tuple(Node(op, group) for op in REDUCTIONS)
    values = tuple(Node("normalize", (value, *sums)) for value in group)
    given = tuple(gradients.get(value, 0.0) for value in values)
    if any(isinstance(d, Node) for d in given):
        for value, d in zip(group, normalized(graph, group, values, given), strict=True):
            gradients.add(value, d)


def _transpose(product: Product, graph: _Graph, gradients: _Gradients) -> None:
    """Add what the matmuls of an operand contribute to its gradient, as one product."""
    found = {node.block: gradients.get(node) for node in product.nodes}
    parts = {block: d for block, d in found.items() if isinstance(d, Node)}
    if parts:
        d = graph("transposed", *parts.values(), block=",".join(parts))
        gradients.add(product.operand, d)


def _pick(program: Program, gradients: _Gradients, ops: tuple[str, ...]) -> dict[Node, Node]:
    """The gradients of some kinds of nodes, in the order of the program."""
    found = ((node, gradients.get(node)) for node in program.nodes if node.op in ops)
    return {node: d for node, d in found if isinstance(d, Node)}
