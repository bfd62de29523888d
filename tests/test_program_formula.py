"""A program as a formula: the docstring's equations are the code's."""

from __future__ import annotations

import inspect

import pytest
import torch
from tests.cases import Case, every_case

from headgate.equations import CELLS, Equation, equation
from headgate.program import as_latex, as_text, trace


@pytest.mark.parametrize("cell", CELLS)
def test_the_docstrings_equations_are_the_programs(cell: str) -> None:
    lines = inspect.cleandoc(CELLS[cell].__doc__ or "").splitlines()
    lines = lines[: lines.index("Args:" if "Args:" in lines else "Returns:")]
    written = [line.strip() for line in lines if line.startswith("    ")]
    assert written == as_text(trace(equation(cell)))


@every_case
def test_every_case_has_a_formula_in_text_and_latex(case: Case) -> None:
    program = case.program()
    lines = as_text(program)
    left = {line.split(" = ")[0] for line in lines}
    assert len(left) == len(lines)
    assert sum(symbol.endswith("ₜ") for symbol in left) == len(program.states)
    assert any(" + b" in line for line in lines) == case.bias
    latex = as_latex(program)
    depth = 0
    for letter in latex:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert latex.count(r"\left(") == latex.count(r"\right)")
    assert latex.count("&=") == len(lines)


def test_the_latex_of_an_elman_cell() -> None:
    assert as_latex(trace(equation("rnn"))) == (
        "\\begin{aligned}\n"
        "h_t &= \\tanh\\left(W_{xh} x_t + W_{hh} h_{t-1} + b_{h}\\right)\n"
        "\\end{aligned}"
    )


def test_the_formulas_of_the_variants() -> None:
    before = as_text(trace(equation("gru", reset="before", update="write")))
    assert before[2:] == [
        "g = tanh(W_xg xₜ + W_hg (r ⊙ hₜ₋₁) + b_g)",
        "hₜ = (1 - u) ⊙ hₜ₋₁ + u ⊙ g",
    ]
    lstm = as_text(trace(equation("lstm", peephole=True, coupled=True, projection=2), bias=False))
    assert lstm == [
        "f = σ(W_xf xₜ + W_hf hₜ₋₁ + p_f ⊙ cₜ₋₁)",
        "i = 1 - f",
        "g = tanh(W_xg xₜ + W_hg hₜ₋₁)",
        "cₜ = f ⊙ cₜ₋₁ + i ⊙ g",
        "o = σ(W_xo xₜ + W_ho hₜ₋₁ + p_o ⊙ cₜ)",
        "hₜ = W_r (o ⊙ tanh(cₜ))",
    ]


def test_brackets_stand_where_they_must() -> None:
    def step(x, W, h):
        a = h - (x.a - W.a(h))
        return (a + 1) * 2 / (h * 3) - (-h) ** 2 + abs(h) + torch.maximum(h, a)

    (line,) = as_text(trace(Equation(step), bias=False))
    a = "hₜ₋₁ - (W_xa xₜ - W_ha hₜ₋₁)"
    assert line == f"hₜ = ({a} + 1) ⊙ 2 / (hₜ₋₁ ⊙ 3) - (-hₜ₋₁)^2 + |hₜ₋₁| + max(hₜ₋₁, {a})"
