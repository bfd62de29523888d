"""What a kernel runs: the step of a program and the step of its gradient, cut into stages.

What the gradient needs of the forward run is kept or computed again: kept is what comes out of a
matmul, through the function that makes it a gate; whatever follows from that, from the states and
from the parameters is computed again. A kept value takes the place of an input's projection that
nothing reads any more, so that a gate costs no memory of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headgate.program.backward import Backward, differentiate
from headgate.program.graph import GIVEN, HIDDEN, REDUCTIONS, ROW, Node, Program, once
from headgate.program.schedule import MATMULS, Place, Schedule, schedule
from headgate.program.sizes import widths

# So cheap that to compute one again costs less than to read what was kept.
_CHEAP = frozenset({"add", "sub", "mul", "neg", "square", "abs", "maximum", "minimum"})


@dataclass(frozen=True, eq=False)
class Forward:
    """The forward step.

    Args:
        schedule: its stages.
        trace: where each named value is found after a run.
        kept: where each value that the gradient needs is found.
    """

    schedule: Schedule
    trace: dict[str, Place]
    kept: dict[Node, Place]


@dataclass(frozen=True, eq=False)
class Gradient:
    """The backward step.

    Args:
        schedule: its stages.
        products: for each matmul of the program, where its operand is found and its gradient.
        missing: input blocks that nothing depends on; their gradient is zero.
        sums: the blocks with a gradient that is summed over rows, as (operation, block).
    """

    schedule: Schedule
    products: list[tuple[Node, Place, Place]]
    missing: tuple[str, ...]
    sums: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """A program ready for a kernel.

    Args:
        forward: the step.
        gradient: the step of the gradient, where one is wanted.
        widths: the width of every buffer.
    """

    forward: Forward
    gradient: Gradient | None
    widths: dict[tuple[str, str], str]


def supports(program: Program) -> bool:
    """Tell whether a program can be planned: what is normalized together is of one width.

    Args:
        program: the program.

    Returns:
        Whether ``plan`` takes it.
    """
    width = widths(program)
    groups = (node.operands for node in program.nodes if node.op in REDUCTIONS)
    return all(len({width[value] for value in group}) == 1 for group in groups)


def plan(
    program: Program, *, grad: bool, traced: bool, outer: frozenset[str] = frozenset()
) -> Plan:
    """Plan the run of a program.

    Args:
        program: the program.
        grad: whether a gradient will be wanted, so that what it needs is kept.
        traced: whether every named value is wanted.
        outer: the states whose gradient comes from outside at every step, and, all or none, the
            named values as "trace.NAME"; it changes the backward step alone.

    Returns:
        The plan; the same for the same wishes.
    """
    found, wish = _plans(program), (grad, traced, outer)
    if wish not in found:
        found[wish] = _plan(program, grad=grad, traced=traced, outer=outer)
    return found[wish]


@once
def _plans(program: Program) -> dict[tuple[bool, bool, frozenset[str]], Plan]:
    """Hold the plans of a program, made as they are asked for."""
    return {}


@once
def _backward(program: Program) -> dict[bool, Backward]:
    """Derive the gradient without and with that of the named values."""
    return {traced: differentiate(program, traced=traced) for traced in (False, True)}


def _plan(program: Program, *, grad: bool, traced: bool, outer: frozenset[str]) -> Plan:
    known = _given(program)
    backward = _backward(program)[traced] if grad else None
    kept = _to_keep(program, backward) if backward else []
    forward = _forward(program, known, kept, traced=traced)
    buffers = _buffer_widths(program)
    buffers |= {("trace", n): widths(program)[node] for n, node in program.names.items()}
    buffers |= {p.buffer: widths(program)[node] for node, p in forward.kept.items()}
    buffers |= forward.schedule.widths
    if backward is None:
        return Plan(forward, None, buffers)
    # without a gradient of the trace it is that of the states alone, over what was kept for both
    backward = _backward(program)[any(name.startswith("trace.") for name in outer)]
    gradient = _gradient(program, backward, known | forward.kept, outer)
    return Plan(forward, gradient, buffers | gradient.schedule.widths)


def _given(program: Program) -> dict[Node, Place]:
    """What memory holds before any step."""
    modes = {
        "input": "sequence",
        "state": "previous",
        "vector": "shared",
        "bias": "shared",
        "noise": "sequence",
        "mask": "batch",
        "mark": "sequence",
    }
    return {n: Place(modes[n.op], (n.op, n.block)) for n in program.nodes if n.op in modes}


def _buffer_widths(program: Program) -> dict[tuple[str, str], str]:
    width = widths(program)
    leaves = {(n.op, n.block): width[n] for n in program.nodes if n.op not in MATMULS and n.block}
    results = zip(program.states, program.results, strict=True)
    return leaves | {("state", state): width[node] for state, node in results}


def _to_keep(program: Program, backward: Backward) -> list[Node]:
    """The values of the forward step that the backward step cannot compute again."""
    free = {n for n in program.nodes if n.op in ("state", "vector", "bias", *GIVEN)}
    free |= set(program.results)
    forward = set(program.nodes)
    kept: dict[Node, None] = {}
    seen: set[Node] = set()

    def visit(node: Node) -> None:
        if node in seen or node in free:
            return
        seen.add(node)
        whole = node.op in ("input", *MATMULS, *REDUCTIONS)
        if node in forward and (whole or _is_gate(node, free)):
            kept[node] = None
            return
        for operand in node.operands:
            visit(operand)

    for root in _roots(program, backward):
        visit(root)
    return list(kept)


def _is_gate(node: Node, free: set[Node]) -> bool:
    """Whether a value stands on a matmul, directly or as a function of what does."""
    direct = any(operand.op in ("input", *MATMULS) for operand in node.operands)
    return direct or (node.op not in _CHEAP and any(_rests(o, free) for o in node.operands))


def _rests(node: Node, free: set[Node]) -> bool:
    if node in free:
        return False
    return node.op in ("input", *MATMULS) or any(_rests(o, free) for o in node.operands)


def _roots(program: Program, backward: Backward) -> Iterable[Node]:
    yield from (node for node in backward.states if isinstance(node, Node))
    yield from backward.results.values()
    yield from backward.sums.values()
    yield from _operands(program, backward)


def _operands(program: Program, backward: Backward) -> list[Node]:
    """The operands of matmuls that are no state: a weight's gradient needs them whole."""
    found = (n.operands[0] for n in program.nodes if n.op == "matmul" and n in backward.results)
    return list(dict.fromkeys(node for node in found if node.op != "state"))


