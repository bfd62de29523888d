"""A cell is known by what it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import B, Case, M, N, T, draw, every_case
from tests.tolerances import assert_equal
from torch import sigmoid, tanh

from headgate.equations import Equation, equation
from headgate.kernels import aten, using
from headgate.layers import Recurrent
from headgate.program import trace
from headgate.program.identity import match


def _renamed_lstm(x, W, h, s):
    out = sigmoid(W.leave(h) + x.leave)
    new = tanh(W.fresh(h) + x.fresh)
    s = new * sigmoid(x.write + W.write(h)) + s * sigmoid(W.keep(h) + x.keep)
    return tanh(s) * out, s


def _renamed_gru(W, b, x, state):
    n = tanh((b.new + W.new(state)) * sigmoid(W.past(state) + x.past) + x.new)
    z = sigmoid(W.stay(state) + x.stay)
    return (1 - z) * n + state * z


TWINS: list[tuple[Callable[..., Any], str, dict[str, str]]] = [
    (
        _renamed_lstm,
        "lstm",
        {"input": "write", "forget": "keep", "candidate": "fresh", "output": "leave"},
    ),
    (_renamed_gru, "gru", {"reset": "past", "update": "stay", "candidate": "new"}),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("step", "cell", "blocks"), TWINS)
def test_a_renamed_and_reordered_cell_is_known_and_runs_as_torchs(
    step: Callable[..., Any], cell: str, blocks: dict[str, str], bias: bool
) -> None:
    program = trace(Equation(step), bias=bias)
    assert match(program, trace(equation(cell), bias=bias)) == blocks
    assert aten.serves(program)
    layer, x = Recurrent(Equation(step), M, N, bias=bias).double(), draw(T, B, M)
    for parameter in layer.parameters():
        parameter.data.normal_()
    with using("reference"):
        expected = layer(x)
    assert_equal(layer(x), expected, "output")
    with using("aten"):
        assert_equal(layer(x), expected, "output")


def _swapped(x, W, h, c):  # the recurrent weights of two gates change places
    f = sigmoid(x.forget + W.input(h))
    i = sigmoid(x.input + W.forget(h))
    c = f * c + i * tanh(x.candidate + W.candidate(h))
    return sigmoid(x.output + W.output(h)) * tanh(c), c


def _old_cell(x, W, h, c):  # leaves with the cell of the step before
    f, i = sigmoid(x.forget + W.forget(h)), sigmoid(x.input + W.input(h))
    g, o = tanh(x.candidate + W.candidate(h)), sigmoid(x.output + W.output(h))
    return o * tanh(c), f * c + i * g


def _states_change_places(x, W, c, h):
    f, i = sigmoid(x.forget + W.forget(h)), sigmoid(x.input + W.input(h))
    g, o = tanh(x.candidate + W.candidate(h)), sigmoid(x.output + W.output(h))
    c = f * c + i * g
    return c, o * tanh(c)


def _doubled(x, W, h):
    return tanh(x.a + 2 * W.a(h))


MISSES = [_swapped, _old_cell, _states_change_places, _doubled]


@pytest.mark.parametrize("step", MISSES)
def test_a_near_miss_is_not_torchs(step: Callable[..., Any]) -> None:
    assert not aten.serves(trace(Equation(step)))


TORCHS = [
    {"lstm": {}},
    {"lstm": {"projection": 2}},
    {"gru": {}},
    {"rnn": {}},
    {"rnn": {"activation": "relu"}},
]


@every_case
def test_of_our_cells_exactly_torchs_are_torchs(case: Case) -> None:
    program = case.program()
    assert aten.serves(program) == ({case.cell: case.options} in TORCHS)


def test_the_kernel_refuses_what_torch_has_not() -> None:
    program = trace(equation("mgu"))
    with pytest.raises(RuntimeError, match="torch has no layer"):
        aten.run(program, torch.zeros(1, B, M), {}, (torch.zeros(B, N),), trace=False, given={})
