"""Any cell as a layer: its options, its start, its initial values, its errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.cases import B, Case, M, N, T, as_tuple, draw, draw_states, every_cell, every_option
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.equations import Equation
from headgate.errors import CellError, HeadgateError, ShapeError, UnknownNameError
from headgate.kernels import scan, using
from headgate.layers import LSTM, Recurrent
from headgate.layers.checks import check_features
from headgate.program import split
from headgate.program.portable import from_text, to_text


def _read(layer: Recurrent) -> set[str]:
    """The states that the step reads: all but one of an SRU."""
    return {node.block for node in layer.program.nodes if node.op == "state"}


@every_cell
def test_an_initial_state_that_is_given_is_where_the_layer_starts(case: Case) -> None:
    layer, x = case.layer(num_layers=2), draw(T, B, M)
    states = draw_states(layer, B)
    leaves = [state.requires_grad_() for state in states]
    outputs, _ = layer(x, states[0] if len(states) == 1 else states)
    assert (outputs - layer(x)[0]).abs().max() > 1e-3
    gradients = torch.autograd.grad(outputs.sum(), leaves)
    for name, gradient in zip(layer.program.states, gradients, strict=True):
        assert gradient.any() == (name in _read(layer))


@every_cell
def test_a_learned_initial_state_has_a_gradient_and_serves_every_row(case: Case) -> None:
    layer = case.layer(num_layers=2, initial_state="learned")
    learned = [getattr(layer, f"initial_{name}") for name in layer.program.states]
    x = draw(T, 1, M).expand(T, 3, M)
    outputs, _ = layer(x)
    outputs.sum().backward()
    for name, state in zip(layer.program.states, learned, strict=True):
        assert state.grad is not None
        assert state.grad.any() == (name in _read(layer))
    given = tuple(state[:, None].expand(-1, 3, -1) for state in learned)
    assert_equal(outputs, layer(x, given)[0], "bits")
    layer.reset_parameters()
    assert not any(state.any() for state in learned)


@every_cell
def test_a_random_initial_state_is_drawn_in_training_only(case: Case) -> None:
    layer, x = case.layer(initial_state="random"), draw(T, B, M)
    assert (layer(x)[0] - layer(x)[0]).abs().max() > 1e-3
    layer.eval()
    zeros = tuple(torch.zeros(1, B, size, dtype=x.dtype) for size in layer.state_sizes())
    assert_equal(layer(x)[0], layer(x, zeros)[0], "bits")


@every_cell
def test_dropout_is_between_layers_and_in_training_only(case: Case) -> None:
    x = draw(T, B, M)
    alone = case.layer(dropout=0.9)
    assert_equal(alone(x), alone(x), "bits")
    layer = case.layer(num_layers=2, dropout=0.5)
    assert (layer(x)[0] - layer(x)[0]).abs().max() > 1e-6
    layer.eval()
    assert_equal(layer(x), layer(x), "bits")


def test_all_dropped_leaves_the_second_layer_its_biases() -> None:
    layer, x = Case("rnn").layer(num_layers=2, dropout=1.0), draw(T, B, M)
    weights = {name.removesuffix("_l1"): p for name, p in layer.named_parameters() if "l1" in name}
    zeros = (x.new_zeros(B, N),)
    expected = scan(layer.program, x.new_zeros(T, B, N), weights, zeros).outputs
    assert_equal(layer(x)[0], expected, "output")


@every_cell
def test_residual_adds_what_goes_into_each_layer_but_the_first(case: Case) -> None:
    plain, x = case.layer(num_layers=2, bidirectional=True), draw(T, B, M)
    residual = case.layer(num_layers=2, bidirectional=True, residual=True)
    residual.load_state_dict(plain.state_dict())
    first = case.layer(bidirectional=True)
    first.load_state_dict({k: v for k, v in plain.state_dict().items() if "_l0" in k})
    assert_equal(residual(x)[0], plain(x)[0] + first(x)[0], "output")
    assert_equal(residual(x)[1], plain(x)[1], "output")


NORMS = ("norm_ih", "norm_hh", "norm_state")  # gains begin at one


@every_option
def test_initial_weights_are_those_of_the_papers(case: Case) -> None:
    layer = Recurrent(case.cell, 5, 4, bias=case.bias, num_layers=2, **case.options).double()
    for direction in layer.weights():
        parts = split(layer.program, direction[0])
        for (kind, block), part in parts.items():
            if kind == "matmul":
                least = min(part.shape)
                product = part @ part.T if part.shape[0] == least else part.T @ part
                assert (product - torch.eye(least)).abs().max() < 1e-5  # drawn in float32
            elif kind == "input":
                limit = (6 / sum(part.shape)) ** 0.5
                assert limit / 2 < part.abs().max() <= limit
            elif "." in block:
                family, own = block.split(".")
                start = layer.cell.initial.get(own, 0.0) if family == "bias" else 0.0
                assert (part == (1.0 if family in NORMS else start)).all()
            elif kind == "vector":
                assert 0 < part.abs().max() <= len(part) ** -0.5
            else:
                second = kind == "bias" and ("input_bias", block) in parts
                assert (part == (0.0 if second else layer.cell.initial.get(block, 0.0))).all()


def test_a_seed_gives_the_same_layer_twice() -> None:
    def build() -> dict[str, Tensor]:
        torch.manual_seed(3)
        return dict(Recurrent("lstm", M, N, peephole=True).named_parameters())

    assert_equal(build(), build(), "bits")


def test_a_printed_layer_names_its_cell_and_what_differs() -> None:
    layer = Recurrent("gru", 2, 3, num_layers=2, bidirectional=True)
    assert repr(layer) == "Recurrent(gru, 2, 3, bidirectional=True, num_layers=2)"
    assert repr(Recurrent("rnn", 2, 3)) == "Recurrent(rnn, 2, 3)"
    program = from_text(to_text(layer.program))
    assert repr(Recurrent(program, 2, 3)) == "Recurrent(a program, 2, 3)"


WRONG: list[tuple[dict[str, Any], type[HeadgateError], str]] = [
    ({"cell": "grru"}, UnknownNameError, "'grru'; did you mean 'gru'\\? known: fslstm, gru"),
    ({"cell": "gru", "rest": 1}, UnknownNameError, "cell 'gru' 'rest'.*known: activation, reset"),
    ({"cell": "gru", "reset": "never"}, UnknownNameError, "reset = 'never'.*after, before"),
    ({"cell": "lstm", "forget": 2}, UnknownNameError, "forget = 2; known: False, True"),
    ({"cell": "rnn", "activation": "tan"}, UnknownNameError, "activation 'tan'.*mean 'tanh'"),
    ({"cell": "rnn", "hidden_size": 0}, ShapeError, "hidden_size is a positive integer, not 0"),
    ({"cell": "rnn", "input_size": -1}, ShapeError, "input_size is a positive integer, not -1"),
    ({"cell": "rnn", "num_layers": 0}, ShapeError, "num_layers is a positive integer, not 0"),
    ({"cell": "rnn", "dropout": 1.5}, ShapeError, "dropout is a probability from 0 to 1, not 1.5"),
    ({"cell": "rnn", "initial_state": "ones"}, UnknownNameError, "'ones'.*learned, random, zeros"),
    (
        {"cell": Equation(lambda x, W, h: x.a + W.a(h)), "reset": "after"},
        CellError,
        "takes no options, not {'reset': 'after'}",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_arguments_are_named(
    arguments: dict[str, Any], error: type[HeadgateError], message: str
) -> None:
    with pytest.raises(error, match=message):
        Recurrent(**dict[str, Any]({"input_size": 2, "hidden_size": 3}) | arguments)


CALLS: list[tuple[dict[str, Any], str]] = [
    ({"x": (T, B, M + 1)}, r"the last of 2 features, not \(3, 2, 3\)"),
    ({"x": (0, B, M)}, r"at least one step, but the input is \(0, 2, 2\)"),
    ({"lengths": [1]}, r"2 integers, one for each row, not \(1,\)"),
    ({"lengths": torch.tensor(3)}, r"2 integers, one for each row, not \(\)"),
    ({"lengths": torch.tensor([1.0, 2.0])}, "2 integers, one for each row, .* of torch.float32"),
    ({"lengths": [1, 4]}, "from 0 to the 3 steps of the input, not 4"),
    ({"lengths": [-1, 2]}, "from 0 to the 3 steps of the input, not -1"),
    ({"state": (torch.zeros(1, B, N),)}, "the states are h, c, but 1 came"),
    (
        {"state": (torch.zeros(1, B, N), torch.zeros(1, 5, N))},
        r"the state c is \(1, 2, 3\), not \(1, 5, 3\)",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), CALLS)
def test_wrong_inputs_are_named(arguments: dict[str, Any], message: str) -> None:
    arguments = dict(arguments)
    x = torch.zeros(arguments.pop("x", (T, B, M)))
    with pytest.raises(ShapeError, match=message):
        Recurrent("lstm", M, N)(x, **arguments)


def test_a_single_sequence_is_told_from_a_batch() -> None:
    with pytest.raises(ShapeError, match=r"three axes, the last of 2 features, not \(3, 2\)"):
        check_features(torch.zeros(3, 2), 2)


def test_using_names_the_kernels_and_ends_with_its_block() -> None:
    layer, x = Case("lstm").layer(), draw(T, B, M)
    known = r"kernel 'atn'.*'aten'.*aten, eager, native, reference"
    with pytest.raises(UnknownNameError, match=known), using("atn"):
        pass
    with using("eager"), pytest.raises(CellError, match="eager kernel has no trace"):
        layer(x, trace=True)
    with using("aten"):
        assert set(layer(x, trace=True)[2]) > {"forget", "h", "c"}
    assert set(layer(x, trace=True)[2]) > {"forget", "h", "c"}


@every_cell
def test_no_row_has_a_step(case: Case) -> None:
    layer = case.layer(num_layers=2, bidirectional=True)
    states = draw_states(layer, B)
    outputs, last, trace = layer(draw(T, B, M), states, lengths=[0, 0], trace=True)
    assert outputs.shape == (T, B, layer.output_size)
    assert not outputs.any()
    assert_equal(as_tuple(last), states, "bits")
    assert all(value.shape[:3] == (4, T, B) and not value.any() for value in trace.values())


def test_lengths_may_be_a_list_or_any_integers() -> None:
    layer, x = LSTM(M, N), torch.randn(T, B, M)
    expected = layer(x, lengths=[3, 1])[0]
    for dtype in (torch.uint8, torch.int32, torch.int64):
        assert_equal(layer(x, lengths=torch.tensor([3, 1], dtype=dtype))[0], expected, "bits")


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
@pytest.mark.parametrize("projection", [N - 1, N, N + 1])
def test_a_projection_may_have_any_width(projection: int) -> None:
    layer, x = Recurrent("lstm", M, N, projection=projection), draw(T, B, M)
    layer = layer.to(x.dtype)
    outputs, states = layer(x, lengths=[T, 1])
    with using("eager"):
        expected, last = layer(x, lengths=[T, 1])
    assert_equal(outputs, expected, "output")
    assert_equal(states, last, "output")
