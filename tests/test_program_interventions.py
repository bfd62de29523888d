"""Values held from outside: by hand from the equations, and as laws over every cell."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.cases import Case, draw, draw_states, every_cell
from tests.tolerances import assert_equal
from torch import Tensor, sigmoid, tanh

from headgate import Recurrent, cell
from headgate.errors import UnknownNameError
from headgate.kernels import Run, cpu, native, scan, using
from headgate.program import Program, as_latex, as_text
from headgate.program.interventions import given_names, interventions
from headgate.program.portable import from_text, to_text
from headgate.program.sizes import widths

STEPS, ROWS = 6, 2
Given = dict[str, Tensor]


def _names(program: Program) -> list[str]:
    return list(dict.fromkeys((*program.names, *program.states)))


def _ready(layer: Recurrent) -> tuple[Tensor, Given, tuple[Tensor, ...]]:
    torch.manual_seed(4)
    return draw(STEPS, ROWS, layer.input_size), dict(layer.weights()[0][0]), _first(layer)


def _first(layer: Recurrent) -> tuple[Tensor, ...]:
    return tuple(state[0] for state in draw_states(layer, ROWS))


def _held(name: str, keep: Tensor, put: Tensor) -> Given:
    return dict(zip(given_names(name), (keep, put), strict=True))


def _free(name: str, like: Tensor) -> Given:
    return _held(name, torch.ones_like(like), torch.zeros_like(like))


def _traced(run: Run) -> dict[str, Tensor]:
    assert run.trace is not None
    return run.trace


@every_cell
def test_a_value_held_at_what_it_was_changes_nothing(case: Case) -> None:
    layer = case.layer()
    x, weights, states = _ready(layer)
    plain = scan(layer.program, x, weights, states, trace=True)
    for name in _names(layer.program):
        was = _traced(plain)[name].detach()
        given = _held(name, torch.zeros_like(was), was)
        program = interventions(layer.program, [name])
        run = scan(program, x, weights, states, trace=True, given=given)
        assert_equal(run.outputs, plain.outputs, "output")
        assert_equal(_traced(run), _traced(plain), "output")


@every_cell
def test_the_kernels_agree_when_everything_is_held_here_and_there(case: Case) -> None:
    layer = case.layer()
    names = _names(layer.program)
    program = interventions(layer.program, names)
    x, weights, states = _ready(layer)
    given: Given = {}
    for name, was in _traced(scan(layer.program, x, weights, states, trace=True)).items():
        keep = (torch.rand(was.shape) < 0.7).to(was)
        assert not keep.all()
        given |= _held(name, keep, (1 - keep) * torch.randn_like(was))
    leaves = [x.requires_grad_(), *(s.requires_grad_() for s in states), *weights.values()]
    found = []
    for kernel in ("native", "reference"):
        with using(kernel):
            run = scan(program, x, weights, states, trace=True, given=given)
        loss = run.outputs.sin().sum() + sum(state.cos().sum() for state in run.states)
        grads = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
        found.append([run.outputs, *run.states, *_traced(run).values(), *grads])
    assert cpu.runs(program)
    assert cpu.serves(program, x) == native.available
    assert_equal(found[0], found[1], "gradient")


@every_cell
def test_what_is_held_is_what_was_put(case: Case) -> None:
    layer = case.layer()
    x, weights, states = _ready(layer)
    for name, was in _traced(scan(layer.program, x, weights, states, trace=True)).items():
        keep, put = (torch.rand(was.shape) < 0.5).to(was), torch.randn_like(was)
        program = interventions(layer.program, [name])
        given = _held(name, keep, (1 - keep) * put)
        shown = _traced(scan(program, x, weights, states, trace=True, given=given))[name]
        assert_equal(shown[keep == 0].detach(), put[keep == 0].detach(), "bits")
        assert (shown[keep == 1] != 0).any()


@pytest.mark.parametrize("reverse", [False, True])
def test_an_lstm_by_hand(reverse: bool) -> None:
    layer = Case("lstm").layer()
    x, weights, (h, c) = _ready(layer)
    program = interventions(layer.program, ["forget", "c"])
    forget_keep, forget_put = torch.zeros(STEPS, ROWS, 3).double(), torch.ones(STEPS, ROWS, 3)
    c_keep, c_put = torch.ones(STEPS, ROWS, 3).double(), torch.zeros(STEPS, ROWS, 3).double()
    c_keep[2, :, 1], c_put[2, :, 1] = 0.0, -0.5
    given = _held("forget", forget_keep, forget_put.double()) | _held("c", c_keep, c_put)
    run = scan(program, x, weights, (h, c), reverse=reverse, trace=True, given=given)
    outputs = torch.zeros(STEPS, ROWS, 3).double()
    for t in reversed(range(STEPS)) if reverse else range(STEPS):
        sums = x[t] @ weights["weight_ih"].T + h @ weights["weight_hh"].T + weights["bias"]
        parts = dict(zip(layer.program.blocks("input"), sums.chunk(4, 1), strict=True))
        c = c + sigmoid(parts["input"]) * tanh(parts["candidate"])  # the forget gate is 1
        if t == 2:
            c = torch.stack([c[:, 0], torch.full((ROWS,), -0.5).double(), c[:, 2]], 1)
        h = sigmoid(parts["output"]) * tanh(c)
        outputs[t] = h
        assert_equal(_traced(run)["c"][t].detach(), c.detach(), "output")
    assert_equal(run.outputs.detach(), outputs.detach(), "output")
    assert_equal(run.states[1].detach(), c.detach(), "output")


def test_a_gru_by_hand() -> None:
    layer = Case("gru").layer()
    x, weights, (h,) = _ready(layer)
    program = interventions(layer.program, ["update", "reset", "h"])
    ones = torch.ones(STEPS, ROWS, 3).double()
    update_keep = ones.clone()
    update_keep[..., 0] = 0.0
    given = _held("update", update_keep, 0.25 * (1 - update_keep))
    given |= _held("reset", 0.5 * ones, 0.1 * ones) | _free("h", ones)
    run = scan(program, x, weights, (h,), given=given)
    blocks = layer.program.blocks("input")
    recurrent = dict(zip(blocks, weights["weight_hh"].chunk(3), strict=True))
    for t in range(STEPS):
        sums = (x[t] @ weights["weight_ih"].T + weights["bias"]).chunk(3, 1)
        parts = dict(zip(blocks, sums, strict=True))
        r = 0.1 + 0.5 * sigmoid(parts["reset"] + h @ recurrent["reset"].T)
        u = sigmoid(parts["update"] + h @ recurrent["update"].T)
        u = torch.cat([torch.full((ROWS, 1), 0.25).double(), u[:, 1:]], 1)
        inner = h @ recurrent["candidate"].T + weights["bias_candidate"]
        n = tanh(parts["candidate"] + r * inner)
        h = u * h + (1 - u) * n
        assert_equal(run.outputs[t].detach(), h.detach(), "output")


def test_a_silent_unit_is_a_unit_whose_outgoing_weights_are_zero() -> None:
    """Of a vanilla network, where a unit is read through the recurrent matrix alone."""
    layer = Case("rnn").layer()
    x, weights, (h,) = _ready(layer)
    h = h * torch.tensor([1.0, 0.0, 1.0]).double()
    keep = torch.ones(STEPS, ROWS, 3).double()
    keep[..., 1] = 0.0
    program = interventions(layer.program, ["h"])
    run = scan(program, x, weights, (h,), given=_held("h", keep, torch.zeros_like(keep)))
    cut = weights["weight_hh"].detach().clone()
    cut[:, 1] = 0.0
    plain = scan(layer.program, x, weights | {"weight_hh": cut}, (h,))
    assert_equal(run.outputs[..., [0, 2]].detach(), plain.outputs[..., [0, 2]].detach(), "output")
    assert run.outputs[..., 1].eq(0).all()
    assert plain.outputs[..., 1].ne(0).all()


def test_a_state_put_in_the_middle_is_a_run_from_that_state() -> None:
    layer = Case("lstm").layer()
    x, weights, states = _ready(layer)
    program = interventions(layer.program, ["h", "c"])
    given: Given = {}
    for name, value in zip(("h", "c"), _first(layer), strict=True):
        keep, put = torch.ones(STEPS, ROWS, 3).double(), torch.zeros(STEPS, ROWS, 3).double()
        keep[2], put[2] = 0.0, value
        given |= _held(name, keep, put)
    run = scan(program, x, weights, states, given=given)
    middle = tuple(given[given_names(name)[1]][2] for name in ("h", "c"))
    rest = scan(layer.program, x[3:], weights, middle)
    assert_equal(run.outputs[3:].detach(), rest.outputs.detach(), "output")
    assert_equal([s.detach() for s in run.states], [s.detach() for s in rest.states], "output")


def test_what_is_hidden_may_be_nan() -> None:
    layer = Case("lstm").layer()
    x, weights, states = _ready(layer)
    x[3] = float("nan")
    zeros = torch.zeros(STEPS, ROWS, 3).double()
    program = interventions(layer.program, ["h", "c"])
    given = _held("h", zeros, zeros + 0.5) | _held("c", zeros, zeros - 0.5)
    for kernel in ("native", "reference"):
        with using(kernel):
            run = scan(program, x, weights, states, given=given)
        assert_equal(run.outputs.detach(), zeros + 0.5, "bits")


def _delayed(x: Any, W: Any, h: Any, old: Any) -> Any:
    f = sigmoid(x.forget + W.forget(old))
    return f * h + (1 - f) * tanh(x.candidate), h


def test_a_state_that_is_carried_on_is_held_where_it_goes_not_where_it_is_read() -> None:
    """The second state is the first one's old value: who holds it holds no other."""
    layer = Recurrent(cell(name="delayed_here")(_delayed), 2, 3).double()
    x, weights, (h, old) = _ready(layer)
    zeros = torch.zeros(STEPS, ROWS, 3).double()
    program = interventions(layer.program, ["old"])
    run = scan(program, x, weights, (h, old), trace=True, given=_held("old", zeros, zeros + 2))
    for t in range(STEPS):
        sums = x[t] @ weights["weight_ih"].T + weights["bias"]
        parts = dict(zip(layer.program.blocks("input"), sums.chunk(2, 1), strict=True))
        f = sigmoid(parts["forget"] + old @ weights["weight_hh"].T)
        h, old = f * h + (1 - f) * tanh(parts["candidate"]), zeros[0] + 2
        assert_equal(run.outputs[t].detach(), h.detach(), "output")
    assert_equal(_traced(run)["old"], zeros + 2, "bits")
    assert_equal(run.states[1], zeros[0] + 2, "bits")


