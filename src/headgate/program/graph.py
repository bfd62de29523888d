"""A program: the graph of one step of a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from headgate.equations.notation import Equation

HIDDEN = "hidden"
ROW = "row"  # the width of what a row has one of
REDUCTIONS = ("mean", "scale")
GIVEN = ("noise", "mask", "mark")  # one for each step, row, unit; row, unit; step, row

Value = TypeVar("Value")
Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """One value of a step.

    Args:
        op: "input", "bias", "vector", "state", "matmul", one of ``REDUCTIONS`` or ``GIVEN``, or a
            key of ``OPERATIONS``.
        args: other nodes, or numbers.
        block: the block of a leaf or a matmul; the name of a state.
        line: where the user's file makes the value.
    """

    op: str
    args: tuple[Node | float, ...] = ()
    block: str = ""
    line: str = ""

    @property
    def operands(self) -> tuple[Node, ...]:
        """The arguments that are nodes."""
        return tuple(arg for arg in self.args if isinstance(arg, Node))

    @cached_property
    def _hash(self) -> int:
        return hash((self.op, self.args, self.block))

    def __hash__(self) -> int:
        # kept: a graph is a tree of shared parts, and hashing it anew at each look is slow
        return self._hash

    def __eq__(self, other: object) -> bool:
        # the hash first: most nodes differ, and a look at all they share would be slow too
        if self is other or not isinstance(other, Node):
            return self is other
        same = hash(self) == hash(other)
        return same and (self.op, self.args, self.block) == (other.op, other.args, other.block)

    def __repr__(self) -> str:
        # not its arguments: what they share would be written as often as it is used
        return f"<{self.op} {self.block or len(self.args)} at {self.line}>"

    def __reduce__(self) -> tuple[type[Node], tuple[object, ...]]:
        # without the kept hash, which another process would compute differently
        return Node, (self.op, self.args, self.block, self.line)


@dataclass(frozen=True, eq=False)
class Program:
    """The graph of one step.

    Args:
        equation: what was traced.
        states: the names of the states; the first is the output.
        results: the new value of each state.
        nodes: every value of the step in the order of the equation, equal ones once.
        names: the nodes that have a name: gates and named values.
        biased: whether the inputs' projections have a bias.
    """

    equation: Equation
    states: tuple[str, ...]
    results: tuple[Node, ...]
    nodes: tuple[Node, ...]
    names: dict[str, Node]
    biased: bool

    def blocks(self, op: str) -> tuple[str, ...]:
        """List the blocks of one kind in the order of the layout.

        Args:
            op: "input", "bias", "vector" or "matmul".

        Returns:
            The blocks' names.
        """
        found = dict.fromkeys(node.block for node in self.nodes if node.op == op)
        order = {block: place for place, block in enumerate(self.equation.layout)}
        return tuple(sorted(found, key=lambda b: order.get(b.rpartition(".")[2], len(order))))


def once(function: Callable[[Program], Value]) -> Callable[[Program], Value]:
    """Remember what a function finds out about a program, for as long as the program lives.

    Args:
        function: of a program alone; nobody changes what it returns.

    Returns:
        The same function, run once for each program.
    """
    known: WeakKeyDictionary[Program, Value] = WeakKeyDictionary()

    @wraps(function)
    def remembered(program: Program) -> Value:
        if program not in known:
            known[program] = function(program)
        return known[program]

    return constant(remembered)


def constant(function: Function) -> Function:
    """Have a compiler call a function while it makes its graph, and not look inside.

    Args:
        function: of programs, layers and numbers; where a compiler meets it, it gives text,
            numbers or tuples of them.

    Returns:
        The same function.
    """
    # what torch.compiler.assume_constant_result does, which would import the compiler
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def walk(roots: Iterable[Node]) -> tuple[Node, ...]:
    """List all nodes that some nodes depend on, arguments first.

    Args:
        roots: where to start; they come too.

    Returns:
        Each node once.
    """
    seen: dict[Node, None] = {}
    for root in roots:
        _visit(root, seen)
    return tuple(seen)


def _visit(node: Node, seen: dict[Node, None]) -> None:
    if node not in seen:
        for operand in node.operands:
            _visit(operand, seen)
        seen[node] = None
