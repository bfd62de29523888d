"""The first value that is not finite: found where it was put or made, and said in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import B, Case, M, N, T, draw, draw_states, every_cell, every_option
from tests.tolerances import assert_equal
from torch import Tensor, nn, sigmoid, sqrt, tanh

import headgate as hg
from headgate.errors import HeadgateError, ShapeError, UnknownNameError
from headgate.inspection.first_nan import find_nan
from headgate.inspection.nan_place import Nan, Place
from headgate.inspection.nan_walk import Walk, problem_of
from headgate.kernels import using

NAN = float("nan")
INF = float("inf")


def _ratio(x, W, h):
    a = sigmoid(x.gate + W.gate(h))
    return a / x.below + 0 * h


def _root(x, W, h, c):
    c = tanh(x.candidate + W.candidate(h)) * c
    return sqrt(c * c), c


def _own(step: Callable[..., Any], **options: Any) -> hg.Recurrent:
    return hg.Recurrent(hg.Equation(step), M, N, **options).double()


def _found(*arguments: Any, **options: Any) -> Nan:
    found = find_nan(*arguments, **options)
    assert found is not None
    return found


def _number(code: Callable[..., Any], offset: int) -> str:
    """The file and line of a step, so many lines below its first."""
    return f"{__file__}:{code.__code__.co_firstlineno + offset}"


@every_option
def test_the_walk_has_the_layers_outputs(case: Case) -> None:
    layer = case.layer(num_layers=2, bidirectional=True, residual=True)
    x, states, lengths = draw(T, B, M), draw_states(layer, B), torch.tensor([1, T])
    problem = problem_of(layer, x, states, lengths)
    walk = Walk(problem)
    moments = list(walk.moments())
    with using("reference"):
        outputs, _ = layer(x, states, lengths=lengths)
    assert_equal(walk.outputs, outputs, "output")
    assert len(moments) == 4 * T
    assert sum(len(moment.rows) for moment in moments) == 4 * (1 + T)
    assert find_nan(layer, x, states, lengths=lengths, infinite=True, gradient=True) is None


@pytest.mark.parametrize("reset", [False, True])
def test_the_walk_draws_as_the_layer_does_in_training(reset: bool) -> None:
    layer = hg.Recurrent(
        "lstm",
        M,
        N,
        num_layers=2,
        bidirectional=True,
        dropout=0.3,
        initial_state="learned",
        layer_norm=True,
        zoneout={"c": 0.3},
        recurrent_dropout=0.3,
    )
    nn.init.normal_(layer.get_parameter("initial_c"))
    x, lengths = draw(5, 3, M, dtype=torch.float32), [5, 2, 4]
    resets = torch.rand(5, 3) < 0.4 if reset else None
    torch.manual_seed(1)
    walk = Walk(problem_of(layer, x, None, lengths, resets))
    assert len(list(walk.moments())) == 4 * 5
    torch.manual_seed(1)
    with using("reference"):
        assert_equal(walk.outputs, layer(x, lengths=lengths, resets=resets)[0], "output")
    assert find_nan(layer, x, lengths=lengths, resets=resets, gradient=True) is None


@pytest.mark.parametrize("make", [hg.LSTM, hg.GRU, hg.RNN])
@pytest.mark.parametrize("batch_first", [True, False])
def test_the_walk_has_a_twins_outputs(make: Callable[..., nn.RNNBase], batch_first: bool) -> None:
    layer = make(M, N, num_layers=2, bidirectional=True, batch_first=batch_first)
    x = draw(T, T, M, dtype=torch.float32)
    walk = Walk(problem_of(layer, x, None, None))
    assert len(list(walk.moments())) == 4 * T
    outputs = walk.outputs.transpose(0, 1) if batch_first else walk.outputs
    assert_equal(outputs, layer(x)[0], "output")


@every_cell
def test_an_input_that_is_nan_is_named(case: Case) -> None:
    layer, x = case.layer(), draw(T, B, M)
    x[1, 1, 0] = NAN
    found = _found(layer, x)
    assert (found.kind, found.place) == ("input", Place(step=1, row=1, unit=0))
    assert str(found) == "The input holds NaN already, at step 1, row 1, unit 0."
    assert find_nan(layer, x, lengths=[T, 1], gradient=True) is None


@every_cell
def test_an_infinite_input_counts_if_asked(case: Case) -> None:
    layer, x = case.layer(), draw(T, B, M)
    x[2, 0, 1] = -INF
    found = _found(layer, x, infinite=True)
    assert (found.kind, found.value) == ("input", -INF)


def test_a_batch_first_input_has_its_step_and_row() -> None:
    layer = hg.LSTM(M, N, batch_first=True)
    x = torch.zeros(B, T, M)
    x[1, 2, 0] = NAN
    assert _found(layer, x).place == Place(step=2, row=1, unit=0)


def test_a_parameter_that_is_nan_is_named_with_its_index() -> None:
    for layer in (hg.GRU(M, N, num_layers=2), hg.Recurrent("gru", M, N, num_layers=2)):
        layer.state_dict()["weight_hh_l1"][4, 2] = NAN
        found = _found(layer, torch.zeros(T, B, M))
        assert (found.kind, found.name) == ("parameter", "weight_hh_l1[4, 2]")
        assert str(found) == "The parameter weight_hh_l1[4, 2] holds NaN already."


def test_a_parameter_that_is_computed_is_looked_at_as_it_runs() -> None:
    layer = hg.Recurrent("rnn", M, N)
    nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    with torch.no_grad():
        layer.parametrizations["weight_hh_l0"].original1[1] = 0.0  # pyright: ignore
    found = _found(layer, torch.zeros(T, B, M))
    assert (found.kind, found.name) == ("parameter", "weight_hh_l0[1, 0]")


@pytest.mark.parametrize("depth", range(4))
def test_an_initial_state_that_is_nan_is_named(depth: int) -> None:
    layer = hg.Recurrent("lstm", M, N, num_layers=2, bidirectional=True)
    h, c = torch.zeros(4, B, N), torch.zeros(4, B, N)
    c[depth, 1, 2] = NAN
    found = _found(layer, torch.zeros(T, B, M), (h, c))
    assert (found.kind, found.name) == ("state", "c")
    assert found.place == Place(depth // 2, bool(depth % 2), row=1, unit=2)
    assert f"layer {depth // 2}{' (backward in time)' * (depth % 2)}, row 1" in str(found)


def _identity(layer: hg.Recurrent) -> None:
    """No bias, and what stands below the line is the first feature."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.startswith("bias"):
                parameter.zero_()
            if name.startswith("weight_ih"):
                parameter[N:] = 0.0
                parameter[N:, 0] = 1.0