def test_the_function_that_a_user_wrote_is_not_stepped_through() -> None:
    layer = Case("rnn").layer()
    x, weights, states = _ready(layer)
    zeros = torch.zeros(STEPS, ROWS, 3).double()
    program = interventions(layer.program, ["h"])
    with using("eager"):
        run = scan(program, x, weights, states, given=_held("h", zeros, zeros + 1))
    assert_equal(run.outputs, zeros + 1, "bits")


@every_cell
def test_the_program_is_a_whole_one(case: Case) -> None:
    layer = case.layer()
    program = interventions(layer.program, _names(layer.program))
    assert _names(program) == _names(layer.program)
    assert all("ζ_keep" in line for line in as_text(program))
    assert as_latex(program).startswith(r"\begin{aligned}")
    again = from_text(to_text(program))
    assert to_text(again) == to_text(program)
    before, after = widths(layer.program), widths(program)
    for name, node in layer.program.names.items():
        assert after[program.names[name]] == before[node]


def test_without_a_name_nothing_is_held_and_an_unknown_one_is_refused() -> None:
    program = Case("gru").program()
    assert as_text(interventions(program, [])) == as_text(program)
    wanted = "unknown gate or state 'forget'; known: candidate, h, reset, update"
    with pytest.raises(UnknownNameError, match=wanted):
        interventions(program, ["h", "forget"])
