"""The door to the kernels: which one runs, rows that end, rows that are turned round."""

from __future__ import annotations

import pytest
import torch
from tests.cases import B, M, N, T, draw
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.equations import equation
from headgate.errors import ShapeError
from headgate.kernels import Run, scan, using
from headgate.kernels.ragged import flip, run
from headgate.program import Program, parameters, shape_of, trace


def _weights(program: Program) -> dict[str, Tensor]:
    sizes = {"input_size": M, "hidden_size": N}
    return {n: draw(*shape_of(program, p, **sizes)) for n, p in parameters(program).items()}


def test_flip_turns_each_row_within_its_own_steps() -> None:
    x = torch.tensor([[1.0, 4.0], [2.0, 5.0], [3.0, float("nan")]])[..., None]
    expected = torch.tensor([[3.0, 5.0], [2.0, 4.0], [1.0, float("nan")]])[..., None]
    lengths = torch.tensor([3, 2])
    assert_equal(flip(x, lengths), expected, "bits")
    assert_equal(flip(flip(x, lengths), lengths), x, "bits")
    assert_equal(flip(x, None), flip(x, torch.tensor([3, 3])), "bits")


def test_a_kernel_sees_no_row_that_is_over() -> None:
    seen: list[tuple[int, ...]] = []

    def dense(piece: Tensor, states: tuple[Tensor, ...]) -> Run:
        seen.append(tuple(piece.shape[:2]))
        sums = piece.cumsum(0) + states[0]
        return Run(sums, (sums[-1],))

    x = torch.ones(6, 4, 1)
    found = run(dense, x, (torch.zeros(4, 1),), torch.tensor([2, 5, 0, 2]))
    assert seen == [(2, 3), (3, 1)]  # eleven places for nine steps: none is padding
    assert found.states[0][:, 0].tolist() == [2.0, 5.0, 0.0, 2.0]
    assert found.outputs[:, 1, 0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 0.0]


def test_the_state_after_a_reversed_run_is_that_of_the_first_step() -> None:
    program = trace(equation("gru"))
    weights, x = _weights(program), draw(T, B, M)
    found = scan(program, x, weights, (torch.zeros_like(draw(B, N)),), reverse=True)
    assert_equal(found.states[0], found.outputs[0], "bits")


def test_the_kernel_follows_the_program_and_the_wish() -> None:
    program = trace(equation("lstm"))
    weights, x, states = _weights(program), draw(T, B, M), (draw(B, N), draw(B, N))
    runs = {}
    for kernel in ("aten", "eager", "native", "reference"):
        with using(kernel):
            runs[kernel] = scan(program, x, weights, states)
    assert runs["aten"].outputs.grad_fn is None
    assert_equal(runs["eager"].outputs, runs["aten"].outputs, "output")
    assert_equal(runs["reference"].outputs, runs["aten"].outputs, "output")
    assert_equal(scan(program, x, weights, states).outputs, runs["native"].outputs, "bits")


def test_a_sequence_has_a_step() -> None:
    program = trace(equation("rnn"))
    with pytest.raises(ShapeError, match=r"at least one step, but the input is \(0, 2, 2\)"):
        scan(program, draw(0, B, M), _weights(program), (draw(B, N),))