@pytest.mark.parametrize("reverse", [False, True])
def test_a_division_by_zero_is_found_where_it_happens(reverse: bool) -> None:
    layer = _own(_ratio, bidirectional=reverse)
    _identity(layer)
    x, lengths = torch.ones(5, 3, M).double(), [5, 4, 2]
    x[3, 1] = x[1, 1] = x[4, 2] = 0.0  # past the end of row 2 nothing is looked at
    found = _found(layer, x, lengths=lengths, infinite=True)
    assert found.value == INF
    assert found.name == "a value on the way to the state 'h'"
    assert found.place == Place(0, False, 1, 1, 0)
    assert found.origin is not None
    assert found.origin.operation == "div"
    assert found.origin.line == _number(_ratio, 2)
    (gate, above), (below, zero) = found.origin.operands
    assert (gate, below, zero) == ("gate", "x.below", 0.0)
    assert 0 < above < 1
    text = str(found)
    assert text.startswith("The first inf is a value on the way to the state 'h', at layer 0, step")
    assert f"div at {_number(_ratio, 2)}, of gate = " in text


def test_the_backward_direction_starts_at_the_end() -> None:
    def step(x, W, h):
        return h / x.below

    layer = _own(step, bidirectional=True, bias=False)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
            parameter[:, 0] = 1.0
    layer.state_dict()["weight_ih_l0"][:] = 1.0
    x = torch.tensor([[1.0, 1], [0, 1], [0, 1], [1, 1]]).double()[:, None]
    found = _found(layer, x, torch.ones(2, 1, N).double(), infinite=True)
    assert found.place == Place(0, True, 2, 0, 0)
    assert found.name == "the state 'h'"


