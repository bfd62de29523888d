"""Recurrent nodes of ONNX against ONNX's own node tests and against ONNX Runtime."""

from __future__ import annotations

import importlib
import pickle
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.errors import (
    CellError,
    DataError,
    MissingExtraError,
    ShapeError,
    UnknownNameError,
)
from headgate.export.onnx_nodes import from_onnx, layer_of
from headgate.export.reversed import Reversed
from headgate.layers import Recurrent
from headgate.program import as_text

onnx: Any = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
T, B, M, N = 5, 3, 2, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FUNCTIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}


def node_tests() -> dict[str, Any]:
    """ONNX's own tests of single nodes: a model, its inputs, its outputs."""
    cases: Any = importlib.import_module("onnx.backend.test.case.node")
    for kind in GATES:  # the loader would make the tests of every operator, which takes long
        importlib.import_module(f"{cases.__name__}.{kind.lower()}")
    own = [case for case in cases._NodeTestCases if case.model.graph.node[0].op_type in GATES]
    return {case.name: case for case in own}


NODE_TESTS = node_tests()


def array(value: Any) -> np.ndarray:
    return value if isinstance(value, np.ndarray) else numpy_helper.to_array(value)


def attributes_of(node: Any) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def as_onnx(outputs: Tensor, states: Any, node: Any) -> list[Tensor]:
    """Write what a layer gives as ONNX does: Y, Y_h and Y_c."""
    states = states if isinstance(states, tuple) else (states,)
    directions = len(states[0])
    sides = torch.stack(outputs.chunk(directions, -1))  # [D, T, B, N] or [D, B, T, N]
    if attributes_of(node).get("layout", 0):
        return [sides.permute(1, 2, 0, 3), *(state.transpose(0, 1) for state in states)]
    return [sides.permute(1, 0, 2, 3), *states]


def test_onnx_has_node_tests_of_each_operator() -> None:
    kinds = {case.model.graph.node[0].op_type for case in NODE_TESTS.values()}
    assert kinds == set(GATES)
    assert len(NODE_TESTS) >= 18
    assert all(re.match("test_(lstm|gru|rnn|simple_rnn)_", name) for name in NODE_TESTS)


@pytest.mark.parametrize("name", NODE_TESTS)
def test_a_node_test_of_onnx_passes(name: str) -> None:
    case = NODE_TESTS[name]
    (node,) = case.model.graph.node
    for inputs, results in case.data_sets:
        given = {i.name: array(v) for i, v in zip(case.model.graph.input, inputs, strict=True)}
        wanted = {o.name: array(v) for o, v in zip(case.model.graph.output, results, strict=True)}
        own = [given.get(name) for name in (*node.input, *[""] * 8)][:6]
        lengths = None if own[4] is None else torch.from_numpy(own[4].astype(np.int64))
        layer: Any = layer_of(node, given)
        outputs, states = layer(torch.from_numpy(own[0]), lengths=lengths)
        for place, each in zip(node.output, as_onnx(outputs, states, node), strict=False):
            if place:
                assert_equal(each.detach(), torch.from_numpy(wanted[place]), "output")


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) * 0.5).astype(np.float32)


def weights(kind: str, sides: int, *, bias: bool = True, peephole: bool = False) -> dict[str, Any]:
    """Draw the weights of a node."""
    rng = np.random.default_rng(random.randrange(2**32))
    rows = GATES[kind] * N
    found = {"W": draw(rng, sides, rows, M), "R": draw(rng, sides, rows, N)}
    found |= {"B": draw(rng, sides, 2 * rows)} if bias else {}
    return found | ({"P": draw(rng, sides, 3 * N)} if peephole else {})


