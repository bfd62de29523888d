"""Weights of Keras against its equations, step by step, both ways."""

from __future__ import annotations

import re
import sys
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from tests.keras_fakes import FUNCTIONS, GATES, B, M, N, T, both, draw, fake, inputs, outputs, run
from tests.tolerances import assert_equal
from torch import tanh

from headgate.equations.notation import Equation
from headgate.errors import CellError, DataError, HeadgateError, ShapeError, UnknownNameError
from headgate.export.keras import from_keras, to_keras
from headgate.export.reversed import Reversed
from headgate.layers import LSTM, Recurrent

CONFIGS: list[tuple[str, dict[str, Any]]] = [
    *(("SimpleRNN", {"activation": name}) for name in FUNCTIONS),
    *(("LSTM", {"activation": name}) for name in FUNCTIONS),
    *(
        ("GRU", {"activation": name, "reset_after": after})
        for name, after in product(FUNCTIONS, (True, False))
    ),
    ("LSTM", {"recurrent_activation": "hard_sigmoid"}),
    ("GRU", {"recurrent_activation": "hard_sigmoid", "reset_after": False}),
    ("GRU", {"recurrent_activation": "hard_sigmoid", "activation": "selu"}),
]
every_config = pytest.mark.parametrize(("kind", "config"), CONFIGS)
with_bias = pytest.mark.parametrize("bias", [True, False])


@every_config
@with_bias
def test_a_layer_of_keras_gives_the_same_outputs(
    kind: str, config: dict[str, Any], bias: bool
) -> None:
    theirs = fake(kind, config | {"use_bias": bias, "name": "my_layer"})
    (ours,) = from_keras(theirs).values()
    assert list(from_keras(theirs)) == ["my_layer"]
    x = inputs()
    wanted = torch.from_numpy(run(kind, theirs.config, theirs.arrays, x))
    assert_equal(outputs(ours, x), wanted, "output")


