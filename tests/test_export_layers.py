"""Layers as ONNX, run by ONNX Runtime at sizes that they were not exported with."""

from __future__ import annotations

import importlib
from itertools import product
from typing import Any

import pytest
import torch
from tests.cases import CASES, PLAIN, Case, every_case
from tests.tolerances import assert_equal
from torch import Tensor, nn

import headgate as hg
from headgate.equations import CELLS
from headgate.errors import CellError, ShapeError, StreamError
from headgate.export import operators, runs
from headgate.export.comparison import SIZES, TOLERANCE, compare, compare_steps, difference
from headgate.export.graph import Graph, Value
from headgate.export.layers import layers_as_part, to_onnx
from headgate.export.network import check_same, network_to_onnx
from headgate.export.stream import stream_to_onnx
from headgate.kernels import using
from headgate.kernels.scan import scan
from headgate.layers import Recurrent
from headgate.streaming.parts import links_of

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

STREAMED = [case for case in PLAIN if case.cell in CELLS]
every_cell = pytest.mark.parametrize("case", PLAIN, ids=[case.id for case in PLAIN])
OPERATORS = {  # every other cell is a Scan
    "gru": "GRU",
    "lstm": "LSTM",
    "rnn": "RNN",
}
ACTIVATED = [
    *(
        Case(cell, {"activation": each})
        for cell in ("gru", "rnn")
        for each in operators.ACTIVATIONS
    ),
    *(
        Case("lstm", {"candidate": first, "activation": last})
        for first, last in product(operators.ACTIVATIONS, repeat=2)
    ),
]
NOT_ONNX = ({"forget": False}, {"projection": 2}, {"activation": "linear"}, {"layer_norm": True})


def opened(model: Any) -> Any:
    runtime: Any = importlib.import_module("onnxruntime")
    content = model.SerializeToString()
    return runtime.InferenceSession(content, providers=["CPUExecutionProvider"])


@every_cell
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, True)])
def test_every_cell_at_any_size(case: Case, num_layers: int, bidirectional: bool) -> None:
    layer = case.layer(dtype=torch.float32, num_layers=num_layers, bidirectional=bidirectional)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(0.5)  # an unbounded activation would grow over 33 steps
    part = layers_as_part(layer)
    found = list(compare(part, opened(part.to_onnx())))
    assert [(each.sizes["B"], each.sizes["T"]) for each in found] == list(SIZES)
    assert max(each.difference for each in found) <= TOLERANCE


def run_and_compare(case: Case, operator: str | None = None, *, reverse: bool = False) -> None:
    """Write a run over ragged rows, and compare it with the slow twin's."""
    layer = case.layer(dtype=torch.float32).eval()
    program = layer._program(resets=False)
    [[weights]] = layer.weights()
    graph, states = Graph(), tuple(program.states)
    x, lengths, *_ = (graph.name(name) for name in ("x", "lengths", *states))
    outputs, *last = runs.write(
        graph, program, weights, runs.Over(x, states, lengths, reverse=reverse)
    )
    sizes = layer.state_sizes()
    given = [
        Value("x", torch.float32, ("T", "B", layer.input_size)),
        Value("lengths", torch.int64, ("B",)),
        *(Value(s, torch.float32, ("B", n)) for s, n in zip(states, sizes, strict=True)),
    ]
    wanted = [Value(name, torch.float32, ("?", "?")) for name in last]
    model = graph.model(
        given, [Value(outputs, torch.float32, ("T", "B", sizes[0])), *wanted], name="run"
    )
    inputs = torch.randn(6, 4, layer.input_size)
    steps, first = torch.tensor([3, 6, 1, 4]), [torch.randn(4, size) for size in sizes]
    assert operator in (None, *(node.op_type for node in model.graph.node))
    names = dict(zip(states, (value.numpy() for value in first), strict=True))
    found = opened(model).run(None, {"x": inputs.numpy(), "lengths": steps.numpy(), **names})
    with using("reference"), torch.no_grad():
        run = scan(program, inputs, weights, tuple(first), lengths=steps, reverse=reverse)
    results = (run.outputs, *run.states)
    for value, result in zip(found, results, strict=True):
        assert difference(result, torch.from_numpy(value)) <= TOLERANCE