def _forward(
    program: Program, known: dict[Node, Place], kept: list[Node], *, traced: bool
) -> Forward:
    results = dict(zip(program.results, program.states, strict=True))
    stores = [
        (node, Place("sequence", ("state", state)))
        for state, node in zip(program.states, program.results, strict=True)
    ]
    trace = {
        name: stores[program.results.index(node)][1]
        if node in results
        else Place("sequence", ("trace", name))
        for name, node in (program.names.items() if traced else ())
    }
    stores += [
        (program.names[name], place) for name, place in trace.items() if place.buffer[0] == "trace"
    ]
    shown = {program.names[name]: place for name, place in trace.items()}
    places: dict[Node, Place] = {}
    for node in kept:
        own = Place("sequence", ("kept", str(len(places))))
        places[node] = known[node] if node in known else shown.get(node, own)
        if node not in known and node not in shown:
            stores.append((node, places[node]))
    found = schedule(known, stores, widths(program))
    moved = _reuse(found, known, places, widths(program))
    return Forward(found, trace, {node: moved.get(p, p) for node, p in places.items()})


def _reuse(
    found: Schedule,
    known: Mapping[Node, Place],
    kept: Mapping[Node, Place],
    width: dict[Node, str],
) -> dict[Place, Place]:
    """Give kept values the places of projections that are read no more, and say which."""
    idle = {
        node: place
        for node, place in known.items()
        if node.op == "input" and node not in kept and node not in found.operands
    }
    moved: dict[Place, Place] = {}
    for number, stage in enumerate(found.stages):
        for i, (node, place) in enumerate(stage.stores):
            if place.buffer[0] != "kept":
                continue
            later = {leaf for after in found.stages[number + 1 :] for leaf in after.loads}
            free = (n for n in idle if n not in later and width[n] == width[node])
            slot = next(free, None)
            if slot is not None:
                moved[place] = idle.pop(slot)
                stage.stores[i] = (node, moved[place])
    for stage in found.stages:
        stage.loads = {node: moved.get(place, place) for node, place in stage.loads.items()}
    for node, place in found.operands.items():
        found.operands[node] = moved.get(place, place)
    return moved


