"""A program survives its way through text, to the bit and by name; bad text is refused."""

from __future__ import annotations

import copy
import json
import math
import pickle
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.cases import Case, draw, draw_states, every_cell, every_option
from tests.tolerances import assert_equal
from torch import nn

from headgate.equations import Equation, equation
from headgate.equations.notation import normalize
from headgate.errors import CellError
from headgate.kernels import scan, using
from headgate.layers import programs
from headgate.layers.stack import Weights
from headgate.program import as_latex, as_text, parameters, state_widths, trace
from headgate.program.graph import GIVEN, REDUCTIONS, Node, Program
from headgate.program.operations import EVERY
from headgate.program.portable import LONGEST, from_text, rebuilt, to_text
from headgate.program.sizes import widths

LEAVES = ("input", "bias", "vector", "state", "matmul", *GIVEN)


def _numbers(x, W, h):
    return torch.tanh(0.1 * x.a + W.a(h) / 3) * 1e-300 + torch.maximum(h, -h * math.inf) - 1e22


def _normalized(x, W, p, h):
    return torch.tanh(p.gain * normalize(x.a + W.a(h)))


def _steps(case: Case, program: Program) -> list[torch.Tensor]:
    """Run a program over drawn values, with every named value."""
    torch.manual_seed(1)
    layer = case.layer()
    weights, states = layer.weights()[0][0], tuple(s[0] for s in draw_states(layer, 2))
    run = scan(program, draw(4, 2, layer.input_size), weights, states, trace=True)
    assert run.trace is not None
    return [run.outputs, *run.states, *run.trace.values()]


@every_option
@pytest.mark.parametrize("kernel", ["native", "reference"])
def test_a_rebuilt_program_runs_to_the_bit(case: Case, kernel: str) -> None:
    program = case.layer().program
    with using(kernel):
        assert_equal(_steps(case, from_text(to_text(program))), _steps(case, program), kind="bits")


@every_option
def test_a_rebuilt_program_is_the_same_by_name_and_formula(case: Case) -> None:
    program = case.layer().program
    again = from_text(to_text(program))
    assert to_text(again) == to_text(program)
    assert (as_text(again), as_latex(again)) == (as_text(program), as_latex(program))
    assert parameters(again) == parameters(program)
    assert list(again.names) == list(program.names)
    assert (again.states, again.biased) == (program.states, program.biased)
    assert state_widths(again) == state_widths(program)
    cell, first = again.equation, program.equation
    assert (cell.source, cell.layout) == (first.source, first.layout)
    assert (dict(cell.sizes), dict(cell.initial)) == (dict(first.sizes), dict(first.initial))


@pytest.mark.parametrize("step", [_numbers, _normalized])
def test_numbers_and_sums_over_a_row_survive(step: Any) -> None:
    program = trace(Equation(step))
    again = from_text(to_text(program))
    assert [(n.op, n.block, n.args) for n in again.nodes] == [
        (n.op, n.block, n.args) for n in program.nodes
    ]


@given(st.floats())
def test_every_number_survives_with_its_sign(number: float) -> None:
    h = Node("state", block="h")
    program = _by_hand((h, Node("mul", (h, number))))
    again = from_text(to_text(program)).nodes[1].args[1]
    assert isinstance(again, float)
    assert repr(again) == repr(number)