def build(kind: str, held: dict[str, Any], **attributes: Any) -> Any:
    """Build a model of one node, whose states before the first step are inputs."""
    states = ["h0", "c0"] if kind == "LSTM" else ["h0"]
    names = ["X", "W", "R", "B" if "B" in held else "", "lengths", *states]
    names += ["P"] if "P" in held else []
    outputs = ["Y", "Y_h", "Y_c"][: 1 + len(states)]
    node = helper.make_node(kind, names, outputs, name="rnn", hidden_size=N, **attributes)
    single, whole = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
    info = helper.make_tensor_value_info
    inputs = [info("X", single, None), info("lengths", whole, ["B"])]
    inputs += [info(state, single, None) for state in states]
    tensors = [numpy_helper.from_array(value, name) for name, value in held.items()]
    graph = helper.make_graph(
        [node], "g", inputs, [info(each, single, None) for each in outputs], tensors
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


NUMBERS = {
    "Affine": (True, True),
    "Elu": (True, False),
    "HardSigmoid": (True, True),
    "LeakyRelu": (True, False),
    "Relu": (False, False),
    "ScaledTanh": (True, True),
    "Sigmoid": (False, False),
    "Softplus": (False, False),
    "Softsign": (False, False),
    "Tanh": (False, False),
    "ThresholdedRelu": (True, False),
}


# a gate that grows lets the state grow until ONNX Runtime's exp overflows
BOUNDED = ("HardSigmoid", "ScaledTanh", "Sigmoid", "Softsign", "Tanh")


def options(kind: str, draws: random.Random) -> dict[str, Any]:
    """Draw the attributes of a node: direction, activations with their numbers, and flags."""
    direction = draws.choice(["forward", "reverse", "bidirectional"])
    found: dict[str, Any] = {"direction": direction}
    if kind == "GRU":
        found["linear_before_reset"] = draws.randrange(2)
    if kind == "LSTM":
        found["input_forget"] = draws.randrange(2)
    if draws.random() < 0.25:
        return found
    names = [draws.choice(list(NUMBERS)) for _ in range(FUNCTIONS[kind])]
    if kind != "RNN":
        names[0] = draws.choice(BOUNDED)
    alphas = [round(draws.uniform(0.1, 0.9), 2) for name in names if NUMBERS[name][0]]
    betas = [round(draws.uniform(0.1, 0.9), 2) for name in names if NUMBERS[name][1]]
    sides = 1 + (direction == "bidirectional")
    found["activations"] = names * sides
    # an empty list of numbers has no type
    found |= {"activation_alpha": alphas * sides} if alphas else {}
    return found | ({"activation_beta": betas * sides} if betas else {})


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("seed", range(30))
def test_a_layer_is_what_onnx_runtime_computes(kind: str, seed: int) -> None:
    runtime: Any = pytest.importorskip("onnxruntime")
    draws = random.Random(f"{kind} {seed}")
    random.seed(f"{kind} {seed}")
    attributes = options(kind, draws)
    sides = 1 + (attributes["direction"] == "bidirectional")
    peephole = kind == "LSTM" and draws.random() < 0.5
    held = weights(kind, sides, bias=draws.random() < 0.7, peephole=peephole)
    model = build(kind, held, **attributes)
    x, h, c = torch.randn(T, B, M), torch.randn(sides, B, N) / 2, torch.randn(sides, B, N) / 2
    lengths = torch.tensor([draws.randint(1, T) for _ in range(B)])
    fed = {"X": x, "lengths": lengths.int(), "h0": h} | ({"c0": c} if kind == "LSTM" else {})
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    wanted = session.run(None, {name: value.numpy() for name, value in fed.items()})
    layer: Any = from_onnx(model)["rnn"]
    outputs, states = layer(x, (h, c) if kind == "LSTM" else h, lengths=lengths)
    written = as_onnx(outputs, states, model.graph.node[0])
    assert isinstance(layer, Reversed) == (attributes["direction"] == "reverse")
    for mine, theirs in zip(written, wanted, strict=True):
        assert_equal(mine.detach(), torch.from_numpy(theirs), "output")


@pytest.mark.parametrize(
    ("kind", "attributes", "name"),
    [
        ("LSTM", {}, "lstm"),
        ("LSTM", {"input_forget": 1}, "lstm"),
        ("LSTM", {"activations": ["Sigmoid", "Relu", "Elu"]}, "lstm"),
        ("GRU", {"linear_before_reset": 1}, "gru"),
        ("GRU", {}, "gru"),
        ("RNN", {"activations": ["Softsign"]}, "rnn"),
        ("RNN", {"activations": ["Tanh", "Tanh"]}, "rnn"),
        ("RNN", {"activations": ["LeakyRelu"], "activation_alpha": [0.3]}, "a program"),
        ("GRU", {"activations": ["HardSigmoid", "Tanh"]}, "a program"),
    ],
)
def test_a_cell_that_we_have_goes_by_its_name(
    kind: str, attributes: dict[str, Any], name: str
) -> None:
    layer: Any = from_onnx(build(kind, weights(kind, 1), **attributes))["rnn"]
    assert layer.extra_repr().startswith(f"{name}, 2, 4")
    x = torch.randn(T, B, M)
    again = pickle.loads(pickle.dumps(layer))
    assert_equal(again(x)[0], layer(x)[0], "bits")
    _, _, trace = layer(x, trace=True)
    gates = {"LSTM": {"input", "forget", "output", "candidate"}, "RNN": set()}
    assert gates.get(kind, {"reset", "update", "candidate"}) <= trace.keys()


def test_a_gate_that_resets_before_has_one_bias_and_one_after_has_two() -> None:
    held = weights("GRU", 1)
    before: Any = from_onnx(build("GRU", held))["rnn"]
    after: Any = from_onnx(build("GRU", held, linear_before_reset=1))["rnn"]
    inner, outer = held["B"][0].reshape(2, 3, N)[:, 2]
    assert_equal(before.bias_l0[2 * N :].detach(), torch.from_numpy(inner + outer), "bits")
    assert_equal(after.bias_l0[2 * N :].detach(), torch.from_numpy(inner), "bits")
    assert_equal(after.bias_candidate_l0.detach(), torch.from_numpy(outer), "bits")
    assert "W_hg (r ⊙ hₜ₋₁)" in "".join(as_text(before.program))


def with_states(kind: str, *, rows: int, layout: int = 0, same: bool = True) -> Any:
    """Build a model whose states before the first step are constants."""
    model = build(kind, weights(kind, 2), direction="bidirectional", layout=layout)
    del model.graph.input[1:]
    model.graph.node[0].input[4] = ""
    for name in model.graph.node[0].input[5:7]:
        value = np.random.default_rng(len(name)).standard_normal((2, 1, N)).astype(np.float32)
        value = np.repeat(value, rows, 1)
        value += 0 if same else np.arange(rows, dtype=np.float32)[:, None]
        value = value.swapaxes(0, 1) if layout else value
        constant = numpy_helper.from_array(np.ascontiguousarray(value))
        model.graph.node.insert(0, helper.make_node("Constant", [], [name], value=constant))
    return model


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("layout", [0, 1])
def test_a_constant_state_before_the_first_step_is_the_layers_own(kind: str, layout: int) -> None:
    model = with_states(kind, rows=B, layout=layout)
    layer: Any = from_onnx(model)["rnn"]
    assert isinstance(layer, Recurrent)
    assert (layer.initial_state, layer.batch_first) == ("learned", bool(layout))
    held = {
        each.output[0]: array(each.attribute[0].t) for each in model.graph.node if not each.input
    }
    start = tuple(torch.tensor(held[name]) for name in ("h0", "c0") if name in held)
    start = tuple(each.transpose(0, 1) for each in start) if layout else start
    shape = (B, T, M) if layout else (T, B, M)
    x = torch.randn(shape)
    given = start if kind == "LSTM" else start[0]
    assert_equal(layer(x), layer(x, given), "bits")
    assert layer.initial_h.shape == (2, N)


def test_states_that_differ_from_row_to_row_are_refused_and_zeros_are_zeros() -> None:
    with pytest.raises(
        ShapeError, match=r"initial_.* of the GRU node 'rnn' holds another state for"
    ):
        from_onnx(with_states("GRU", rows=B, same=False))
    held = weights("GRU", 1)
    node = build("GRU", held).graph.node[0]
    layer = layer_of(node, held | {"h0": np.zeros((1, B, N), np.float32)})
    assert isinstance(layer, Recurrent)
    assert layer.initial_state == "zeros"
    with pytest.raises(
        ShapeError, match=r"initial_h of .* 1 directions and 4 units, .* \(2, 3, 4\)"
    ):
        layer_of(node, held | {"h0": np.ones((2, B, N), np.float32)})


def several() -> Any:
    """Build a model of three nodes: by name, without one, and a name twice."""
    one, two, three = (build(kind, weights(kind, 1)) for kind in ("GRU", "RNN", "LSTM"))
    nodes, tensors = [], []
    for place, (model, name) in enumerate(((one, "first"), (two, ""), (three, "first"))):
        (node,) = model.graph.node
        node.name = name
        node.input[1:4] = [f"{each}{place}" for each in node.input[1:4]]
        node.output[:] = ["", *(f"{each}{place}" for each in node.output[1:])]
        for tensor in model.graph.initializer:
            tensor.name += str(place)
        nodes.append(node)
        tensors += model.graph.initializer
    tensors[0].name = "kept"
    identity = helper.make_node("Identity", ["kept"], [nodes[0].input[1]])
    graph = helper.make_graph([identity, *nodes], "g", [], [], tensors)
    return helper.make_model(graph)


def test_every_node_comes_by_its_name_or_its_first_output(tmp_path: Path) -> None:
    model = several()
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    for source in (model, path, str(path), model.SerializeToString()):
        found = from_onnx(source)
        assert {name: layer.extra_repr() for name, layer in found.items()} == {
            "first": "gru, 2, 4",
            "Y_h1": "rnn, 2, 4",
            "Y_h2": "lstm, 2, 4",
        }
    assert list(from_onnx(path, name="Y_h1")) == ["Y_h1"]
    with pytest.raises(UnknownNameError, match="recurrent node 'frist'; did you mean 'first'"):
        from_onnx(path, name="frist")


def test_weights_that_the_graph_computes_are_named() -> None:
    model = several()
    doubled = helper.make_node("Add", ["R1", "R1"], ["sum"])
    model.graph.node[2].input[2] = "sum"
    model.graph.node.insert(0, doubled)
    with pytest.raises(
        DataError, match="RNN node 'Y_h1' has no constant as R: 'sum' is the result of Add"
    ):
        from_onnx(model)
    assert list(from_onnx(model, name="first")) == ["first"]
    model.graph.node[3].input[2] = "given"
    with pytest.raises(DataError, match="'given' is an input of the graph"):
        from_onnx(model, name="Y_h1")


def wrong(kind: str, changes: dict[str, Any], **attributes: Any) -> Any:
    held = weights(kind, 1, peephole=kind == "LSTM") | changes
    return build(kind, held, **attributes)


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [
        (wrong("LSTM", {}, clip=2.5), CellError, "LSTM node 'rnn' has clip=2.5"),
        (wrong("GRU", {}, direction="back"), UnknownNameError, "direction of ONNX 'back'"),
        (wrong("GRU", {}, activations=["Tanh"]), CellError, "2 activations, not 1: Tanh"),
        (wrong("RNN", {"W": np.ones((1, 3, M), np.float32)}), ShapeError, "has W of (1, 4, 2)"),
        (wrong("RNN", {"W": np.ones((3, M), np.float32)}), ShapeError, "of three axes"),
        (wrong("GRU", {"B": np.ones((1, N), np.float32)}), ShapeError, "B of (1, 24), not (1, 4)"),
        (wrong("LSTM", {"P": np.ones((1, N), np.float32)}), ShapeError, "P of (1, 12), not (1, 4)"),
        (wrong("RNN", {}, direction="bidirectional"), ShapeError, "bidirectional, has W of (2, 4"),
    ],
)
def test_what_a_node_cannot_be_is_refused(model: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=re.escape(said)):
        from_onnx(model)


