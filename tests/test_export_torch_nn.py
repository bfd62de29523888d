"""Weights of torch.nn: every form of its layers, both ways, against torch's own outputs."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from tests.cases import draw
from tests.tolerances import assert_equal
from torch import Tensor, nn, sigmoid, tanh

from headgate.equations.notation import Equation
from headgate.errors import CellError, ShapeError, UnknownNameError
from headgate.export.torch_nn import from_torch, to_torch
from headgate.layers import LSTM, Recurrent

T, B, M, N = 4, 3, 2, 5
FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "lstm": (nn.LSTM, {}),
    "projected": (nn.LSTM, {"proj_size": 3}),
    "gru": (nn.GRU, {}),
    "tanh": (nn.RNN, {}),
    "relu": (nn.RNN, {"nonlinearity": "relu"}),
}
every_form = pytest.mark.parametrize("form", FORMS)
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
with_bias = pytest.mark.parametrize("bias", [True, False])


def torchs(form: str, *, layers: int = 2, **arguments: Any) -> Any:
    """Build torch's layer, in double precision, with no parameter zero."""
    made, own = FORMS[form]
    return made(M, N, layers, **own, **arguments).double()


def activation(form: str) -> str:
    return "relu" if form == "relu" else "tanh"


@every_form
@both_ways
@with_bias
def test_a_layer_of_torch_gives_the_same_outputs_and_states(
    form: str, bidirectional: bool, bias: bool
) -> None:
    theirs = torchs(form, bidirectional=bidirectional, bias=bias)
    ours = from_torch(theirs)
    x = draw(T, B, M)
    outputs, states = theirs(x)
    start = tuple(torch.randn_like(s) for s in states) if isinstance(states, tuple) else None
    assert_equal(ours(x), (outputs, states), "output")
    if start is not None:
        assert_equal(ours(x, start)[0], theirs(x, start)[0], "output")


@every_form
@both_ways
@with_bias
def test_a_state_dict_is_read_by_its_names_and_shapes(
    form: str, bidirectional: bool, bias: bool
) -> None:
    theirs = torchs(form, bidirectional=bidirectional, bias=bias)
    whole = {f"encoder.rnn.{name}": value for name, value in theirs.state_dict().items()}
    whole |= {"encoder.head.weight": torch.ones(2, 2), "weight_ih_l0": torch.ones(3)}
    for prefix in ("encoder.rnn.", "encoder.rnn"):
        ours = from_torch(whole, prefix=prefix, activation=activation(form))
        assert_equal(dict(ours.state_dict()), dict(from_torch(theirs).state_dict()), "bits")
    x = draw(T, B, M)
    assert_equal(ours(x)[0], theirs(x)[0], "output")


@every_form
@both_ways
@with_bias
def test_there_and_back_the_weights_are_equal(form: str, bidirectional: bool, bias: bool) -> None:
    first = torchs(form, bidirectional=bidirectional, bias=bias)
    second = to_torch(from_torch(first))
    assert type(second) is type(first)
    before, after = first.state_dict(), second.state_dict()
    assert list(before) == list(after)
    for name, value in before.items():
        if name.startswith("weight"):
            assert_equal(after[name], value, "bits")
        elif name.startswith("bias_ih"):
            other = name.replace("_ih", "_hh")
            assert_equal(after[name] + after[other], value + before[other], "output")
            if form == "gru":
                assert_equal(after[other][2 * N :], before[other][2 * N :], "bits")
    # once the biases are summed, nothing changes any more
    assert_equal(dict(to_torch(from_torch(second)).state_dict()), dict(after), "bits")


def test_what_a_layer_of_torch_says_of_itself_comes_too() -> None:
    theirs = nn.LSTM(M, N, 2, batch_first=True, dropout=0.25).eval()
    ours = from_torch(theirs)
    assert (ours.batch_first, ours.dropout, ours.training) == (True, 0.25, False)
    back = to_torch(ours)
    assert (back.batch_first, back.dropout, back.training) == (True, 0.25, False)
    assert from_torch(nn.RNN(M, N, nonlinearity="relu")).extra_repr() == "rnn, 2, 5"
    assert to_torch(from_torch(nn.RNN(M, N, nonlinearity="relu"))).nonlinearity == "relu"


def test_the_layer_is_a_copy_and_no_random_number_is_drawn() -> None:
    theirs = nn.GRU(M, N)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    ours: Any = from_torch(theirs)
    back = to_torch(ours)
    assert_equal(torch.rand(3), wanted, "bits")
    kept = ours.weight_hh_l0.clone()
    with torch.no_grad():
        for parameter in (*theirs.parameters(), *back.parameters()):
            parameter.zero_()
    assert_equal(ours.weight_hh_l0, kept, "bits")
    assert all(parameter.requires_grad for parameter in (*ours.parameters(), *back.parameters()))


def test_a_twin_and_another_dtype_come_too() -> None:
    theirs: Any = LSTM(M, N).bfloat16()
    ours: Any = from_torch(theirs)
    assert ours.weight_hh_l0.dtype == torch.bfloat16
    assert_equal(ours.weight_hh_l0, theirs.weight_hh_l0, "bits")


def test_another_activation_of_an_rnn_is_told() -> None:
    weights = torchs("tanh", layers=1).state_dict()
    ours = from_torch(weights, activation="softsign")
    x = draw(1, B, M)
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    wanted = nn.functional.softsign(x @ weights["weight_ih_l0"].T + bias)
    assert_equal(ours(x)[0], wanted, "output")


