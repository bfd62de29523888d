"""The order of a step: stages of matmuls and pointwise code, where one matmul waits for another.

A stage computes values of one width tile by tile: first its matmuls, whose operands lie whole in
memory, then its pointwise operations, then it stores. What a later stage needs is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headgate.program.graph import REDUCTIONS, Node

MATMULS = ("matmul", "transposed")
WHOLE = (*MATMULS, *REDUCTIONS)  # what needs all units of an operand


@dataclass(frozen=True)
class Place:
    """Rows in memory.

    Args:
        mode: "sequence", a row for each step; "previous", that of the step before; "rolling", one
            that each step overwrites; "batch", one for each row of the batch at every step;
            "shared", one for all rows; "summed", added up over them; "moments", what is known of
            the sums over whole rows.
        buffer: the kind and the name of the buffer, such as ("state", "h").
    """

    mode: str
    buffer: tuple[str, str]


Store = tuple[Node, Place]


@dataclass
class Stage:
    """A part of a step.

    Args:
        width: the width of its values.
        matmuls: its products.
        nodes: its pointwise values, arguments first.
        loads: the values it finds in memory.
        stores: the values it leaves there, in this order, after all else.
    """

    width: str
    matmuls: list[Node] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    loads: dict[Node, Place] = field(default_factory=dict)
    stores: list[Store] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Schedule:
    """The stages of a step in their order, and where each matmul finds its operands.

    Args:
        stages: the stages.
        operands: the place of every matmul's operand.
        widths: the width of each rolling buffer that the schedule asks for.
        moments: for each place of moments, the values that they are of.
    """

    stages: list[Stage]
    operands: dict[Node, Place]
    widths: dict[tuple[str, str], str]
    moments: dict[Place, tuple[Node, ...]]


def schedule(
    known: Mapping[Node, Place], stores: Sequence[Store], width: Mapping[Node, str]
) -> Schedule:
    """Cut a step into stages.

    Args:
        known: the values that memory holds before the step.
        stores: the values it has to hold afterwards; one may go to several places.
        width: the width of every value.

    Returns:
        The schedule.
    """
    return _Scheduler(known, stores, width).run()


class _Scheduler:
    def __init__(
        self, known: Mapping[Node, Place], stores: Sequence[Store], width: Mapping[Node, str]
    ) -> None:
        self.known, self.stores, self.width = known, list(stores), width
        self.nodes = self._needed()
        self.overwritten = {place for place in known.values() if place.mode == "rolling"}
        self.moments: dict[tuple[Node, ...], Place] = {}
        for node in self._computed(REDUCTIONS):
            self._reduce(node.operands)
        self.kept = {node: place for node, place in stores if self._lasts(place)}

    def run(self) -> Schedule:
        for matmul in self._computed(MATMULS):
            for operand in matmul.operands:
                if self._whole(operand) is None:
                    self._keep(operand)
        self.earliest = self._earliest()
        self.level = self._settle()
        for user, operand in self._uses():
            if self.level[operand] < self.level[user] and operand not in self.kept:
                self._keep(operand)
        for node, place in list(self.stores):
            late = self.level[node] < self.bounds.get((node, place), 0)
            if late and node not in self.known and node not in self.kept:
                self._keep(node)
        operands = {o: self._whole(o) for m in self._computed(MATMULS) for o in m.operands}
        own = {place.buffer: self.width[node] for node, place in self.kept.items()}
        own |= {place.buffer: self.width[values[0]] for values, place in self.moments.items()}
        return Schedule(
            self._stages(),
            {o: p for o, p in operands.items() if p},
            own,
            {place: values for values, place in self.moments.items()},
        )

    def _needed(self) -> list[Node]:
        """Every value that the stores depend on; behind a known one nothing is looked at."""
        seen: dict[Node, None] = {}

        def visit(node: Node) -> None:
            if node not in seen:
                for operand in () if node in self.known else node.operands:
                    visit(operand)
                seen[node] = None

        for node, _ in self.stores:
            visit(node)
        return list(seen)

    def _computed(self, ops: Sequence[str] = ()) -> Iterator[Node]:
        return (n for n in self.nodes if n not in self.known and (not ops or n.op in ops))

    def _uses(self) -> Iterator[tuple[Node, Node]]:
        """Yield each pointwise value with each computed operand that it needs in a register."""
        for node in self._computed():
            for operand in () if node.op in WHOLE else node.operands:
                if operand not in self.known and operand.op not in REDUCTIONS:
                    yield node, operand

    def _lasts(self, place: Place) -> bool:
        return place.mode in ("sequence", "rolling") and place not in self.overwritten

    def _whole(self, operand: Node) -> Place | None:
        """Where all units of an operand lie while a step goes on."""
        found = self.kept.get(operand) or self.known.get(operand)
        return None if found in self.overwritten else found

    def _reduce(self, values: tuple[Node, ...]) -> None:
        """Have the values of a row summed up as they are computed."""
        if values not in self.moments:
            self.moments[values] = Place("moments", ("moments", str(len(self.moments))))
            self.stores += [(value, self.moments[values]) for value in dict.fromkeys(values)]

    def _keep(self, node: Node) -> None:
        self.kept[node] = Place("rolling", ("value", str(len(self.stores))))
        self.stores.append((node, self.kept[node]))

    def _earliest(self) -> dict[Node, int]:
        level = dict.fromkeys(self.nodes, 0)
        for node in self._computed():
            if node.op in WHOLE:
                kept = node.op in REDUCTIONS
                after = (level[o] + 1 for o in node.operands if kept or o in self.kept)
                level[node] = max(after, default=0)
            else:
                level[node] = max((level[operand] for operand in node.operands), default=0)
        return level

    def _settle(self) -> dict[Node, int]:
        """Move each value to the first stage that needs it, and each overwriting after all reads.

        What one later stage alone needs is computed there and need not be kept.
        """
        bounds = {store: self.earliest[store[0]] for store in self.stores}
        while True:
            level = self._latest(bounds)
            before = dict(bounds)
            for node, place in self.stores:
                if place in self.overwritten:
                    readers = (level[n] for n in self._computed() if self._reads(n, place))
                    bounds[node, place] = max([bounds[node, place], *readers])
            if bounds == before:
                self.bounds = bounds
                return level

    def _reads(self, node: Node, place: Place) -> bool:
        return any(self.known.get(operand) == place for operand in node.operands)

    def _latest(self, bounds: Mapping[Store, int]) -> dict[Node, int]:
        level = dict(self.earliest)
        users: dict[Node, list[int]] = {}
        for store, bound in bounds.items():
            users.setdefault(store[0], []).append(bound)
        for node in reversed(list(self._computed())):
            level[node] = min(users[node])
            for operand in node.operands:
                # what needs an operand whole waits for its store
                if node.op not in WHOLE:
                    users.setdefault(operand, []).append(level[node])
        return level

    def _stages(self) -> list[Stage]:
        stages: dict[tuple[int, str], Stage] = {}

        def at(level: int, node: Node) -> Stage:
            width = self.width[node]
            return stages.setdefault((level, width), Stage(width))

        for node in self._computed():
            level = self.level[node]
            if node.op in REDUCTIONS:
                continue
            stage = at(level, node)
            (stage.matmuls if node.op in MATMULS else stage.nodes).append(node)
            for operand in () if node.op in MATMULS else node.operands:
                self._load(operand, stage, level)
        for node, place in self.stores:
            level = self.bounds.get((node, place), self.level[node])
            stage = at(level, node)
            stage.stores.append((node, place))
            self._load(node, stage, level)
        return [stages[key] for key in sorted(stages, key=lambda key: key[0])]

    def _load(self, node: Node, stage: Stage, level: int) -> None:
        if node in self.known:
            stage.loads[node] = self.known[node]
        elif node.op in REDUCTIONS:
            stage.loads[node] = self.moments[node.operands]
        elif self.level[node] < level:
            stage.loads[node] = self.kept[node]