def test_two_directions_with_different_activations_are_refused() -> None:
    told = {"activations": ["LeakyRelu", "Tanh"], "activation_alpha": [0.2]}
    model = build("RNN", weights("RNN", 2), direction="bidirectional", **told)
    with pytest.raises(CellError, match=r"has LeakyRelu\(0\.2\) forward and Tanh in reverse"):
        from_onnx(model)


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_model_and_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "note.txt").write_text("not a model")
    with pytest.raises(DataError, match=r"note\.txt: the file is no ONNX model"):
        from_onnx(tmp_path / "note.txt")
    with pytest.raises(DataError, match=r"gone\.onnx: there is no such file"):
        from_onnx(tmp_path / "gone.onnx")
    with pytest.raises(DataError, match="not dict"):
        from_onnx({})
    empty = helper.make_model(helper.make_graph([], "g", [], []))
    with pytest.raises(DataError, match="no LSTM, GRU or RNN node"):
        from_onnx(empty)
    node = helper.make_node("LSTM", ["X", "W"], ["Y"], name="rnn")
    with pytest.raises(ShapeError, match="needs its W, 'W'; the weights that came are 'V'"):
        layer_of(node, {"V": np.ones(3)})
    with pytest.raises(ShapeError, match="names no W or no R"):
        layer_of(node, {"W": np.ones((1, 4, 2))})
    with pytest.raises(UnknownNameError, match="recurrent node of ONNX 'Conv'"):
        layer_of(helper.make_node("Conv", ["X", "W"], ["Y"]), {})
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"needs onnx.*headgate\[onnx\]"):
        from_onnx(tmp_path / "gone.onnx")