@every_option
def test_equal_programs_have_equal_texts(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    one = case.program()
    monkeypatch.setattr(programs, "_TRACED", {})  # traced once more, as in another process
    other = case.program()
    assert one is not other
    assert to_text(one) == to_text(other)


def test_different_programs_have_different_texts() -> None:
    def written(step: Any, **record: Any) -> str:
        return to_text(trace(Equation(step, **record)))

    def plain(x, W, h):
        return torch.tanh(x.a + W.a(h))

    def swapped(x, W, h):
        return torch.tanh(W.a(h) + x.a)

    def one(x, W, h):
        return 1 * (1 - h) + x.a

    def also_one(x, W, h):
        return 1.0 * (1.0 - h) + x.a

    texts = [
        written(plain),
        written(swapped),
        written(plain, initial={"a": 1.0}),
        written(plain, sizes={"b": 2}),
        written(plain, source="A paper"),
        to_text(trace(Equation(plain), bias=False)),
    ]
    assert len(set(texts)) == len(texts)
    assert written(one) == written(also_one)
    assert written(plain, sizes={"b": 2, "c": 3}) == written(plain, sizes={"c": 3, "b": 2})


def test_the_text_has_no_path_and_no_line() -> None:
    text = to_text(trace(equation("gru")))
    assert text.isascii()
    assert ".py" not in text
    assert not any(node.line for node in from_text(text).nodes)


def test_the_same_text_gives_the_same_program() -> None:
    text = to_text(trace(equation("lstm")))
    assert from_text(text) is from_text("".join(text))


def _by_hand(nodes: tuple[Node, ...], **changed: Any) -> Program:
    fields: dict[str, Any] = {"names": {}, "biased": True} | changed
    return Program(Equation(rebuilt), ("h",), nodes[-1:], nodes, **fields)


def test_a_deep_graph_of_shared_values_is_no_tree() -> None:
    nodes = [Node("state", block="h")]
    for _ in range(3_000):
        nodes.append(Node("add", (nodes[-1], nodes[-1])))
        hash(nodes[-1])
    text = to_text(_by_hand(tuple(nodes)))
    again = from_text(text)
    assert len(again.nodes) == len(nodes)
    assert all(node.args == (before, before) for before, node in pairwise(again.nodes))
    assert to_text(again) == text


@pytest.mark.parametrize("op", [op for op in (*EVERY, *LEAVES) if op not in REDUCTIONS])
def test_every_operation_survives(op: str) -> None:
    h = Node("state", block="h")
    sums = tuple(Node(name, (h,)) for name in REDUCTIONS)
    if op in LEAVES:
        last = Node(op, (h,) if op == "matmul" else (), "h")
    else:
        last = Node(op, (h, *sums) if op == "normalize" else (h,) * EVERY[op].arity)
    nodes = tuple(dict.fromkeys((h, *sums, last, Node("add", (h, last)))))
    again = from_text(to_text(_by_hand(nodes)))
    assert again.nodes == nodes
    assert [*widths(again).values()] == [*widths(_by_hand(nodes)).values()]


def test_a_program_that_is_no_order_of_values_is_not_written() -> None:
    h = Node("state", block="h")
    late = Node("neg", (h,))
    for nodes in ((Node("exp", (late,)), late), (h, Node("add", (h, "1")))):  # type: ignore[arg-type]
        with pytest.raises(CellError, match="cannot be written"):
            to_text(_by_hand(nodes))


def test_a_mean_stands_in_a_normalized_value_alone() -> None:
    # a gradient that nobody would hand on
    x, other = Node("input", block="a"), Node("input", block="b")
    sums = (Node("mean", (x,)), Node("scale", (x,)))
    for last in (
        Node("mul", (x, sums[0])),
        Node("normalize", (other, *sums)),
        Node("normalize", (x, sums[0], Node("scale", (x, other)))),
    ):
        program = _by_hand((x, other, *sums, Node("scale", (x, other)), last))
        with pytest.raises(CellError, match="mean"):
            from_text(to_text(program))


def test_where_there_is_no_function_the_reference_serves_in_place_of_the_eager_kernel() -> None:
    layer = Case("gru").layer()
    program = from_text(to_text(layer.program))
    before = tuple(s[0] for s in draw_states(layer, 2))
    x, weights = draw(4, 2, layer.input_size), layer.weights()[0][0]
    with using("eager"):
        found = scan(program, x, weights, before).outputs
    with using("reference"):
        assert_equal(found, scan(program, x, weights, before).outputs, "bits")
    with pytest.raises(CellError, match="no Python function"):
        trace(program.equation)


class _Layer(nn.Module):
    """A layer of a rebuilt program."""

    def __init__(self, program: Program, weights: Weights) -> None:
        super().__init__()
        self.program = program
        self.weights = nn.ParameterDict(dict(weights))

    def forward(self, x: torch.Tensor, *states: torch.Tensor) -> torch.Tensor:
        return scan(self.program, x, dict(self.weights.items()), states).outputs


@every_cell
@pytest.mark.parametrize("copied", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])
def test_a_layer_of_a_rebuilt_program_is_pickled_and_copied(case: Case, copied: Any) -> None:
    layer = case.layer()
    x, states = draw(4, 2, layer.input_size), tuple(s[0] for s in draw_states(layer, 2))
    first = _Layer(from_text(to_text(layer.program)), layer.weights()[0][0])
    again = copied(first)
    assert_equal(again(x, *states), layer(x, tuple(s[None] for s in states))[0], kind="bits")


# --- bad text ----------------------------------------------------------------------------------

TEXTS = [
    to_text(trace(equation(name, **options)))
    for name, options in (
        ("lstm", {"projection": 2, "peephole": True}),
        ("gru", {}),
        ("jordan", {"output": 2}),
    )
]
TEXTS.append(to_text(trace(Equation(_normalized))))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["sigmoid", "input", "normalize", "mean", "matmul", "nan", "-0.0", "h"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def _refused_or_equal(text: str) -> None:
    """What is read at all is read as what it says."""
    try:
        program = from_text(text)
    except CellError:
        return
    assert to_text(program) == text


@given(st.sampled_from(TEXTS), st.data())
def test_changed_characters_raise_our_error_or_mean_what_they_say(
    text: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, min(len(text), at + 8)))
    new = data.draw(st.text(alphabet='0123456789[]{},:"\\.-enu aé\x00', max_size=4))
    _refused_or_equal(text[:at] + new + text[end:])


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, part in inner:
        found.append((*path, key))
        if isinstance(part, (dict, list)):
            found += _paths(part, (*path, key))
    return found


