"""How a step is cut into stages, what is kept of it, and what any step gives when it is run so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import Case, draw, draw_states, every_case
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.equations import Equation, equation
from headgate.equations.notation import named
from headgate.kernels import native, using
from headgate.layers import Recurrent
from headgate.program import Node, Program, trace
from headgate.program.plan import Plan, plan
from headgate.program.schedule import MATMULS, Place, Schedule, Stage

Step = Callable[..., Any]

needs_native = pytest.mark.skipif(not native.available, reason="the native part is not built")


def _plan(program: Program, *, traced: bool = False) -> Plan:
    outer = frozenset(program.states[:1])
    return plan(program, grad=True, traced=traced, outer=outer)


def _schedules(found: Plan) -> list[Schedule]:
    assert found.gradient is not None
    return [found.forward.schedule, found.gradient.schedule]


@pytest.mark.parametrize(
    ("cell", "options", "stages"),
    [
        ("lstm", {}, 1),
        ("lstm", {"projection": 2}, 2),
        ("gru", {"reset": "after"}, 1),
        ("gru", {"reset": "before"}, 2),
        ("mgu", {}, 2),
        ("jordan", {}, 2),
        ("rnn", {}, 1),
        ("indrnn", {}, 1),
        ("janet", {}, 1),
        ("ligru", {}, 1),
        ("mlstm", {}, 2),
        ("rhn", {"depth": 3}, 3),
        ("sru", {}, 1),
        ("fslstm", {}, 3),
        ("lem", {}, 2),
    ],
)
def test_a_stage_begins_where_a_matmul_waits(
    cell: str, options: dict[str, Any], stages: int
) -> None:
    found = _plan(trace(equation(cell, **options)))
    assert len(found.forward.schedule.stages) == stages


@pytest.mark.parametrize("traced", [False, True])
@every_case
def test_a_stage_finds_what_it_reads(case: Case, traced: bool) -> None:
    program = case.program()
    for schedule in _schedules(_plan(program, traced=traced)):
        written: set[Place] = set()
        for stage in schedule.stages:
            _check_stage(stage, schedule, written)
            written |= {place for _, place in stage.stores}


def _check_stage(stage: Stage, schedule: Schedule, written: set[Place]) -> None:
    known = {*stage.loads, *stage.matmuls}
    for node in stage.nodes:
        assert known.issuperset(node.operands)
        known.add(node)
    assert known.issuperset(node for node, _ in stage.stores)
    for place in [*stage.loads.values(), *(schedule.operands[o] for o in _operands(stage))]:
        # what the schedule keeps for itself is written by an earlier stage
        assert place.buffer[0] not in ("value", "kept", "gradient") or _lasts(place, written)


def _lasts(place: Place, written: set[Place]) -> bool:
    return place in written or place.buffer[0] == "kept"


def _operands(stage: Stage) -> Iterator[Node]:
    return (operand for matmul in stage.matmuls for operand in matmul.operands)


@pytest.mark.parametrize("traced", [False, True])
@every_case
def test_a_rolling_place_is_overwritten_after_its_last_read(case: Case, traced: bool) -> None:
    program = case.program()
    for schedule in _schedules(_plan(program, traced=traced)):
        last = {p: i for i, stage in enumerate(schedule.stages) for p in _reads(stage, schedule)}
        for number, stage in enumerate(schedule.stages):
            for _, place in stage.stores:
                # a stage loads before it stores, but its matmuls read whole rows of others' units
                whole = {schedule.operands[operand] for operand in _operands(stage)}
                if place.buffer[0] == "later":
                    assert number >= last.get(place, 0)
                    assert place not in whole


def _reads(stage: Stage, schedule: Schedule) -> Iterator[Place]:
    yield from stage.loads.values()
    yield from (schedule.operands[operand] for operand in _operands(stage))


def test_gates_are_kept_in_the_places_of_their_projections() -> None:
    program = trace(equation("lstm"))
    kept = _plan(program).forward.kept
    gates = [place for node, place in kept.items() if node.op in ("sigmoid", "tanh")]
    assert sorted(p.buffer for p in gates) == sorted(("input", b) for b in program.blocks("input"))
    assert len(set(kept.values())) == len(kept)


def test_a_place_is_taken_only_from_a_projection_that_nothing_reads_any_more() -> None:
    def step(x, W, h):
        f = torch.sigmoid(x.f + W.f(h))
        g = torch.tanh(x.g + W.g(f * h))  # waits for f: x.g is read a stage later
        return f * h + g

    forward = _plan(trace(Equation(step))).forward
    first, second = forward.schedule.stages
    (place,) = (p for n, p in forward.kept.items() if n.op == "sigmoid")
    assert place == Place("sequence", ("input", "f"))
    assert ("input", "g") in {p.buffer for p in second.loads.values()}
    assert ("input", "g") not in {p.buffer for _, p in first.stores}


def test_what_costs_less_than_to_read_it_is_not_kept() -> None:
    def step(x, W, h):
        u = torch.sigmoid(x.u + W.u(h))
        return (1 - u) * h + 0.5 * u

    kept = _plan(trace(Equation(step))).forward.kept
    assert [node.op for node in kept] == ["sigmoid"]


def test_without_a_gradient_nothing_is_kept() -> None:
    found = plan(trace(equation("lstm")), grad=False, traced=False)
    assert found.gradient is None
    assert not found.forward.kept
    stored = {p.buffer for stage in found.forward.schedule.stages for _, p in stage.stores}
    assert stored == {("state", "h"), ("state", "c")}


def test_the_matmuls_of_one_stage_are_all_of_its_level() -> None:
    (stage,) = _plan(trace(equation("lstm"))).forward.schedule.stages
    assert all(node.op in MATMULS for node in stage.matmuls)
    assert {node.block for node in stage.matmuls} == {"input", "forget", "candidate", "output"}


# Any step gives the reference's numbers.


def _numbers(layer: Recurrent, leaves: list[Tensor], weights: list[float]) -> list[Tensor]:
    """What a layer gives, and the gradient of what a loss sees of it: 0 for what it does not."""
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    outputs, last, traced = layer(leaves[0], tuple(leaves[1:]), trace=True)
    results = [outputs, *(last if isinstance(last, tuple) else (last,)), *traced.values()]
    loss = leaves[0].sum() * 0
    for weight, result in zip([*weights, *[0.0] * len(results)], results, strict=False):
        loss = loss + weight * (result * result.detach().cos()).sum() if weight else loss
    sources = [*leaves, *layer.parameters()]
    found = torch.autograd.grad(loss, sources, allow_unused=True, materialize_grads=True)
    return [*(result.detach() for result in results), *found]


def _check(step: Step, units: int, weights: list[float]) -> None:
    torch.manual_seed(0)
    layer = Recurrent(Equation(step), 3, units).double()
    leaves = [draw(4, 3, 3), *draw_states(layer, 3)]
    with using("reference"):
        expected = _numbers(layer, leaves, weights)
    assert_equal(_numbers(layer, leaves, weights), expected, "gradient")


def _exchanged(x, W, h, c):
    return c + x.a, h


def _exchanged_whole(x, W, p, h, c, d):
    return d, h, c * p.v


def _from_the_input(x, W, h, c):
    g = torch.sigmoid(x.b + W.b(h))
    return g * c + (1 - g) * h, x.a


def _a_bias_alone(x, W, b, h, c):
    return torch.tanh(x.a + W.a(c)), c + b.v


def _one_state_twice(x, W, h, c):
    h = torch.tanh(x.a + W.a(h) + c)
    return h, h


ODD = [_exchanged, _exchanged_whole, _from_the_input, _a_bias_alone, _one_state_twice]
SEEN = [[1.0], [0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]


@needs_native
@pytest.mark.parametrize("units", [5, 16])
@pytest.mark.parametrize("seen", SEEN, ids=str)
@pytest.mark.parametrize("step", ODD)
def test_an_odd_step_gives_the_reference_s_numbers(
    step: Step, seen: list[float], units: int
) -> None:
    _check(step, units, seen)


UNARY: dict[str, Step] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "cos": torch.cos,
    "abs": abs,
    "neg": lambda a: -a,
    "scaled": lambda a: 0.5 * a,
    "same": lambda a: a,
}
BINARY: dict[str, Step] = {
    "sum": lambda a, b: 0.5 * (a + b),
    "difference": lambda a, b: 0.5 * (a - b),
    "product": lambda a, b: torch.tanh(a) * torch.sin(b),
    "quotient": lambda a, b: torch.sin(a) / (1.5 + torch.cos(b)),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}
MOVES = st.tuples(st.sampled_from([*UNARY, *BINARY, "W"]), st.integers(0, 99), st.integers(0, 99))


@needs_native
@settings(max_examples=30)
@given(
    moves=st.lists(MOVES, min_size=1, max_size=10),
    ends=st.tuples(st.integers(0, 99), st.integers(0, 99)),
    units=st.integers(1, 40),
    seen=st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=5),
    names=st.booleans(),
)
def test_any_step_gives_the_reference_s_numbers(
    moves: list[tuple[str, int, int]],
    ends: tuple[int, int],
    units: int,
    seen: list[float],
    names: bool,
) -> None:
    def step(x, W, b, p, h, c):
        values = [h, c, x.a, x.b, x.b + b.a, p.v * c]
        for op, i, j in moves:
            left, right = values[i % len(values)], values[j % len(values)]
            if op == "W":
                values.append(torch.tanh(getattr(W, f"w{j % 3}")(left)))
            else:
                values.append(UNARY[op](left) if op in UNARY else BINARY[op](left, right))
            values[-1] = named(f"v{len(values)}", values[-1]) if names else values[-1]
        first, second = (values[end % len(values)] for end in ends)
        return 0.5 * (first + torch.tanh(x.own + W.own(h))), second

    _check(step, units, seen)