@every_config
@pytest.mark.parametrize(("bias", "directions"), [(True, 1), (True, 2), (False, 1)])
def test_there_and_back_the_weights_are_equal(
    kind: str, config: dict[str, Any], bias: bool, directions: int
) -> None:
    config = config | {"use_bias": bias}
    theirs = both(kind, config) if directions == 2 else fake(kind, config)
    (back,) = to_keras(*from_keras(theirs).values())
    assert (back.kind, back.bidirectional) == (kind, directions == 2)
    usual = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
    for name, value in config.items():
        assert back.config[name] == value
    assert {name: back.config.get(name, usual[name]) for name in usual} == usual | {
        name: value for name, value in config.items() if name in usual
    }
    assert (back.config["units"], back.config["dtype"]) == (N, "float64")
    sides = [theirs.forward_layer, theirs.backward_layer] if directions == 2 else [theirs]
    before = [array for side in sides for array in side.arrays]
    assert [array.shape for array in back.weights] == [array.shape for array in before]
    for mine, own in zip(back.weights, before, strict=True):
        if own.shape != (2, 3 * N):  # two biases of a gate that add come as one
            assert_equal(torch.from_numpy(mine), torch.from_numpy(own), "bits")
    again = fake(kind, back.config, arrays=back.weights[: len(back.weights) // directions])
    x = inputs()
    (ours,) = from_keras(again).values()
    wanted = torch.from_numpy(run(kind, config, before[: len(before) // directions], x))
    assert_equal(outputs(ours, x), wanted, "output")


def test_a_gru_keeps_the_candidates_second_bias_apart() -> None:
    theirs = fake("GRU")
    (back,) = to_keras(*from_keras(theirs).values())
    first, second = theirs.arrays[2]
    assert_equal(
        torch.from_numpy(back.weights[2].sum(0)), torch.from_numpy(first + second), "output"
    )
    candidate = torch.from_numpy(second[2 * N :])
    assert_equal(torch.from_numpy(back.weights[2][1, 2 * N :]), candidate, "bits")
    assert not back.weights[2][1, : 2 * N].any()


@pytest.mark.parametrize("kind", GATES)
def test_a_bidirectional_is_one_layer_of_two_directions(kind: str) -> None:
    theirs = both(kind)
    ours = from_keras(theirs)["both"]
    assert isinstance(ours, Recurrent)
    assert ours.bidirectional
    x = inputs()
    forward = run(kind, {}, theirs.forward_layer.arrays, x)
    backward = run(kind, {}, theirs.backward_layer.arrays, x[:, ::-1])[:, ::-1]
    wanted = torch.from_numpy(np.concatenate([forward, backward], -1))
    assert_equal(outputs(ours, x), wanted, "output")


def test_a_layer_that_goes_backwards_has_keras_order() -> None:
    theirs = fake("GRU", {"go_backwards": True})
    ours = from_keras(theirs)["rnn"]
    assert isinstance(ours, Reversed)
    x = inputs()
    wanted = torch.from_numpy(run("GRU", {"go_backwards": True}, theirs.arrays, x))
    assert_equal(outputs(ours, x), wanted, "output")
    (back,) = to_keras(ours)
    assert back.config["go_backwards"] is True
    with pytest.raises(CellError, match="set aligned=False"):
        to_keras(Reversed(Recurrent("gru", M, N)))


@pytest.mark.parametrize(
    ("layer", "error", "said"),
    [
        (lambda: both("LSTM", merge_mode="sum"), CellError, "merges its directions by 'sum'"),
        (lambda: both("LSTM", merge_mode=None), CellError, "merges its directions by None"),
        (lambda: both("GRU", backward_layer=fake("LSTM")), CellError, "two different cells"),
        (lambda: both("GRU", {"go_backwards": True}), CellError, "goes backwards: exchange"),
        (
            lambda: both("GRU", backward_layer=fake("GRU", {"activation": "relu"})),
            *(CellError, "two different cells"),
        ),
        (
            lambda: fake("LSTM", {"activation": "softmax"}),
            *(UnknownNameError, "activation of the LSTM layer 'rnn' of Keras 'softmax'"),
        ),
        (
            lambda: fake("GRU", {"recurrent_activation": {"class_name": "function"}}),
            *(UnknownNameError, "recurrent_activation of the GRU layer 'rnn'"),
        ),
        (lambda: fake("LSTM", arrays=[]), ShapeError, "has 0 arrays, not 3: a layer of Keras has"),
        (
            lambda: fake("LSTM", arrays=draw("LSTM", {})[:2] + [np.ones(N)]),
            *(ShapeError, "has a bias of (20,), not (5,)"),
        ),
        (
            lambda: fake("GRU", {"reset_after": False}, arrays=draw("GRU", {})),
            *(ShapeError, "has a bias of (15,), not (2, 15)"),
        ),
        (lambda: fake("Dense"), DataError, "no SimpleRNN, LSTM or GRU among"),
    ],
)
def test_what_a_layer_cannot_be_is_refused(layer: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=re.escape(said)):
        from_keras(layer())


def test_a_stack_becomes_a_layer_for_each_and_a_cell_of_ones_own_counts_by_its_equations() -> None:
    def step(x, W, s):
        return tanh(W.only(s) + x.only)

    own = Recurrent(Equation(step), M, N, num_layers=3, bidirectional=True)
    made = to_keras(own)
    assert [each.kind for each in made] == ["SimpleRNN"] * 3
    assert [len(each.weights[0]) for each in made] == [M, 2 * N, 2 * N]
    assert "dtype" not in made[0].config
    x = torch.randn(B, T, M).numpy()
    found = x
    for each in made:
        sides = [each.weights[:3], each.weights[3:]]
        forward = run(each.kind, {}, sides[0], found)
        backward = run(each.kind, {}, sides[1], found[:, ::-1])[:, ::-1]
        found = np.concatenate([forward, backward], -1)
    wanted = own(torch.from_numpy(x).transpose(0, 1))[0].transpose(0, 1).detach()
    assert_equal(torch.from_numpy(found).float(), wanted, "output")


@pytest.mark.usefixtures("unchecked")
def test_what_keras_has_not_is_refused_with_the_difference() -> None:
    with pytest.raises(CellError, match=r"no such layer; nearest is LSTM, but .* 3 vector more"):
        to_keras(Recurrent("lstm", M, N, peephole=True))
    with pytest.raises(CellError, match="nearest is GRU with reset_after=False"):
        to_keras(Recurrent("mgu", M, N))
    with pytest.raises(CellError, match=r"layers of Keras have no zoneout=.*, residual=True"):
        to_keras(Recurrent("lstm", M, N, zoneout=0.1, residual=True))
    with pytest.raises(CellError, match="not LSTM; from_torch makes one"):
        to_keras(LSTM(M, N))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="not Linear"):
        from_keras(torch.nn.Linear(M, N))


def test_without_keras_a_live_layer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(HeadgateError, match="needs keras and one of its backends"):
        to_keras(Recurrent("gru", M, N))[0].build()
