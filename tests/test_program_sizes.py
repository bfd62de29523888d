"""How wide each value of a step is, where only what it meets later tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import draw
from tests.tolerances import assert_equal

from headgate.equations import Equation
from headgate.equations.notation import named
from headgate.errors import CellError
from headgate.kernels import cpu, scan, using
from headgate.layers import Recurrent
from headgate.program import Program, trace
from headgate.program.sizes import widths


def _program(step: Callable[..., Any]) -> Program:
    return trace(Equation(step, sizes={"small": 3, "other": 4}))


def _leaky(x, W, p, h, s):
    s = (1 - p.keep) * s + torch.tanh(x.small + W.small(h))
    return torch.tanh(x.a + W.a(s)), s


def test_a_vector_is_as_wide_as_what_its_function_meets() -> None:
    layer = Recurrent(_program(_leaky), 2, 9).double()
    assert layer.get_parameter("vector_keep_l0").shape == (3,)
    x = draw(4, 2, 2)
    with using("reference"):
        expected = layer(x)
    assert_equal(layer(x), expected, "output")


@pytest.mark.parametrize(
    ("cell", "options"), [("lstm", {"projection": 2}), ("jordan", {"output": 2})]
)
def test_a_learned_state_after_a_reset_is_as_wide_as_the_state(
    cell: str, options: dict[str, Any]
) -> None:
    layer = Recurrent(cell, 3, 9, initial_state="learned", **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.3)
    x, resets = draw(5, 2, 3), torch.zeros(5, 2, dtype=torch.bool)
    resets[2] = True
    outputs, _ = layer(x, resets=resets)
    assert_equal(outputs[2:], layer(x[2:])[0], "bits")
    program = layer._program(resets=True)
    width = {node.block: w for node, w in widths(program).items() if node.op == "vector"}
    state = program.states[0]
    assert width[f"initial_{state}"] in program.equation.sizes


def test_a_width_that_no_parameter_has_runs_all_the_same() -> None:
    program = _program(lambda x, h, s: (0.5 * h, torch.tanh(x.small + s)))
    weights = {"weight_ih": draw(3, 2), "bias": draw(3)}
    x, states = draw(4, 5, 2), (draw(5, 9), draw(5, 3))
    assert not cpu.serves(program, x, *states, *weights.values())
    found = scan(program, x, weights, states)
    assert_equal(found.outputs[1], 0.25 * states[0], "output")


@pytest.mark.parametrize(
    "step",
    [
        lambda x, W, h, s: (W.a(h) + x.a, x.small + torch.tanh(s) * h),
        lambda x, r, s, u: (s, u, r * (x.small + r) + named("aside", (x.other + s) * s)),
        lambda x, W, p, h, s: (x.a + (1 - p.v) * W.a(h), x.small + (1 - p.v) * s),
    ],
)
def test_values_of_two_widths_do_not_meet(step: Callable[..., Any]) -> None:
    with pytest.raises(CellError, match=r"a matrix W\.name"):
        _program(step)


def test_one_matrix_does_not_multiply_two_widths() -> None:
    def step(x, W, h, s):
        return torch.tanh(W.a(h) + W.a(s)), x.small + W.small(h)

    with pytest.raises(CellError, match=r"W\.a multiplies .* hidden_size units .* 3 \(small\)"):
        _program(step)
