"""What traces, what does not, and what the message says about it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.cases import B, M, N, T, as_tuple, draw
from tests.tolerances import assert_equal
from torch.nn import functional

from headgate.equations import Equation, equation
from headgate.equations.activations import ACTIVATIONS
from headgate.equations.notation import named, normalize
from headgate.errors import CellError, UnknownNameError
from headgate.kernels import using
from headgate.layers import Recurrent
from headgate.program import as_text, trace
from headgate.program.merge import products
from headgate.program.operations import OPERATIONS

CONSTANT = torch.ones(3)


def _branch(x, W, h):
    return h if h.sum() else x.a


def _compare(x, W, h):
    if x.a > 0:
        return h
    return x.a


def _drawn(x, W, h):
    return torch.rand(3) * x.a + W.a(h)


def _drawn_like(x, W, h):
    return torch.rand_like(h) * x.a


def _python_random(x, W, h):
    return random.random() * x.a + W.a(h)


def _unknown(x, W, h):
    return torch.cumsum(x.a + W.a(h), -1)


def _unknown_method(x, W, h):
    return (x.a + W.a(h)).clamp(0, 1)


def _constant(x, W, h):
    return x.a * CONSTANT


def _too_few(x, W, h, c):
    return torch.tanh(x.a + W.a(h))


def _too_many(x, W, h):
    return h, x.a


def _stateless(x, W):
    return x.a


def _number(x, W, h):
    return 1.0


def _state_name(x, W, h):
    return torch.tanh(x.h + W.h(h)) * 2


def _project_number(x, W, h):
    return x.a + W.a(0.5)


def _maximum_number(x, W, h):
    return (x.a + W.a(h)).maximum(0.0)


def _unpack(x, W, h):
    a, b = x.a
    return a + b


def _loop(x, W, h):
    return sum(part for part in h)


def _option(x, W, h):
    return functional.elu(x.a + W.a(h), alpha=0.5)


def _third(x, W, h):
    return x.a.add(W.a(h), h)


def _part(x, W, h):
    return x.a + W.a(h[:, 0])


REFUSED: list[tuple[Callable[..., Any], str, int]] = [
    # the step, the message, the line of the step that it names
    (_branch, "a branch depends on a value of the step", 1),
    (_compare, "a branch depends on a value of the step", 1),
    (_drawn, r"a tensor of shape \(3,\) stands in the equation.*random values do not trace", 1),
    (_drawn_like, "rand_like is not an operation of a program; known: abs, add", 1),
    (_python_random, "gives another graph each time it is traced.*random number", 0),
    (_unknown, "cumsum is not an operation of a program; known: abs, add", 1),
    (_unknown_method, "clamp is not an operation of a program", 1),
    (_constant, r"a tensor of shape \(3,\) stands in the equation. A constant is a Python", 1),
    (_too_few, r"it has 2 \(h, c\) and returned 1", 0),
    (_too_many, r"it has 1 \(h\) and returned 2", 0),
    (_stateless, r"it has 0 \(none\) and returned 1", 0),
    (_number, "the new value of h is 1.0, not computed", 0),
    (_state_name, "the gate 'h' has the name of a state with another value", 1),
    (_project_number, "W.a takes a value of the step, not 0.5", 1),
    (_maximum_number, "maximum takes two values of the step, as in torch, no number", 1),
    (_unpack, "getitem is not an operation of a program", 1),
    (_loop, "cannot be taken apart or iterated", 1),
    (_option, "elu takes no options here, not {'alpha': 0.5}", 1),
    (_third, r"add takes no options here", 1),
    (_part, "getitem is not an operation of a program", 1),
]


@pytest.mark.parametrize(
    ("step", "message", "line"), REFUSED, ids=lambda v: getattr(v, "__name__", "")
)
def test_what_does_not_trace_is_named_with_its_line(
    step: Callable[..., Any], message: str, line: int
) -> None:
    with pytest.raises(CellError, match=message) as found:
        trace(Equation(step))
    place = f"{Path(__file__).name}:{step.__code__.co_firstlineno + line}"
    assert f"{place}: " in str(found.value)


def test_widths_that_do_not_fit_are_named() -> None:
    def step(x, W, h, c):
        return W.project(c), x.a + W.a(h) + h

    with pytest.raises(CellError, match=r"add meets .*hidden_size.* and one of 2 \(project\)"):
        trace(Equation(step, sizes={"project": 2}))


def test_an_equation_takes_no_options_and_a_name_must_be_known() -> None:
    with pytest.raises(UnknownNameError, match="unknown cell 'lstmm'; did you mean 'lstm'"):
        equation("lstmm")
    with pytest.raises(UnknownNameError, match="option of the cell 'rnn' 'reset'"):
        equation("rnn", reset="after")
    own = Equation(_maximum_number)
    assert equation(own) is own


def _all_operations(x, W, b, p, h, c):
    a = x.first + W.first(h) + b.first
    d = normalize(a) + torch.maximum(a, c) - torch.minimum(a, p.weight * c)
    d = d / (torch.exp(-abs(a)) + 1) + torch.log(a.square() + 2) + torch.sqrt(a * a + 0.5)
    d = d + torch.sin(a) * torch.cos(c) + torch.sigmoid(a) ** 2 + torch.tanh(c)
    d = d + torch.relu(a) + functional.elu(a) + functional.gelu(a) + functional.hardsigmoid(a)
    d = d + functional.hardtanh(a) + functional.leaky_relu(a) + functional.silu(a)
    d = d + functional.softplus(a) + functional.softsign(a)
    return torch.tanh(0.1 * d), named("carried", 0.5 * c + 0.5 * torch.tanh(a))


def test_every_operation_runs_the_same_with_and_without_a_graph() -> None:
    layer = Recurrent(Equation(_all_operations), M, N).double()
    assert {node.op for node in layer.program.nodes} >= OPERATIONS.keys()
    names = [name for name, _ in layer.named_parameters()]
    for parameter in layer.parameters():
        parameter.data.normal_()

    def run(x: torch.Tensor, *weights: torch.Tensor) -> list[torch.Tensor]:
        outputs, last = torch.func.functional_call(
            layer, dict(zip(names, weights, strict=True)), (x,)
        )
        return [outputs, *as_tuple(last)]

    leaves = [draw(T, B, M), *(p.detach().clone() for p in layer.parameters())]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    with using("eager"):
        expected = run(*leaves)
    assert_equal(run(*leaves), expected, "output")
    assert torch.autograd.gradcheck(run, leaves)


def test_normalize_is_torchs_layer_norm() -> None:
    x = draw(5, 4) * 3 + 1
    assert_equal(normalize(x), functional.layer_norm(x, (4,)), "output")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_traces(activation: str) -> None:
    layer = Recurrent("rnn", M, N, activation=activation).double()
    x = draw(1, B, M)
    weights = layer.weights()[0][0]
    sums = x @ weights["weight_ih"].T + weights["bias"]
    assert_equal(layer(x)[0], ACTIVATIONS[activation](sums), "output")
    ops = {node.op for node in layer.program.nodes}
    assert activation in ops or activation == "linear"


def test_products_that_share_an_operand_merge_and_equal_values_are_one() -> None:
    assert [p.blocks for p in products(trace(equation("lstm")))] == [
        ("input", "forget", "candidate", "output")
    ]
    after, before = (trace(equation("gru", reset=reset)) for reset in ("after", "before"))
    assert [p.blocks for p in products(after)] == [("reset", "update", "candidate")]
    assert [p.blocks for p in products(before)] == [("reset", "update"), ("candidate",)]

    def twice(x, W, h):
        return torch.tanh(x.a + W.a(h)) * torch.tanh(x.a + W.a(h))

    assert [n.op for n in trace(Equation(twice)).nodes].count("tanh") == 1


def test_values_that_are_used_often_trace_in_one_pass() -> None:
    def step(x, W, h):
        a = x.a + W.a(h)
        for _ in range(40):
            a = torch.tanh(a) * a
        return a

    program = trace(Equation(step))
    assert len(program.nodes) == 84
    assert Recurrent(Equation(step), M, N)(torch.zeros(1, B, M))[0].shape == (1, B, N)


def test_a_state_that_is_never_read_and_a_cell_without_input_run() -> None:
    forgetful = Recurrent(Equation(lambda x, h: torch.tanh(x.a)), M, N).double()
    x = draw(T, B, M)
    weights = forgetful.weights()[0][0]
    expected = (x @ weights["weight_ih"].T + weights["bias"]).tanh()
    assert_equal(forgetful(x)[0], expected, "output")
    blind = Recurrent(Equation(lambda W, h: torch.tanh(W.a(h))), M, N).double()
    h = draw(1, B, N)
    assert_equal(blind(x, h)[0][0], (h[0] @ blind.weights()[0][0]["weight_hh"].T).tanh(), "output")


def test_a_named_value_is_in_the_trace_and_the_formula() -> None:
    def step(x, W, h):
        v = named("speed", x.a * W.a(h))
        return v + h

    layer = Recurrent(Equation(step), M, N, bias=False).double()
    assert as_text(layer.program) == ["speed = W_xa xₜ ⊙ W_ha hₜ₋₁", "hₜ = speed + hₜ₋₁"]
    outputs, _, kept = layer(draw(1, B, M), trace=True)
    assert_equal(kept["speed"][0], outputs, "bits")


def test_a_step_of_ones_own_is_an_equation_first() -> None:
    def mine(x, W, h):
        return x.hidden + W.hidden(h)

    cell: Any = mine
    with pytest.raises(CellError, match=r"wrapped first: Equation\(mine\)"):
        equation(cell)
    assert equation(Equation(mine)).step is mine