def _gradient(
    program: Program, backward: Backward, known: dict[Node, Place], outer: frozenset[str]
) -> Gradient:
    result = dict(zip(program.states, program.results, strict=True))
    known = known | {node: Place("sequence", ("state", s)) for s, node in result.items()}
    kinds = {"later": "rolling", "outer": "sequence"}
    seeds = _Seeds(outer)
    places = _gradient_places(program, backward)
    stores = [(seeds(backward.results[node]), place) for node, place in places.items()]
    stores = list(dict.fromkeys(stores))
    for state, node in zip(program.states, backward.states, strict=True):
        # of a state that the step does not read the gradient is zero, written as such
        found = seeds(node) if isinstance(node, Node) else Node("masked", (result[state], 0.0))
        stores.append((found, Place("rolling", ("later", state))))
    sums = {leaf: Place("summed", ("sum", f"{leaf.op}.{leaf.block}")) for leaf in backward.sums}
    stores += [(seeds(backward.sums[leaf]), place) for leaf, place in sums.items()]
    operands = {
        node: Place("sequence", ("operand", str(i)))
        for i, node in enumerate(_operands(program, backward))
    }
    stores += [(node, place) for node, place in operands.items() if node not in known]
    known |= {n: Place(kinds[n.op], (n.op, n.block)) for n in seeds.leaves}
    width = _backward_widths(program, [node for node, _ in stores])
    found = schedule(known, stores, width)
    own = {place.buffer: width[node] for node, place in stores}
    own |= {(n.op, n.block): width[n] for n in seeds.leaves}
    operands |= {node: known[node] for node in operands if node in known}
    products = [
        (node, operands.get(node.operands[0]) or known[node.operands[0]], places[node])
        for node in program.nodes
        if node.op == "matmul" and node in places
    ]
    missing = tuple(b for b in program.blocks("input") if ("gradient", f"input.{b}") not in own)
    stages = Schedule(found.stages, found.operands, found.widths | own, found.moments)
    return Gradient(stages, products, missing, tuple((leaf.op, leaf.block) for leaf in sums))


class _Seeds:
    """Put what comes from outside and from the later steps in place of a state's gradient."""

    def __init__(self, outer: frozenset[str]) -> None:
        self.outer, self.leaves = outer, dict[Node, None]()
        self._known: dict[Node, Node] = {}

    def __call__(self, node: Node) -> Node:
        if node not in self._known:
            args = tuple(self(arg) if isinstance(arg, Node) else arg for arg in node.args)
            same = args == node.args
            self._known[node] = (
                self._seed(node.block)
                if node.op == "seed"
                else node
                if same
                else Node(node.op, args, node.block, node.line)
            )
        return self._known[node]

    def _seed(self, block: str) -> Node:
        traced = block.startswith("trace.")
        kinds = ("outer",) * (block in self.outer) + ("later",) * (not traced)
        leaves = [Node(kind, block=block) for kind in kinds]
        self.leaves |= dict.fromkeys(leaves)
        return leaves[0] if len(leaves) == 1 else Node("add", tuple(leaves))


def _gradient_places(program: Program, backward: Backward) -> dict[Node, Place]:
    """Where the gradient of each projection and matmul goes; equal ones share a place."""
    places: dict[Node, Place] = {}
    shared: dict[Node, Place] = {}
    for leaf in (n for n in backward.results if n.op == "input"):
        places[leaf] = Place("sequence", ("gradient", f"input.{leaf.block}"))
        shared.setdefault(backward.results[leaf], places[leaf])
    for i, node in enumerate(n for n in program.nodes if n.op == "matmul"):
        if node in backward.results:
            own = Place("sequence", ("gradient", f"matmul.{i}"))
            places[node] = shared.setdefault(backward.results[node], own)
    return places


def _backward_widths(program: Program, roots: Iterable[Node]) -> dict[Node, str]:
    """The width of every value of a backward step: that of what it is the gradient of."""
    found = dict(widths(program))
    operand = {n.block: found[n.operands[0]] for n in program.nodes if n.op == "matmul"}
    source = {f"trace.{name}": found[node] for name, node in program.names.items()}
    source |= dict(zip(program.states, (found[result] for result in program.results), strict=True))

    def visit(node: Node) -> str:
        if node not in found:
            inner = [width for width in map(visit, node.operands) if width != ROW]
            if node.op in REDUCTIONS:
                found[node] = ROW
            elif node.op == "transposed":
                found[node] = operand[node.block.split(",")[0]]
            elif node.op in ("outer", "later"):
                found[node] = source[node.block]
            else:
                found[node] = inner[0] if inner else HIDDEN
        return found[node]

    for root in roots:
        visit(root)
    return found
