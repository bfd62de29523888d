from __future__ import annotations

import pytest
from tests.tiny import command

from headgate.equations import CELLS, equation
from headgate.program import as_latex, as_text, trace


def test_every_cell_is_shown_with_formula_source_weights_and_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("cells") == 0
    page = capsys.readouterr().out
    for name, cell in CELLS.items():
        built = equation(name)
        assert f"{name}  {built.source}" in page
        assert all(line in page for line in as_text(trace(built)))
        assert all(f"{option} = " in page for option in cell.__kwdefaults__ or {})
    assert max(map(len, page.splitlines())) <= 80


def test_shapes_are_in_hidden_units_and_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("cells", "lstm") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "weight_ih 4N × M input, forget, candidate, output" in lines
    assert "weight_hh 4N × N input, forget, candidate, output" in lines
    assert any(line.startswith("peephole = False the gates also see") for line in lines)
    assert not any(line.startswith("vector_") for line in lines)


def test_a_variant_has_its_own_formula_and_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("cells", "lstm", "--set", "peephole=true", "--set", "projection=32") == 0
    page = capsys.readouterr().out
    assert all(
        line in page for line in as_text(trace(equation("lstm", peephole=True, projection=32)))
    )
    lines = [" ".join(line.split()) for line in page.splitlines()]
    assert "weight_hh 4N × 32 input, forget, candidate, output" in lines
    assert "weight_project 32 × N" in lines
    assert "vector_forget N" in lines


def test_latex(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("cells", "gru", "--latex") == 0
    page = capsys.readouterr().out
    assert all(line in page for line in as_latex(trace(equation("gru"))).splitlines())
    assert "hₜ =" not in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grru"], "unknown cell 'grru'; did you mean 'gru'? known: gru, jordan, lstm, mgu, rnn"),
        (["gru", "--set", "rest=before"], "unknown option of the cell 'gru' 'rest'"),
        (["gru", "--set", "reset=never"], "unknown reset = 'never'; known: after, before"),
        (["--set", "reset=before"], "--set is for one cell: name it"),
    ],
)
def test_what_is_unknown_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("cells", *words) == 2
    assert said in capsys.readouterr().err