def test_a_cell_counts_by_what_it_computes_not_by_its_name() -> None:
    def step(x, W, hidden, memory):
        shown = sigmoid(x.show + W.show(hidden))
        new = tanh(W.make(hidden) + x.make)
        memory = new * sigmoid(x.write + W.write(hidden)) + memory * sigmoid(
            W.keep(hidden) + x.keep
        )
        return tanh(memory) * shown, memory

    own = Recurrent(Equation(step), M, N, num_layers=2, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.normal_()
    theirs = to_torch(own)
    assert isinstance(theirs, nn.LSTM)
    x = draw(B, T, M, dtype=torch.float32)
    outputs, states = own(x)
    assert_equal(theirs(x), (outputs, states), "output")


@pytest.mark.parametrize(
    ("cell", "options", "said"),
    [
        ("gru", {"reset": "before"}, "nearest is nn.GRU, but the cell has 1 add fewer, 1 bias"),
        ("lstm", {"peephole": True}, "nearest is nn.LSTM, but the cell has 3 add more, 3 mul more"),
        ("lstm", {"activation": "relu"}, "has 1 relu more, 1 tanh fewer"),
        ("rnn", {"activation": "sigmoid"}, "nearest is nn.RNN, but the cell has 1 sigmoid more"),
        ("gru", {"update": "write"}, "puts the same operations together otherwise"),
        ("mgu", {}, "nearest is nn.GRU, but the cell has 2 add fewer"),
    ],
)
def test_a_cell_that_torch_has_not_is_refused_with_the_difference(
    cell: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(CellError, match=r"^torch\.nn has no such layer; ") as found:
        to_torch(Recurrent(cell, M, N, **options))
    assert said in str(found.value)
    assert "hₜ = " in str(found.value)  # the formula of the cell


@pytest.mark.parametrize(
    "argument",
    [
        {"zoneout": 0.1},
        {"recurrent_dropout": 0.2},
        {"residual": True},
        {"initial_state": "learned"},
        {"initial_state": "random"},
        {"layer_norm": True},
    ],
)
def test_what_torchs_layers_have_not_is_refused_by_name(argument: dict[str, Any]) -> None:
    layer = Recurrent("lstm", M, N, **argument)
    with pytest.raises(CellError, match=f"torch.nn have no .*{next(iter(argument))}"):
        to_torch(layer)


@pytest.mark.usefixtures("unchecked")
def test_a_projection_that_does_not_narrow_and_another_module_are_refused() -> None:
    with pytest.raises(CellError, match=r"projects to fewer units .* 5 come of 5"):
        to_torch(Recurrent("lstm", M, N, projection=N))
    with pytest.raises(CellError, match=r"not LSTM; an hg\.LSTM"):
        to_torch(LSTM(M, N))  # type: ignore[arg-type]
    with pytest.raises(CellError, match=r"not from Linear; .* give its state_dict"):
        from_torch(nn.Linear(M, N))  # type: ignore[arg-type]
    with pytest.raises(CellError, match=r"nn\.GRU's.*activation='relu' is for an nn\.RNN"):
        from_torch(nn.GRU(M, N).state_dict(), activation="relu")


def test_an_unknown_prefix_lists_those_that_have_weights() -> None:
    whole = nn.Sequential(nn.LSTM(M, N), nn.Linear(N, N), nn.GRU(N, N)).state_dict()
    with pytest.raises(UnknownNameError, match=r"weights '1\.'.* known: '0\.', '2\.'$"):
        from_torch(whole, prefix="1.")
    with pytest.raises(UnknownNameError, match=r"known: $"):
        from_torch(nn.Linear(M, N).state_dict())


def wrong(form: str, changes: dict[str, Tensor | None], **arguments: Any) -> dict[str, Tensor]:
    weights = {f"rnn.{k}": v for k, v in torchs(form, **arguments).state_dict().items()}
    for name, value in changes.items():
        if value is None:
            del weights[f"rnn.{name}"]
        else:
            weights[f"rnn.{name}"] = value
    return weights


@pytest.mark.parametrize(
    ("form", "changes", "said"),
    [
        ("lstm", {"weight_hh_l1": None}, r"rnn.weight_hh_l1 is missing; it is (20, 5)"),
        ("lstm", {"weight_ih_l0": None}, "rnn.weight_ih_l0 is missing; it is a matrix"),
        ("gru", {"bias_hh_l0": None}, "rnn.bias_hh_l0 is missing; it is (15,)"),
        ("lstm", {"weight_ih_l1": torch.ones(20, 4)}, "weight_ih_l1 is (20, 5), not (20, 4)"),
        ("lstm", {"weight_ih_l0": torch.ones(20)}, "rnn.weight_ih_l0 is a matrix, not (20,)"),
        ("tanh", {"weight_hh_l0": torch.ones(10, 5)}, "have 4 (LSTM), 3 (GRU) or 1 (RNN) times"),
        ("tanh", {"weight_ih_l0": torch.ones(10, 2)}, "rows, but they have 10 and 5"),
        ("gru", {"weight_hr_l0": torch.ones(3, 5)}, "have 4 times the 5 units as rows"),
        ("projected", {"weight_hr_l1": torch.ones(2, 5)}, "weight_hr_l1 is (3, 5), not (2, 5)"),
        ("projected", {"weight_hr_l1": None}, "rnn.weight_hr_l1 is missing"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(
    form: str, changes: dict[str, Tensor | None], said: str
) -> None:
    with pytest.raises(ShapeError, match=re.escape(said)):
        from_torch(wrong(form, changes), prefix="rnn.")


def test_a_direction_that_is_missing_in_one_layer_is_named() -> None:
    weights = wrong("gru", {"weight_ih_l1_reverse": None}, bidirectional=True)
    with pytest.raises(ShapeError, match=r"rnn\.weight_ih_l1_reverse is missing; it is \(15, 10\)"):
        from_torch(weights, prefix="rnn.")
