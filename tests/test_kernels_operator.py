"""The operator that stands in a graph, in the graphs of torch.compile, by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import Case, draw, every_cell
from tests.plain import note_runs, take_off_the_checks
from tests.tolerances import assert_equal
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

import headgate as hg
from headgate import kernels
from headgate.errors import HeadgateError, ShapeError
from headgate.kernels import native, operator, using
from headgate.layers import Recurrent
from headgate.program import trace as trace_equation
from headgate.program.portable import to_text

FEATURES, UNITS = 2, 3
pytestmark = [
    pytest.mark.skipif(not native.available, reason="the operator stands for the native kernel"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated"),
    # torch's own, about what it imports for a compiler
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
]
some_cells = pytest.mark.parametrize("case", [Case("lstm"), Case("mgu")], ids=["lstm", "mgu"])


def _layer(case: Case, **arguments: Any) -> Recurrent:
    return case.layer(input_size=FEATURES, hidden_size=UNITS, **arguments)


def _compiled(layer: nn.Module, **options: Any) -> Callable[..., Any]:
    torch.compiler.reset()
    options = {"backend": "aot_eager", "fullgraph": True} | options
    return torch.compile(layer, **options)


def _everything(
    run: Callable[..., Any], layer: nn.Module, x: Tensor, **arguments: Any
) -> list[Any]:
    """All that a run gives, and the gradients of the input and every parameter."""
    leaf = x.clone().requires_grad_()
    found = run(leaf, **arguments)
    tensors = [found[0], *(found[1] if isinstance(found[1], tuple) else found[1:2])]
    tensors += list(found[2].values()) if len(found) > 2 else []
    loss = sum((t * torch.linspace(-1, 2, t.numel()).view_as(t)).sum() for t in tensors)
    wanted = [leaf, *layer.parameters()]
    # the reference loop gives what has no step no gradient in place of zeros
    gradients = torch.autograd.grad(
        loss + 0 * leaf.sum(), wanted, allow_unused=True, materialize_grads=True
    )
    return [[t.detach() for t in tensors], list(gradients)]


def _assert_right(run: Callable[..., Any], layer: nn.Module, x: Tensor, **arguments: Any) -> None:
    outputs, gradients = _everything(run, layer, x, **arguments)
    with using("reference"):
        expected, wanted = _everything(layer, layer, x, **arguments)
    assert_equal(outputs, expected, "output")
    assert_equal(gradients, wanted, "gradient")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    take_off_the_checks(monkeypatch)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return note_runs(monkeypatch)


# --- torch.compile -----------------------------------------------------------------------------


@every_cell
def test_a_compiled_layer_of_any_size(case: Case, ran: list[str]) -> None:
    layer = _layer(case)
    run = _compiled(layer, dynamic=True)
    for steps, lengths in ((4, [4, 0, 2]), (6, [1, 5, 6, 3])):
        x = draw(steps, len(lengths), FEATURES)
        _assert_right(run, layer, x, lengths=torch.tensor(lengths))
    # forward, and forward again for the gradient, at each of the two sizes
    assert ran == ["operator"] * 4


@some_cells
def test_a_compiled_layer_of_one_size(case: Case, ran: list[str]) -> None:
    layer = _layer(case, num_layers=2, bidirectional=True, batch_first=True)
    run = _compiled(layer)
    for _ in range(2):
        _assert_right(run, layer, draw(3, 4, FEATURES))
    assert ran == ["operator"] * 16


@some_cells
def test_a_compiled_trace_has_the_same_names_and_gradients(case: Case) -> None:
    layer, x = _layer(case), draw(4, 3, FEATURES)
    run = _compiled(layer)
    lengths = torch.tensor([4, 0, 2])
    _assert_right(run, layer, x, lengths=lengths, trace=True)
    assert list(run(x, trace=True)[2]) == list(layer(x, trace=True)[2])


@pytest.mark.parametrize(
    "arguments",
    [
        {"checkpoint": True},
        {"lengths": [4, 1, 2]},
        {"lengths": torch.tensor([4, 4, 4])},
        {"lengths": torch.tensor([0, 0, 0])},
    ],
    ids=["checkpoint", "list", "full", "empty"],
)
def test_what_a_run_is_asked_for_goes_into_the_graph(arguments: dict[str, Any]) -> None:
    layer = _layer(Case("gru"))
    _assert_right(_compiled(layer), layer, draw(4, 3, FEATURES), **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"layer_norm": True},
        {"zoneout": 0.3, "recurrent_dropout": 0.4},
        {"initial_state": "learned"},
    ],
    ids=["norm", "noise", "learned"],
)
def test_modifiers_go_into_the_graph(arguments: dict[str, Any]) -> None:
    layer, x = _layer(Case("lstm"), **arguments).train(), draw(4, 3, FEATURES)
    resets = torch.tensor([[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]) > 0
    run = _compiled(layer)

    def seeded(*given: Any, **wishes: Any) -> Any:
        torch.manual_seed(1)
        return run(*given, **wishes)

    outputs, gradients = _everything(seeded, layer, x, resets=resets)
    torch.manual_seed(1)
    with using("reference"):
        expected, wanted = _everything(layer, layer, x, resets=resets)
    assert_equal(outputs, expected, "output")
    assert_equal(gradients, wanted, "gradient")


@pytest.mark.slow
@some_cells
def test_inductor(case: Case, ran: list[str]) -> None:
    layer = _layer(case)
    run = _compiled(layer, backend="inductor")
    _assert_right(run, layer, draw(4, 3, FEATURES), lengths=torch.tensor([4, 0, 2]))
    assert ran == ["operator"] * 2


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("mode", ["LSTM", "GRU"])
def test_a_compiled_twin(mode: str, ran: list[str]) -> None:
    layer, x = getattr(hg, mode)(FEATURES, UNITS).double(), draw(4, 3, FEATURES)
    lengths = torch.tensor([4, 0, 2])
    # a compiler leaves torch.nn's classes out of a graph, and makes graphs of what they call
    _assert_right(_compiled(layer, fullgraph=False), layer, x, lengths=lengths)
    ran.clear()
    with torch._dynamo.config.patch(allow_rnn=True):
        _assert_right(_compiled(layer), layer, x, lengths=lengths)
    assert ran == ["operator"] * 2


def test_a_model_around_a_layer_is_one_graph(ran: list[str]) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = _layer(Case("mgu"))
            self.outer = nn.Linear(UNITS, 2).double()

        def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
            outputs, last = self.inner(x.tanh(), lengths=lengths)
            return self.outer(outputs), last * 2

    model = Model()
    run = _compiled(model)
    _assert_right(run, model, draw(4, 3, FEATURES), lengths=torch.tensor([4, 0, 2]))
    assert ran == ["operator"] * 2


@pytest.mark.parametrize("kernel", ["aten", "eager", "reference"])
def test_another_kernel_runs_in_a_graph_made_with_it(
    kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x = _layer(Case("gru")), draw(4, 3, FEATURES)
    run = _compiled(layer)
    with using(kernel):
        run(x)
    monkeypatch.setattr(operator.cpu, "run", None)
    found = run(x)[0]
    monkeypatch.undo()
    assert_equal(found, layer(x)[0], "output")


@some_cells
def test_autocast_leaves_a_run_in_a_graph_as_precise_as_its_weights(case: Case) -> None:
    layer = _layer(case, dtype=torch.float32)
    x = draw(4, 3, FEATURES, dtype=torch.float32)
    run = _compiled(lambda x: layer(x @ torch.eye(FEATURES)))  # type: ignore[arg-type]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = run(x)[0]
    assert_equal(found, layer(x.bfloat16().float())[0], "output")


def test_wrong_lengths_are_found_when_the_graph_runs() -> None:
    layer, x = _layer(Case("gru")), draw(4, 3, FEATURES)
    run = _compiled(layer)
    run(x, lengths=torch.tensor([4, 0, 2]))
    for wrong in ([5, 0, 2], [4, -1, 2]):
        with pytest.raises(ShapeError, match=f"not {wrong[0] if wrong[0] > 4 else -1}"):
            run(x, lengths=torch.tensor(wrong))


# --- the operator itself -----------------------------------------------------------------------


def _arguments(
    layer: Recurrent, *, lengths: Tensor | None = None, reverse: bool = False, trace: bool = False
) -> tuple[Any, ...]:
    x = draw(4, 3, FEATURES).requires_grad_()
    states = [draw(3, size).requires_grad_() for size in layer.state_sizes()]
    weights = list(layer.weights()[0][0].values())
    return to_text(layer.program), x, states, weights, [], lengths, reverse, trace, False, "native"


@pytest.mark.parametrize(
    ("trace", "lengths"),
    [(False, None), (True, torch.tensor([4, 0, 2]))],
    ids=["plain", "trace-ragged"],
)
@pytest.mark.parametrize(
    "case", [Case("lstm", {"projection": 2}), Case("mgu")], ids=lambda case: case.id
)
def test_torch_s_own_check(case: Case, trace: bool, lengths: Tensor | None) -> None:
    arguments = _arguments(_layer(case), lengths=lengths, reverse=trace, trace=trace)
    torch.library.opcheck(torch.ops.headgate.scan.default, arguments)
    results = torch.ops.headgate.scan(*arguments)
    grads = [None, *(torch.randn_like(result) for result in results[1:])]
    plain = tree_map_only(Tensor, Tensor.detach, arguments)
    wanted = [False, *([True] * (len(arguments[2]) + len(arguments[3])))]
    torch.library.opcheck(torch.ops.headgate.scan_backward.default, (*plain, grads, wanted))


def test_the_operator_without_the_native_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = _layer(Case("gru"))
    arguments = _arguments(layer, lengths=torch.tensor([0, 0, 0]))

    def everything() -> list[Any]:
        results = torch.ops.headgate.scan(*arguments)
        wanted = [arguments[1], *arguments[2], *arguments[3]]
        loss = torch.stack([result.square().sum() for result in results]).sum()
        return [list(results), list(torch.autograd.grad(loss, wanted))]

    expected = everything()
    monkeypatch.setattr(native, "available", False)
    assert_equal(everything(), expected, "gradient")


def test_a_state_that_stays_as_it_was_comes_back_as_a_copy() -> None:
    program = trace_equation(hg.Equation(lambda x, h, c: (torch.tanh(x.a + h), c)))
    weights = {"weight_ih": draw(UNITS, FEATURES), "bias": draw(UNITS)}
    states = (draw(3, UNITS), draw(3, UNITS))
    run = _compiled(lambda x: kernels.scan(program, x, weights, states).states)  # type: ignore[arg-type]
    last = run(draw(4, 3, FEATURES))[1]
    assert_equal(last, states[1], "bits")
    assert last.data_ptr() != states[1].data_ptr()


def test_the_gradient_of_the_gradient_of_a_graph_is_refused() -> None:
    arguments = _arguments(_layer(Case("gru")))
    x = arguments[1]
    first = torch.autograd.grad(
        torch.ops.headgate.scan(*arguments)[0].square().sum(), x, create_graph=True
    )
    with pytest.raises(HeadgateError, match="gradient of the gradient"):
        first[0].sum().backward()
