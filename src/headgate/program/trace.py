"""From an equation to its program: run the step once on symbols and write down what it does."""

from __future__ import annotations

import inspect
from typing import Any

from torch import fx

from headgate.equations.notation import NAMESPACES, Equation, named
from headgate.errors import CellError, HeadgateError
from headgate.program.fold import fold
from headgate.program.gates import find_gates
from headgate.program.graph import REDUCTIONS, Node, Program, walk
from headgate.program.operations import NAMES, OPERATIONS
from headgate.program.refusals import (
    check_results,
    explain,
    line_of,
    not_computed,
    start_of,
    states_of,
    unknown,
)
from headgate.program.refusals import place as place_of
from headgate.program.sizes import check_sizes
from headgate.program.symbols import Namespace, Nothing, Symbol, Tracer, leaf


def _run(equation: Equation, *, bias: bool) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Run the step on symbols; return the states' names and the symbols of their new values."""
    step = equation.step
    states, where = states_of(step), start_of(step)
    tracer = Tracer(inspect.unwrap(step).__code__)
    arguments: dict[str, Any] = {state: tracer.leaf("state", state) for state in states}
    arguments |= {name: Namespace(tracer, name) for name in NAMESPACES}
    arguments |= {} if bias else {"b": Nothing()}
    try:
        results = step(*(arguments[name] for name in inspect.signature(step).parameters))
    except HeadgateError:
        raise
    except Exception as error:
        line = line_of(error, lambda code: code is tracer.code)
        place = where if line is None else place_of(tracer.code.co_filename, line)
        raise CellError(f"{place}: {explain(error)}") from error
    results = check_results(results, states, where)
    for state, result in zip(states, results, strict=True):
        if not isinstance(result, Symbol):
            raise CellError(f"{where}: {not_computed(state, result)}")
    return states, results


class _Converter:
    """From fx nodes to ours: equal ones become one, and x + 0, 1 ⊙ x become x."""

    def __init__(self, graph: fx.Graph) -> None:
        self.names: dict[str, Node] = {}
        self.values: dict[fx.Node, Node | float] = {}
        self._known: dict[Node, Node] = {}
        for source in graph.nodes:
            self.values[source] = self._convert(source)

    def live(self, results: tuple[Node, ...]) -> tuple[Node, ...]:
        """The nodes that matter, in the order of the equation."""
        needed = set(walk((*results, *self.names.values())))
        return tuple(node for node in self._known if node in needed)

    def _convert(self, source: fx.Node) -> Node | float:
        line = source.meta["line"]
        args = tuple(self.values[a] if isinstance(a, fx.Node) else a for a in source.args)
        if source.target is leaf:
            kind, block, *rest = args
            return self._intern(Node(str(kind), tuple(rest), str(block), line))  # type: ignore[arg-type]
        if source.target is named:
            if isinstance(args[1], Node):
                self.names[str(args[0])] = args[1]
            return args[1]  # type: ignore[return-value]
        op = _operation(source)
        for arg in args:
            if not isinstance(arg, (Node, int, float)):
                raise CellError(f"{line}: {op} takes values of the step and numbers, not {arg!r}")
        if len(args) != OPERATIONS[op].arity:
            raise CellError(f"{line}: {op} takes no options here, not {args[1:]}")
        if op in ("maximum", "minimum") and not all(isinstance(arg, Node) for arg in args):
            raise CellError(f"{line}: {op} takes two values of the step, as in torch, no number")
        if op == "normalize":
            sums = (Node(each, args, line=line) for each in REDUCTIONS)  # type: ignore[arg-type]
            args += tuple(map(self._intern, sums))
        return fold(op, args) or self._intern(Node(op, args, line=line))  # type: ignore[arg-type]

    def _intern(self, node: Node) -> Node:
        return self._known.setdefault(node, node)


def _operation(source: fx.Node) -> str:
    """The key of ``OPERATIONS`` that an fx node means."""
    if source.op == "call_method" and source.target in OPERATIONS:
        name: str | None = str(source.target)
    else:
        name = NAMES.get(source.target)
    if name is None:
        raise CellError(f"{source.meta['line']}: {unknown(source.target, OPERATIONS)}")
    extra = {k: v for k, v in source.kwargs.items() if not _is_default(source.target, k, v)}
    if extra:
        raise CellError(f"{source.meta['line']}: {name} takes no options here, not {extra}")
    return name


def _is_default(function: Any, name: str, value: Any) -> bool:
    try:
        return inspect.signature(function).parameters[name].default == value
    except (KeyError, ValueError, TypeError):
        return False


def _trace(equation: Equation, *, bias: bool) -> Program:
    states, results = _run(equation, bias=bias)
    converter = _Converter(results[0].node.graph)
    roots = tuple(converter.values[result.node] for result in results)
    for state, root in zip(states, roots, strict=True):
        if not isinstance(root, Node):
            raise CellError(
                f"{start_of(equation.step)}: the new value of {state} is always {root:g}, whatever "
                "comes: it depends on nothing of the step"
            )
    nodes = converter.live(roots)  # type: ignore[arg-type]
    names = find_gates(nodes, converter.names)
    return Program(equation, states, roots, nodes, names, bias)  # type: ignore[arg-type]


def _written(program: Program) -> tuple[object, ...]:
    """Number the values of a program, so that two can be compared in one pass."""
    place = {node: number for number, node in enumerate(program.nodes)}
    nodes = [
        (n.op, n.block, *(place[a] if isinstance(a, Node) else f"{a!r}" for a in n.args))
        for n in program.nodes
    ]
    names = {name: place[node] for name, node in program.names.items()}
    return nodes, [place[result] for result in program.results], names


def trace(equation: Equation, *, bias: bool = True) -> Program:
    """Trace an equation into its program.

    Args:
        equation: the cell.
        bias: whether the blocks have biases.

    Returns:
        The program.

    Raises:
        CellError: the equation holds what a graph cannot; the message names its line.
    """
    first, second = (_trace(equation, bias=bias) for _ in range(2))
    if _written(first) != _written(second):
        raise CellError(
            f"{start_of(equation.step)}: the equation gives another graph each time it is traced. "
            "A random number in a step is drawn once and then stays; noise belongs to a modifier "
            "of the layer"
        )
    return check_sizes(first)