def test_nan_made_of_infinite_values_says_how_to_find_those() -> None:
    layer = _own(lambda x, W, h: torch.exp(x.a + W.a(h)) - torch.exp(x.b + W.b(h)))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(1.0)
    x = torch.ones(4, 2, M).double()
    x[2, 1] = 1000.0
    found = _found(layer, x)
    assert (found.place, found.origin and found.origin.operation) == (
        Place(0, False, 2, 1, 0),
        "sub",
    )
    assert str(found).endswith("of a = inf, b = inf. infinite=True finds where that was made.")
    origin = _found(layer, x, infinite=True)
    assert origin.origin is not None
    assert (origin.name, origin.origin.operation) == ("the gate 'a'", "exp")
    assert "infinite=True" not in str(origin)


@every_cell
@pytest.mark.parametrize("layers", [1, 2])
def test_a_product_that_overflows_names_its_greatest_operands(case: Case, layers: int) -> None:
    layer = case.layer(num_layers=layers, dtype=torch.float32)
    x = draw(T, B, M, dtype=torch.float32)
    x[1, 1, 0] = 3e38
    layer.state_dict()["weight_ih_l0"].fill_(-2.0)
    found = _found(layer, x, infinite=True)
    assert found.origin is not None
    assert found.place == Place(0, False, 1, 1, 0)
    assert found.origin.operation == "input"
    assert dict(found.origin.operands)["the largest |xₜ|"] == pytest.approx(3e38)
    assert any(label.startswith("the largest |W_x") for label, _ in found.origin.operands)