@every_case
@pytest.mark.parametrize("reverse", [False, True])
def test_every_option_and_modifier_over_ragged_rows(case: Case, reverse: bool) -> None:
    run_and_compare(case, reverse=reverse)


@pytest.mark.parametrize("case", ACTIVATED, ids=[case.id for case in ACTIVATED])
def test_every_activation_of_an_operator(case: Case) -> None:
    run_and_compare(case, OPERATORS[case.cell])


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_what_onnx_has_is_its_own_operator(case: Case) -> None:
    layer = case.layer(dtype=torch.float32).eval()
    [[weights]] = layer.weights()
    found = operators.find(layer._program(resets=False), weights)
    theirs = case.cell in OPERATORS and not case.changed.get("zoneout")
    theirs = theirs and not any(wrong.items() <= case.changed.items() for wrong in NOT_ONNX)
    assert (found and found.name) == (OPERATORS[case.cell] if theirs else None)


@pytest.mark.parametrize("num_layers", [1, 2])
@every_cell
def test_every_cell_as_a_stream(case: Case, num_layers: int) -> None:
    layer = case.layer(dtype=torch.float32, num_layers=num_layers, initial_state="learned")
    graph = stream_to_onnx(links_of([layer]))
    assert not any(node.op_type == "Scan" for node in graph.model.graph.node)
    assert compare_steps([layer], opened(graph.model), graph.initial).difference <= TOLERANCE


@pytest.mark.parametrize(
    "layer",
    [
        hg.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2, batch_first=True),
        hg.GRU(3, 4, bias=False),
        hg.RNN(3, 4, nonlinearity="relu", bidirectional=True),
    ],
    ids=["lstm", "gru", "rnn"],
)
def test_torchs_layers_of_ours_too(layer: Any) -> None:
    part = layers_as_part(layer.eval())
    assert max(each.difference for each in compare(part, opened(part.to_onnx()))) <= TOLERANCE


def test_a_cell_of_ones_own_in_both_forms() -> None:
    def leaky(x, W, p, h):
        keep = torch.sigmoid(p.rate)
        return keep * h + (1 - keep) * torch.tanh(x.candidate + W.candidate(h))

    layer = Recurrent(hg.Equation(leaky, layout=("candidate",)), 3, 5, residual=True, num_layers=2)
    part = layers_as_part(layer)
    model = part.to_onnx()
    assert [node.op_type for node in model.graph.node].count("Scan") == 2
    assert max(each.difference for each in compare(part, opened(model))) <= TOLERANCE
    step = stream_to_onnx(links_of([layer]))
    assert compare_steps([layer], opened(step.model), step.initial).difference <= TOLERANCE


def test_the_names_of_what_goes_in_and_out() -> None:
    model = to_onnx(Recurrent("lstm", 3, 4, bidirectional=True))

    def ends(values: Any) -> dict[str, list[Any]]:
        return {
            each.name: [d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim]
            for each in values
        }

    assert ends(model.graph.input) == {
        "x": ["T", "B", 3],
        "lengths": ["B"],
        "h": [2, "B", 4],
        "c": [2, "B", 4],
    }
    assert ends(model.graph.output) == {
        "outputs": ["T", "B", 8],
        "h_next": [2, "B", 4],
        "c_next": [2, "B", 4],
    }
    step = to_onnx(Recurrent("lstm", 3, 4), stream=True)
    assert list(ends(step.graph.input)) == ["x", "h_0", "c_0"]
    assert list(ends(step.graph.output)) == ["y", "h_0_next", "c_0_next"]


