"""A state's gradient at every step, beside a loop in float64 that writes the equations out."""

from __future__ import annotations

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

import headgate as hg
from headgate.inspection.passes import plain, run_passes
from headgate.inspection.stepwise import gradients_of, run_stepwise
from headgate.program import split


def made(cell: str, **how: object) -> hg.Recurrent:
    torch.manual_seed(4)
    layers = hg.Recurrent(cell, 3, 5, **how).double()  # pyright: ignore
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return layers


def lstm_by_hand(layers: hg.Recurrent, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The states of one LSTM layer, each a tensor of the graph; x is [T, M]."""
    part = split(layers.program, layers.weights()[0][0])
    h, c = x.new_zeros(5), x.new_zeros(5)
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    for step in x:
        gate = {
            g: part["input", g] @ step + part["input_bias", g] + part["matmul", g] @ h
            for g in ("input", "forget", "candidate", "output")
        }
        kept = gate["forget"].sigmoid() * c
        c = kept + gate["input"].sigmoid() * gate["candidate"].tanh()
        h = gate["output"].sigmoid() * c.tanh()
        found[0].append(h)
        found[1].append(c)
    return found


def test_the_gradient_of_every_state_is_that_of_a_loop() -> None:
    layers = made("lstm")
    x = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 5, dtype=torch.float64)
    h, c = lstm_by_hand(layers, x)
    score = (torch.stack(h) * weight).sum()
    wanted = torch.autograd.grad(score, [*h, *c, x], materialize_grads=True)
    found = run_stepwise(layers, x[:, None])
    loss = (found.outputs[:, 0] * weight).sum()
    states, read = gradients_of(found, loss, ("h", "c"), x)
    assert_equal(states["h"][0, :, 0], torch.stack(wanted[:7]), "gradient")
    assert_equal(states["c"][0, :, 0], torch.stack(wanted[7:14]), "gradient")
    assert_equal(read, wanted[14], "gradient")


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "lem", "fslstm"])
def test_step_by_step_is_all_at_once(cell: str) -> None:
    layers = made(cell, num_layers=2, bidirectional=True)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    found = run_stepwise(layers, x)
    outputs, last = run_passes(layers, x, plain)
    assert_equal(found.outputs.detach(), outputs.detach(), "output")
    assert_equal([s.detach() for s in found.last], [s.detach() for s in last], "output")
    got, _ = gradients_of(found, found.outputs[2].sum(), layers.program.states)
    # the second layer: forwards nothing after the step counts, backwards nothing before it
    assert not got[layers.program.states[0]][2, 3:].any()
    assert not got[layers.program.states[0]][3, :2].any()


def test_the_first_gradient_is_that_of_the_first_state() -> None:
    """By differences: a longer input whose first step is left to a start state."""
    layers = made("gru")
    x = torch.randn(5, 1, 3, dtype=torch.float64)
    found = run_stepwise(layers, x)
    got = gradients_of(found, found.outputs[-1].sum(), ("h",))[0]["h"][0, 0, 0]
    first = found.passes[0].states[0][0].detach()
    for unit in range(5):
        ends = []
        for step in (1e-5, -1e-5):
            start = first.clone()
            start[0, unit] += step
            ends.append(
                float(run_stepwise(layers, x[1:], (start[None],)).outputs[-1].sum().detach())
            )
        assert float(got[unit]) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_states_before_a_step_are_those_of_its_direction() -> None:
    layers = made("gru", bidirectional=True)
    ahead, back = run_stepwise(layers, torch.randn(4, 1, 3, dtype=torch.float64)).passes
    assert ahead.before(0) is ahead.start
    assert ahead.before(3) is ahead.states[2]
    assert back.before(3) is back.start
    assert back.before(0) is back.states[1]


def test_parameters_get_no_gradient_and_a_long_input_no_deep_recursion() -> None:
    layers = hg.Recurrent("rnn", 2, 2)
    found = run_stepwise(layers, torch.zeros(1200, 1, 2))
    got = gradients_of(found, found.outputs[-1].sum(), ("h",))[0]["h"]
    assert got.shape == (1, 1200, 1, 2)
    assert all(parameter.grad is None for parameter in layers.parameters())
    assert not any(weight.requires_grad for weight in found.passes[0].of.weights.values())
