"""The laws that every cell keeps, over every case of the table."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import (
    B,
    Case,
    M,
    T,
    as_tuple,
    draw,
    draw_states,
    every_case,
    every_cell,
    every_dtype,
)
from tests.tolerances import assert_equal
from torch import Tensor
from torch.func import functional_call

from headgate.kernels import using
from headgate.kernels.aten import serves
from headgate.layers import Recurrent, programs

DEEP: dict[str, Any] = {"num_layers": 2, "bidirectional": True}
NAN, INF = float("nan"), float("inf")


def _run(layer: Recurrent, x: Tensor, *states: Tensor, **options: Any) -> list[Tensor]:
    """The outputs and the last states, in one list."""
    outputs, last = layer(x, states or None, **options)
    return [outputs, *as_tuple(last)]


def _gradients(layer: Recurrent, x: Tensor, *states: Tensor, **options: Any) -> list[Tensor]:
    """The gradients of the input, the states and every parameter."""
    return _both(layer, x, *states, **options)[1]


def _both(
    layer: Recurrent, x: Tensor, *states: Tensor, **options: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """The results and the gradients of one run."""
    leaves = [leaf.clone().requires_grad_() for leaf in (x, *states)]
    torch.manual_seed(1)
    results = _run(layer, *leaves, **options)
    loss = sum(((r * torch.randn_like(r)).sum() for r in results), torch.zeros((), dtype=x.dtype))
    sources = [*leaves, *layer.parameters()]
    found = torch.autograd.grad(loss, sources, allow_unused=True, materialize_grads=True)
    return [result.detach() for result in results], list(found)


@every_case
def test_the_gradient_is_that_of_finite_differences(case: Case) -> None:
    layer = case.layer()
    names = [name for name, _ in layer.named_parameters()]
    states = draw_states(layer, B)

    def run(x: Tensor, *rest: Tensor) -> list[Tensor]:
        with using("reference"):
            given, weights = rest[: len(states)], rest[len(states) :]
            outputs, last = functional_call(
                layer, dict(zip(names, weights, strict=True)), (x, given)
            )
        return [outputs, *as_tuple(last)]

    leaves = [draw(T, B, M), *states, *layer.parameters()]
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
@every_dtype
@every_case
def test_all_kernels_agree(case: Case, dtype: torch.dtype) -> None:
    layer = case.layer(dtype=dtype)
    x, states = draw(T, B, M, dtype=dtype), draw_states(layer, B)
    with using("reference"):
        results, gradients = _both(layer, x, *states)
    for kernel in ["eager"] + ["aten"] * serves(layer.program):
        with using(kernel):
            assert_equal(_run(layer, x, *states), results, "output")
            assert_equal(_gradients(layer, x, *states), gradients, "gradient")


@every_case
def test_ragged_is_each_row_alone(case: Case) -> None:
    layer = case.layer(**DEEP)
    lengths, steps = [2, 0, 4, 1, 4], 5
    x, states = draw(steps, len(lengths), M), draw_states(layer, len(lengths))
    for row, length in enumerate(lengths):
        x[length:, row] = NAN  # padding is never read
    outputs, *last = _run(layer, x, *states, lengths=lengths)
    for row, length in enumerate(lengths):
        own = [state[:, row : row + 1] for state in states]
        if length:
            alone, *ends = _run(layer, x[:length, row : row + 1], *own)
            assert_equal(outputs[:length, row : row + 1], alone, "output")
        else:
            ends = own
        assert not outputs[length:, row].any()
        assert_equal([state[:, row : row + 1] for state in last], ends, "output")


@every_case
def test_padding_changes_no_result_and_no_gradient(case: Case) -> None:
    layer, lengths = case.layer(**DEEP), torch.tensor([1, 3])
    x = draw(T, B, M)
    results, gradients = _run(layer, x, lengths=lengths), _gradients(layer, x, lengths=lengths)
    x[1:, 0] = NAN
    assert_equal(_run(layer, x, lengths=lengths), results, "bits")
    assert_equal(_gradients(layer, x, lengths=lengths), gradients, "bits")
    assert not gradients[0][1:, 0].any()
    assert all(gradient.isfinite().all() for gradient in gradients)


@every_case
def test_the_trace_of_ragged_rows_is_that_of_each_row_alone(case: Case) -> None:
    layer, lengths = case.layer(**DEEP), [1, 3, 0]
    x = draw(T, len(lengths), M)
    _, _, trace = layer(x, lengths=lengths, trace=True)
    for row, length in enumerate(lengths):
        assert not any(value[:, length:, row].any() for value in trace.values())
        if length:
            _, _, alone = layer(x[:length, row : row + 1], trace=True)
            rows = {name: value[:, :length, row : row + 1] for name, value in trace.items()}
            assert_equal(rows, alone, "output")


@every_case
def test_a_row_does_not_depend_on_its_batch_mates(case: Case) -> None:
    layer = case.layer(**DEEP)
    x = draw(T, B, M)
    before = _run(layer, x)
    x[:, 1] = NAN
    after = _run(layer, x)
    assert_equal([r[:, :1] for r in after], [r[:, :1] for r in before], "output")
    assert after[0][:, 1].isnan().all()


@every_case
def test_reverse_twice_is_the_identity_and_once_is_not(case: Case) -> None:
    both = case.layer(bidirectional=True)
    x, lengths = draw(4, B, M), [4, 2]
    weights = dict(both.named_parameters())
    once = case.layer()
    once.load_state_dict({name: weights[f"{name}_reverse"] for name in once.state_dict()})
    size = once.output_size
    outputs = both(x, lengths=lengths)[0][..., size:]

    def turn(value: Tensor) -> Tensor:
        value = value.clone()
        for row, length in enumerate(lengths):
            value[:length, row] = value[:length, row].flip(0)
        return value

    assert_equal(turn(once(turn(x), lengths=lengths)[0]), outputs, "output")
    assert (once(x, lengths=lengths)[0] - outputs).abs().max() > 1e-3


@every_case
def test_the_whole_is_its_parts_one_after_the_other(case: Case) -> None:
    layer = case.layer(num_layers=2)
    x, states = draw(5, B, M), draw_states(layer, B)
    whole = _run(layer, x, *states)
    for sizes in ([2, 3], [1] * 5):
        now, outputs = list(states), []
        for part in x.split(sizes):
            piece, *now = _run(layer, part, *now)
            outputs.append(piece)
        assert_equal([torch.cat(outputs), *now], whole, "output")


@every_cell
@every_dtype
def test_one_thread_is_as_many(case: Case, dtype: torch.dtype) -> None:
    layer = case.layer(dtype=dtype, hidden_size=64, input_size=48)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(0.1)
    x = draw(6, 32, 48, dtype=dtype)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = _run(layer, x)
        torch.set_num_threads(3)
        assert_equal(_run(layer, x), alone, "output")
    finally:
        torch.set_num_threads(threads)


@every_case
def test_a_second_backward_is_the_first(case: Case) -> None:
    layer = case.layer(**DEEP)
    loss = layer(draw(T, B, M), lengths=[3, 2])[0].square().sum()
    loss.backward(retain_graph=True)
    parameters = list(layer.parameters())
    first = [parameter.grad for parameter in parameters]
    layer.zero_grad(set_to_none=True)
    loss.backward()
    assert_equal([parameter.grad for parameter in parameters], first, "bits")


@every_case
def test_the_trace_shows_the_states_that_come_out(case: Case) -> None:
    layer, x = case.layer(**DEEP), draw(T, B, M)
    outputs, last, trace = layer(x, trace=True)
    first, *_ = layer.program.states
    assert_equal(torch.cat([trace[first][2], trace[first][3]], -1), outputs, "bits")
    for name, state in zip(layer.program.states, as_tuple(last), strict=True):
        ends = torch.stack([trace[name][d, 0 if d % 2 else -1] for d in range(4)])
        assert_equal(ends, state, "bits")
    assert_equal(layer(x)[0], outputs, "output")


@every_case
def test_nan_and_inf_spread_only_forward(case: Case) -> None:
    layer = case.layer()
    for bad in (NAN, INF, -INF):
        x = draw(4, B, M)
        x[2, 1, 0] = bad
        with using("reference"):
            slow = _run(layer, x)
        assert_equal(_run(layer, x), slow, "output")
        assert slow[0][:2].isfinite().all()
        assert slow[0][:, 0].isfinite().all()
        if bad is NAN:
            assert slow[0][2:, 1].isnan().all()


def _saved(layer: Recurrent, other: Recurrent) -> Recurrent:
    other.load_state_dict(layer.state_dict())
    return other


COPIES: dict[str, Callable[[Recurrent, Case], Recurrent]] = {
    "state_dict": lambda layer, case: _saved(layer, case.layer(**DEEP)),
    "deepcopy": lambda layer, case: copy.deepcopy(layer),
    "pickle": lambda layer, case: pickle.loads(pickle.dumps(layer)),
}


@pytest.mark.parametrize("how", COPIES)
@every_case
def test_a_copy_is_identical_and_apart(
    case: Case, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x = case.layer(**DEEP), draw(T, B, M)
    if how == "pickle":
        monkeypatch.setattr(programs, "_TRACED", {})  # as where another process reads it
    other = COPIES[how](layer, case)
    assert_equal(_run(other, x), _run(layer, x), "bits")
    assert repr(other) == repr(layer)
    assert not {id(p) for p in other.parameters()} & {id(p) for p in layer.parameters()}


@every_case
def test_batch_first_is_the_transposed(case: Case) -> None:
    layer, x = case.layer(**DEEP), draw(T, B, M)
    other = _saved(layer, case.layer(**DEEP, batch_first=True))
    outputs, last, trace = layer(x, lengths=[2, 3], trace=True)
    turned, same, gates = other(x.transpose(0, 1), lengths=[2, 3], trace=True)
    assert_equal(turned.transpose(0, 1), outputs, "bits")
    assert_equal(same, last, "bits")
    assert_equal({name: g.transpose(1, 2) for name, g in gates.items()}, trace, "bits")


@every_case
def test_an_empty_batch_gives_empty_results(case: Case) -> None:
    layer = case.layer(**DEEP)
    outputs, *states = _run(layer, draw(T, 0, M))
    assert outputs.shape == (T, 0, layer.output_size)
    assert [s.shape for s in states] == [(4, 0, size) for size in layer.state_sizes()]
    outputs, *_ = _run(layer, draw(T, 0, M), lengths=[])
    assert outputs.shape == (T, 0, layer.output_size)
