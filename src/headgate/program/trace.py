"""From an equation to its program: run the step once on symbols and write down what it does."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import torch
from torch import fx
from torch.fx.proxy import GraphAppendingTracer

from headgate.equations.notation import NAMESPACES, Equation, named
from headgate.errors import CellError
from headgate.program.fold import fold
from headgate.program.gates import find_gates
from headgate.program.graph import Node, Program, walk
from headgate.program.operations import NAMES, OPERATIONS
from headgate.program.sizes import check_sizes

_LEAVES = {"x": "input", "b": "bias", "p": "vector"}


class _Tracer(GraphAppendingTracer):
    """torch.fx with our namespaces; each node remembers its line in the user's file."""

    def __init__(self, step: Any) -> None:
        super().__init__(fx.Graph())
        self.code = step.__code__

    def create_node(self, kind: str, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(kind, target, *args, **kwargs)
        node.meta["line"] = self.line()
        return node

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, torch.Tensor):
            raise CellError(
                f"{self.line()}: a tensor of shape {tuple(a.shape)} stands in the equation. A "
                "constant is a Python number, a parameter is p.name; random values do not trace"
            )
        return super().create_arg(a)

    def to_bool(self, obj: fx.Proxy) -> bool:
        raise CellError(
            f"{self.line()}: a branch depends on a value of the step, which one graph cannot "
            "hold. Choose when the cell is built, or compute both sides: m * a + (1 - m) * b"
        )

    def iter(self, obj: fx.Proxy) -> Any:
        raise CellError(f"{self.line()}: a value of the step cannot be taken apart or iterated")

    def line(self) -> str:
        """The line of the equation that runs now, or of the function it called last."""
        frame, inner = sys._getframe(1), None
        while frame is not None:
            inner = inner or (frame if _is_users(frame.f_code.co_filename) else None)
            if frame.f_code is self.code:
                return f"{frame.f_code.co_filename}:{frame.f_lineno}"
            frame = frame.f_back
        code = self.code
        return f"{code.co_filename}:{inner.f_lineno if inner else code.co_firstlineno}"

    def leaf(self, kind: str, block: str, *args: Any) -> fx.Proxy:
        return self.create_proxy("call_function", _leaf, (kind, block, *args), {})


def _is_users(filename: str) -> bool:
    return "torch" not in filename and filename != __file__


def _leaf(kind: str, block: str, *args: Any) -> Any:
    """Stand in the graph for a projection, a bias, a vector or a state; never run."""


class _Namespace:
    def __init__(self, tracer: _Tracer, kind: str) -> None:
        self._tracer, self._kind = tracer, kind

    def __getattr__(self, block: str) -> Any:
        if self._kind == "W":
            return lambda v: self._multiply(block, v)
        return self._tracer.leaf(_LEAVES[self._kind], block)

    def _multiply(self, block: str, v: Any) -> fx.Proxy:
        if not isinstance(v, fx.Proxy):
            raise CellError(
                f"{self._tracer.line()}: W.{block} takes a value of the step, not {v!r}"
            )
        return self._tracer.leaf("matmul", block, v)


class _Nothing:
    """The biases of a cell without bias."""

    def __getattr__(self, block: str) -> float:
        return 0.0


def _run(equation: Equation, *, bias: bool) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Run the step on symbols; return the states' names and the symbols of their new values."""
    tracer = _Tracer(equation.step)
    names = list(inspect.signature(equation.step).parameters)
    states = tuple(name for name in names if name not in NAMESPACES)
    arguments: dict[str, Any] = {state: tracer.leaf("state", state) for state in states}
    arguments |= {name: _Namespace(tracer, name) for name in NAMESPACES}
    arguments |= {} if bias else {"b": _Nothing()}
    results = equation.step(*(arguments[name] for name in names))
    results = results if isinstance(results, tuple) else (results,)
    where = f"{tracer.code.co_filename}:{tracer.code.co_firstlineno}"
    if not states or len(results) != len(states):
        raise CellError(
            f"{where}: a step returns the new value of each of its states in order; it has "
            f"{len(states)} ({', '.join(states) or 'none'}) and returned {len(results)}"
        )
    for state, result in zip(states, results, strict=True):
        if not isinstance(result, fx.Proxy):
            raise CellError(f"{where}: the new value of {state} is {result!r}, not computed")
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
        if source.target is _leaf:
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
        called = getattr(source.target, "__name__", source.target)
        raise CellError(
            f"{source.meta['line']}: {called} is not an operation of a program; known: "
            f"{', '.join(sorted(OPERATIONS))}"
        )
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
            raise CellError(f"{equation.step.__code__.co_filename}: {state} is always {root}")
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
            f"{equation.step.__code__.co_filename}:{equation.step.__code__.co_firstlineno}: the "
            "equation gives another graph each time it is traced. A random number in a step is "
            "drawn once and then stays; noise belongs to a modifier of the layer"
        )
    return check_sizes(first)