@given(st.sampled_from(TEXTS), st.data())
def test_changed_values_raise_our_error_or_mean_what_they_say(
    text: str, data: st.DataObject
) -> None:
    whole = json.loads(text)
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(_paths(whole)))
        part = whole
        for key in path:
            part = part[key]
        kind = data.draw(st.sampled_from(["replace", "delete", "repeat"]))
        if kind == "delete":
            del part[last]
        elif kind == "repeat" and isinstance(part, list):
            part.insert(last, part[last])
        else:
            part[last] = data.draw(VALUES | st.integers(0, 30))
    _refused_or_equal(json.dumps(whole, sort_keys=True, separators=(",", ":")))


@given(st.sampled_from(TEXTS), st.floats(0, 1, exclude_max=True))
def test_a_truncated_text_is_refused(text: str, share: float) -> None:
    with pytest.raises(CellError, match="no saved program"):
        from_text(text[: int(share * len(text))])


def _edited(**changed: Any) -> str:
    whole = json.loads(TEXTS[1]) | changed
    return json.dumps(whole, sort_keys=True, separators=(",", ":"))


def _of_nodes(*nodes: list[Any]) -> str:
    return _edited(nodes=list(nodes), results=[len(nodes) - 1], names=[])


H = ["state", "h", []]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "an object"),
        ("[" * 100_000, "not JSON"),
        ("9" * 100_000, "not JSON"),
        (" " * (LONGEST + 1), "at most"),
        ("{}", "version"),
        (_edited(version=2), "of version 2"),
        (_edited(version=True), "of version True"),
        (_edited(version=1.0), "of version 1.0"),
        (_edited(more=1), "and no more"),
        (json.dumps(json.loads(TEXTS[1])), "one form"),
        (json.dumps(json.loads(TEXTS[1]), indent=1), "one form"),
        (_edited(states=[]), "one of the states"),
        (_edited(states=["h", "h"], results=[0, 0]), "new value"),
        (_edited(results=[-1]), "the place of one of"),
        (_edited(results=[10**9]), "the place of one of"),
        (_edited(results=[True]), "the place of one of"),
        (_edited(names=[["a"]]), "a list of 2"),
        (_edited(names=[[1, 0]]), "a name is a text"),
        (_edited(bias=1), "true or false"),
        (_edited(source=None), "source is a text"),
        (_edited(sizes={"a": 0}), "positive integer"),
        (_edited(sizes={"a": 2.0}), "positive integer"),
        (_edited(sizes=[]), "objects"),
        (_edited(initial={"a": 1.0}), "a number"),
        (_edited(initial={"a": "1"}), "one form"),
        (_of_nodes(["neg", "", [0]]), "nodes before it"),
        (_of_nodes(H, ["neg", "", [2]], ["exp", "", [1]]), "nodes before it"),
        (_of_nodes(H, ["frobnicate", "", [0]]), "'frobnicate' is not an operation; known: abs"),
        (_of_nodes(H, ["neg", "", [0, 0]]), "neg takes 1"),
        (_of_nodes(H, ["add", "", [0]]), "add takes 2"),
        (_of_nodes(H, ["add", "", ["1.0", "2.0"]]), "a value of the step"),
        (_of_nodes(H, ["add", "", [0, "1"]]), "one form"),
        (_of_nodes(H, ["add", "", [0, "one"]]), "as Python writes it"),
        (_of_nodes(H, ["maximum", "", [0, "1.0"]]), "takes no number"),
        (_of_nodes(H, ["mean", "", []]), "mean takes"),
        (_of_nodes(H, ["normalize", "", [0, 0, 0]]), "its mean and scale"),
        (_of_nodes(H, ["matmul", "", [0]]), "has a block"),
        (_of_nodes(H, ["neg", "a", [0]]), "no block"),
        (_of_nodes(["state", "c", []]), "one of the states"),
        (_of_nodes(H, H), "twice"),
        (_of_nodes(H, ["neg", "", 0]), "a list"),
    ],
)  # fmt: skip
def test_bad_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(CellError, match=message):
        from_text(text)


def test_widths_that_do_not_fit_are_refused() -> None:
    text = to_text(trace(equation("lstm", projection=2)))
    nodes = json.loads(text)["nodes"]
    places = [number for number, node in enumerate(nodes) if node[0] in ("matmul", "tanh")]
    nodes.append(["add", "", [places[-1], places[0]]])
    whole = json.loads(text) | {"nodes": nodes}
    with pytest.raises(CellError, match="units"):
        from_text(json.dumps(whole, sort_keys=True, separators=(",", ":")))
