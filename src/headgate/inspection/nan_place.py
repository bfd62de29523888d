"""Where a value that is not finite was found, and how that is said."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from headgate.program import Node, Program

LEAVES = ("input", "bias", "vector", "state")
_LETTERS = {"input": "x", "bias": "b", "vector": "p", "matmul": "W"}


@dataclass(frozen=True)
class Place:
    """A place in a run; what does not apply is None.

    Args:
        layer: the layer, from 0.
        reverse: whether the layer's backward direction ran.
        step: the step, an index into the input; None before the first step.
        row: the row of the batch.
        unit: the unit of a state, or the feature of an input; None of what a row has one of.
    """

    layer: int | None = None
    reverse: bool = False
    step: int | None = None
    row: int | None = None
    unit: int | None = None

    def __str__(self) -> str:
        direction = " (backward in time)" if self.reverse else ""
        parts = [f"layer {self.layer}{direction}"] if self.layer is not None else []
        numbers = (("step", self.step), ("row", self.row), ("unit", self.unit))
        return ", ".join([*parts, *(f"{name} {n}" for name, n in numbers if n is not None)])


@dataclass(frozen=True)
class Origin:
    """The operation that made a value, and what it made it of.

    Args:
        operation: its name, as in ``torch``; "matmul" for W.g(v), "input" for x.g.
        line: the file and the line of the equation.
        operands: what it was computed from at that place, each with a label.
        place: where.
    """

    operation: str
    line: str
    operands: tuple[tuple[str, float], ...]
    place: Place

    def __str__(self) -> str:
        made = ", ".join(f"{label} = {value:.6g}" for label, value in self.operands)
        return f"{self.operation} at {self.line}, of {made}"


@dataclass(frozen=True)
class Nan:
    """The first value that is not finite.

    Args:
        kind: "parameter", "input" or "state" where it was there before any step; "value" of a
            step; "loss"; or "gradient".
        value: NaN, inf or -inf.
        name: of the parameter, with its index; of the gate or the state; of a value without a
            name, what it leads to.
        place: where; of a parameter, nothing.
        origin: the operation that made it, of a value; whose derivative made it, of a gradient,
            where one operation can be named.
    """

    kind: str
    value: float
    name: str
    place: Place
    origin: Origin | None = None

    def __str__(self) -> str:
        number = "NaN" if math.isnan(self.value) else f"{self.value}"
        at = str(self.place)
        if self.kind == "parameter":
            return f"The parameter {self.name} holds {number} already."
        if self.kind == "input":
            return f"The input holds {number} already, at {at}."
        if self.kind == "state":
            return f"The initial state {self.name} holds {number} already, at {at}."
        if self.kind == "loss":
            return f"Every value is finite, but {self.name} is {number}{at and f', at {at}'}."
        if self.kind == "gradient":
            cause = f" It comes from the derivative of {self._cause()}." if self.origin else ""
            return f"Backward, the gradient of {self.name} is the first {number}, at {at}.{cause}"
        hint = "" if not self._from_infinite() else " infinite=True finds where that was made."
        return f"The first {number} is {self.name}, at {at}: {self.origin}.{hint}"

    def _cause(self) -> str:
        origin = self.origin
        assert origin is not None  # the caller looked
        same = origin.place == self.place
        return str(origin) if same else f"{origin}, at {origin.place}"

    def _from_infinite(self) -> bool:
        operands = self.origin.operands if self.origin else ()
        return any(math.isinf(value) for _, value in operands)


def label(node: Node | float, program: Program, *, depth: int = 2) -> str:
    """Name a value as its equation does, with the time where it is a state.

    Args:
        node: a value of the program, or a number.
        program: the program.
        depth: how many operations are written out that have no name.

    Returns:
        The gate's name, the leaf as it is written, or the operation.
    """
    if not isinstance(node, Node):
        return f"{node:g}"
    known = {value: name for name, value in program.names.items()}
    known |= {result: f"{state}ₜ" for state, result in _states(program)}
    if node in known:
        return known[node]
    if node.op == "state":
        return f"{node.block}ₜ₋₁"
    name = f"{_LETTERS.get(node.op, node.op)}.{node.block}" if node.block else node.op
    if not node.args:
        return name
    parts = (label(arg, program, depth=depth - 1) for arg in node.args)
    return f"{name}({', '.join(parts) if depth else '…'})"


def describe(node: Node, program: Program) -> str:
    """Say which gate or state a value is, or which one it leads to.

    Args:
        node: a value of the program.
        program: the program.

    Returns:
        A phrase, such as "the gate 'forget'".
    """
    known = {result: f"the state {s!r}" for s, result in _states(program)}
    known = {value: f"the gate {name!r}" for name, value in program.names.items()} | known
    if node in known:
        return known[node]
    reached = {node}
    for later in program.nodes:
        if reached.intersection(later.operands):
            reached.add(later)
            if later in known:
                return f"a value on the way to {known[later]}"
    return "a value"


def _states(program: Program) -> list[tuple[str, Node]]:
    return list(zip(program.states, program.results, strict=True))


def first(bad: Tensor) -> tuple[int, ...]:
    """Find the first place that is marked.

    Args:
        bad: marks, of any shape, at least one of them set.

    Returns:
        Its index along each axis.
    """
    return tuple(int(index) for index in bad.nonzero()[0])