def test_a_recurrent_product_that_overflows() -> None:
    layer = hg.Recurrent("rnn", M, N, activation="relu", num_layers=2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(0.5)
        layer.get_parameter("weight_hh_l1").fill_(1e20)
    found = _found(layer, torch.ones(6, B, M), infinite=True)
    assert found.origin is not None
    assert (found.place.layer, found.origin.operation) == (1, "matmul")
    labels = [label for label, _ in found.origin.operands]
    assert labels == ["the largest |hₜ₋₁|", "the largest |W.hidden|"]
    # h of the second layer: about one after the first step, then ×3e20 at each
    assert found.place.step == 2
    assert found.name == "a value on the way to the state 'h'"


def test_a_gradient_that_is_infinite_is_found_at_its_last_step() -> None:
    layer = _own(_root, bias=False)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(0.5)
    x = torch.ones(6, 2, M).double()
    states = (torch.zeros(1, 2, N).double(), torch.ones(1, 2, N).double())
    states[1][0, 1, 2] = 0.0  # then c stays zero there, and the root has no derivative
    assert find_nan(layer, x, states) is None
    found = _found(layer, x, states, gradient=True, lengths=[6, 4])
    assert found.kind == "gradient"
    assert found.name == "the state 'h' after the step"
    # of the last step only the root's own derivative is not finite; it passes to c before it
    assert (found.place.step, found.place.row) == (2, 1)
    assert found.origin is not None
    assert found.origin.operation == "sqrt"
    assert found.origin.place == Place(0, False, 3, 1, 2)
    assert dict(found.origin.operands) == {"mul(cₜ, cₜ)": 0.0, "the gradient of its result": 1.0}
    assert str(found).startswith("Backward, the gradient of the state 'h' after the step is the")
    assert f"derivative of sqrt at {_number(_root, 2)}" in str(found)


def _grad_by_hand(layer: hg.Recurrent, x: Tensor) -> list[bool]:
    """Whether the gradient of each step's state is finite, from torch alone."""
    with using("eager"), torch.enable_grad():
        states = [torch.zeros(1, x.shape[1], N, dtype=x.dtype, requires_grad=True)]
        for piece in x:
            states.append(layer(piece[None], states[-1])[1])
        gradients = torch.autograd.grad(torch.cat(states[1:]).sum(), states[1:])
    return [bool(each.isfinite().all()) for each in gradients]


def test_an_exploding_gradient_is_found_where_torchs_own_explodes() -> None:
    layer = hg.Recurrent("rnn", M, N, activation="linear", bias=False)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.get_parameter("weight_hh_l0").copy_(1e5 * torch.eye(N))
    x = torch.zeros(12, B, M)
    finite = _grad_by_hand(layer, x)
    last = max(step for step, whole in enumerate(finite) if not whole)
    assert 0 < last < 11
    found = _found(layer, x, gradient=True)
    assert (found.kind, found.value, found.place) == ("gradient", INF, Place(0, False, last, 0, 0))


def test_the_gradient_of_the_initial_state_is_the_last() -> None:
    layer = _own(lambda x, W, h: sqrt(h) + x.a, bias=False)
    layer.state_dict()["weight_ih_l0"][:] = 1.0
    x = torch.ones(3, 1, M).double()
    found = _found(layer, x, gradient=True)
    assert found.name == "the initial state 'h'"
    assert (found.value, found.place) == (INF, Place(0, False, None, 0, 0))


def test_a_gradient_that_no_state_has() -> None:
    layer = _own(lambda x, W, h: sqrt(torch.relu(x.a)) + 0 * h, bias=False)
    layer.state_dict()["weight_ih_l0"][:] = 1.0
    x = torch.ones(4, B, M).double()
    x[2, 1] = 0.0
    found = _found(layer, x, gradient=True)
    assert (found.name, found.place) == ("the gate 'a'", Place(0, False, 2, 1, 0))
    assert found.origin is not None
    assert found.origin.operation == "sqrt"


def test_a_loss_of_ones_own() -> None:
    layer = hg.GRU(M, N, batch_first=True)
    x = torch.ones(B, 4, M)
    assert find_nan(layer, x, gradient=True, loss=lambda y: y.square().mean()) is None
    found = _found(
        layer, x, gradient=True, loss=lambda y: (y[1, 2] - y[1, 2].detach()).sqrt().sum()
    )
    assert (found.kind, found.place) == ("loss", Place(step=2, row=1, unit=2))
    assert "the loss's gradient of the output is inf, at step 2, row 1" in str(found)
    found = _found(layer, x, gradient=True, loss=lambda y: (y * 0).sum().log() * 0)
    assert str(found) == "Every value is finite, but the loss is NaN."


def test_the_callers_gradients_and_modes_are_left_alone() -> None:
    layer = hg.LSTM(M, N)
    x = torch.ones(T, B, M)
    with torch.no_grad():
        assert find_nan(layer, x, gradient=True) is None
    assert not x.requires_grad
    assert all(parameter.grad is None for parameter in layer.parameters())


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: find_nan(nn.Linear(M, N), torch.ones(T, B, M)), UnknownNameError, "'Linear'"),
        (lambda: find_nan(hg.GRU(M, N), torch.ones(T, B, 5)), ShapeError, "the last of 2 features"),
        (lambda: find_nan(hg.GRU(M, N), torch.ones(0, B, M)), ShapeError, "at least one step"),
        (
            lambda: find_nan(hg.LSTM(M, N), torch.ones(T, B, M), torch.ones(1, B, N)),
            ShapeError,
            "the states are h, c, but 1 came",
        ),
        (
            lambda: find_nan(hg.GRU(M, N), torch.ones(T, B, M), resets=torch.ones(T, B) > 0),
            ShapeError,
            "a Recurrent takes resets, not hg.GRU",
        ),
        (
            lambda: find_nan(hg.GRU(M, N), torch.ones(T, B, M), lengths=[9, 1]),
            ShapeError,
            "a length is from 0 to the 3 steps",
        ),
        (
            lambda: find_nan(hg.GRU(M, N), torch.ones(T, B, M), gradient=True, loss=lambda y: y),
            ShapeError,
            "the loss is one number that depends on the outputs, not (3, 2, 3)",
        ),
        (
            lambda: find_nan(
                hg.GRU(M, N), torch.ones(T, B, M), gradient=True, loss=lambda y: y.sum().detach()
            ),
            ShapeError,
            "not () without a gradient",
        ),
    ],
)
def test_what_cannot_be_run_says_why(
    call: Callable[[], object], error: type[HeadgateError], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        call()


def test_no_row_has_a_step() -> None:
    assert find_nan(hg.GRU(M, N), torch.ones(T, B, M), lengths=[0, 0], gradient=True) is None
