"""A schedule as the numbers that the native part reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headgate.kernels import native
from headgate.program.graph import REDUCTIONS, ROW, Node
from headgate.program.schedule import MATMULS, Place, Schedule, Stage

_RIGHT_CONSTANT, _LEFT_CONSTANT = 1 << 16, 1 << 17

Instruction = tuple[int, int, int, int, int, int, int]
Product = tuple[int, list[tuple[int, int]]]


@dataclass(frozen=True)
class Bytecode:
    """Native code, and what has to be given to it at each run.

    Args:
        plan: the native plan.
        places: where each of its views lies.
        weights: its weights: the block, and whether the product is with the weight transposed.
        widths: the widths of its stages.
    """

    plan: Any
    places: tuple[Place, ...]
    weights: tuple[tuple[str, bool], ...]
    widths: tuple[str, ...]


def encode(schedule: Schedule) -> Bytecode:
    """Write a schedule as bytecode.

    Args:
        schedule: the stages of a step.

    Returns:
        The bytecode.
    """
    tables = _Tables(schedule)
    stages = [_StageEncoder(stage, tables).run() for stage in schedule.stages]
    return Bytecode(
        native.plan(stages, list(tables.constants), tables.registers),
        tuple(tables.places),
        tuple(tables.weights),
        tuple(tables.widths),
    )


class _Tables:
    """Numbers for what the stages share, in the order of first use."""

    def __init__(self, schedule: Schedule) -> None:
        self.operands, self.moments = schedule.operands, schedule.moments
        self.places: dict[Place, int] = {}
        self.weights: dict[tuple[str, bool], int] = {}
        self.widths: dict[str, int] = {}
        self.constants: dict[float, int] = {}
        self.registers = 0


def _number(table: dict[Any, int], key: Any) -> int:
    return table.setdefault(key, len(table))


class _StageEncoder:
    def __init__(self, stage: Stage, tables: _Tables) -> None:
        self.stage, self.tables = stage, tables
        self.code: list[Instruction] = []
        self.register: dict[Node, int] = {}
        self.free: list[int] = []
        self.uses: dict[Node, int] = {}
        # a load that is stored again needs memory of its own, if a store may come before
        stored = {node for node, _ in stage.stores}
        read = {place for node, place in stage.loads.items() if node in stored}
        self.overwritten = read.intersection(place for _, place in stage.stores)
        for node in stage.nodes:
            for operand in node.operands:
                self.uses[operand] = self.uses.get(operand, 0) + 1
        for node, _ in stage.stores:
            self.uses[node] = self.uses.get(node, 0) + 1

    def run(self) -> tuple[int, list[Product], list[Instruction]]:
        products = [self._product(node) for node in self.stage.matmuls]
        for node in self.stage.nodes:
            self._compute(node)
        # all are found before any is stored: a store may overwrite what another one reads
        sources = [self._find(node) for node, _ in self.stage.stores]
        for (node, place), source in zip(self.stage.stores, sources, strict=True):
            self._store(_number(self.tables.places, place), source, node, place)
        return _number(self.tables.widths, self.stage.width), products, self.code

    def _store(self, number: int, source: int, node: Node, place: Place) -> None:
        if place.mode != "moments":
            self._emit("sum" if place.mode == "summed" else "store", number, source)
            return
        for part, value in enumerate(self.tables.moments[place]):
            if value == node:
                self._emit("reduce", number, source, part)

    def _product(self, node: Node) -> Product:
        forward = node.op == MATMULS[0]
        terms = [
            (
                _number(self.tables.places, self.tables.operands[operand]),
                _number(self.tables.weights, (block, forward)),
            )
            for operand, block in zip(node.operands, node.block.split(","), strict=True)
        ]
        return self._take(node), terms

    def _compute(self, node: Node) -> None:
        left, *rest = (self._find(arg) if isinstance(arg, Node) else arg for arg in node.args)
        sides = [isinstance(arg, Node) for arg in node.args]
        right = rest[0] if rest else 0
        kind = 0
        if not sides[0]:
            left, kind = _number(self.tables.constants, float(left)), _LEFT_CONSTANT
        if rest and not sides[1]:
            right, kind = _number(self.tables.constants, float(right)), _RIGHT_CONSTANT
        for operand in node.operands:
            self._release(operand)
        target = self._take(node)
        self._emit(node.op, target, int(left), int(right), *map(int, rest[1:]), kind=kind)

    def _find(self, node: Node) -> int:
        """The register of a value; one that lies in memory is loaded at its first use."""
        if node not in self.register:
            place = self.stage.loads[node]
            number = _number(self.tables.places, place)
            if place.mode == "moments":
                self._emit(node.op, self._take(node), number, len(self.tables.moments[place]))
            elif node.op in ("mark", *REDUCTIONS) and self.stage.width != ROW:
                self._emit("spread", self._take(node), number)
            else:
                self._emit("load", self._take(node), number, int(place in self.overwritten))
        return self.register[node]

    def _emit(
        self, name: str, target: int, left: int, right: int = 0, *more: int, kind: int = 0
    ) -> None:
        third, fourth, fifth = (*more, 0, 0, 0)[:3]
        operation = native.operations()[name] | kind
        self.code.append((operation, target, left, right, third, fourth, fifth))

    def _take(self, node: Node) -> int:
        if not self.free:
            self.free.append(self.tables.registers)
            self.tables.registers += 1
        self.register[node] = self.free.pop()
        return self.register[node]

    def _release(self, node: Node) -> None:
        self.uses[node] -= 1
        if not self.uses[node]:
            self.free.append(self.register[node])