def test_nothing_is_frozen_in_and_the_layer_stays_as_it_was() -> None:
    layer = Recurrent("mgu", 3, 4, zoneout=0.3, dropout=0.5, num_layers=2).train()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    state = torch.get_rng_state()
    to_onnx(layer)
    assert layer.training
    assert torch.equal(state, torch.get_rng_state())
    assert_equal(dict(layer.state_dict()), before, "bits")


def test_a_network_of_ones_own_around_a_cell() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.layers = nn.Embedding(9, 3), Recurrent("janet", 3, 4)
            self.head = nn.Sequential(nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 2))

        def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
            y = self.layers(self.table(ids.T), lengths=lengths)[0]
            return self.head(y).softmax(-1).transpose(0, 1)

    net, ids = Net(), torch.randint(0, 9, (3, 5))
    axes = {"ids": {0: "B", 1: "T"}, "lengths": {0: "B"}}
    given = {"ids": ids, "lengths": torch.tensor([5, 2, 3])}
    session = opened(network_to_onnx(net, given, ["p"], axes))
    for rows, steps in SIZES:
        ids = torch.randint(0, 9, (rows, steps))
        lengths = torch.randint(1, steps + 1, (rows,))
        [found] = session.run(None, {"ids": ids.numpy(), "lengths": lengths.numpy()})
        with torch.no_grad():
            assert difference(net(ids, lengths), torch.from_numpy(found)) <= TOLERANCE


def test_what_a_network_changes_in_itself_does_not_come_out() -> None:
    class Counting(nn.Module):
        count: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.count.add_(1)
            return x * 2

    model = network_to_onnx(Counting(), {"x": torch.randn(4, 4)}, ["y"], {"x": {0: "B"}})
    x = torch.randn(7, 4)
    [found] = opened(model).run(None, {"x": x.numpy()})
    assert_equal(torch.from_numpy(found), x * 2, "output")


def test_a_length_that_stayed_in_the_graph_is_found() -> None:
    class Whole(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.reshape(x.shape[0] * 4)

    def made(rows: int, axes: dict[str, dict[int, str]]) -> Any:
        return network_to_onnx(Whole(), {"x": torch.randn(rows, 4)}, ["y"], axes)

    with pytest.raises(CellError, match=r"it fixed B of x \(3\) as in the example"):
        check_same(made(3, {}), made(5, {}), ["B of x (3)"])
    varying = {"x": {0: "B"}}
    check_same(made(3, varying), made(5, varying), ["B of x (3)"])


def test_what_onnx_cannot_say_is_refused_by_name() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.topk(2)[0]

    class Checking(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.inv(x)

    class Branch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if bool(x.sum() > 0) else -x

    class Frozen(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([row * 2 for row in x])

    given, axes = {"x": torch.randn(4, 4)}, {"x": {0: "B"}}
    with pytest.raises(CellError, match=r"topk.* cannot be written as ONNX.*called in File"):
        network_to_onnx(Odd(), given, ["y"], {})
    with pytest.raises(CellError, match="does something besides computing its outputs"):
        network_to_onnx(Checking(), given, ["y"], {})
    for network in (Branch(), Frozen()):
        with pytest.raises(CellError, match="torch cannot follow the network for lengths that"):
            network_to_onnx(network, given, ["y"], axes)
    with pytest.raises(ShapeError, match="'x' is named twice"):
        network_to_onnx(nn.Identity(), given, ["x"], axes)
    with pytest.raises(ShapeError, match="2 outputs are named, and the network gives 1 values"):
        network_to_onnx(nn.Identity(), given, ["y", "z"], axes)
    with pytest.raises(StreamError, match="reads the whole sequence before its first answer"):
        to_onnx(Recurrent("gru", 3, 4, bidirectional=True), stream=True)
    for stream in (False, True):
        with pytest.raises(
            CellError, match=r"in float32, and weights of this one are torch\.float64"
        ):
            to_onnx(Recurrent("gru", 3, 4).double(), stream=stream)
