from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.tiny import command, write_reviews

from headgate.equations import CELLS, equation
from headgate.model import load
from headgate.program import as_latex, as_text, trace

MINE = """
import headgate as hg
from torch import tanh

from beside import scale


@hg.cell
def mine(x, W, h):
    return tanh(scale * x.a + W.a(h))


@hg.cell(source="A paper 2020", name="other")
def second(x, W, h):
    return x.a + W.a(h)


@hg.cell
def optional(*, factor=1.0):
    \"\"\"With an option.

    Args:
        factor: of the input.
    \"\"\"

    def step(x, W, h):
        return tanh(factor * x.a + W.a(h))

    return hg.Equation(step)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's own file in the current folder, and one that it imports."""
    monkeypatch.chdir(tmp_path)
    Path("beside.py").write_text("scale = 3\n")
    Path("mine.py").write_text(MINE)
    return "mine.py"


def test_every_cell_is_shown_with_formula_source_weights_and_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("cells") == 0
    page = capsys.readouterr().out
    for name, cell in CELLS.items():
        built = equation(name)
        assert f"{name}  {built.source}" in page
        words = " ".join(page.split())  # a long line is folded
        assert all(line in words for line in as_text(trace(built)))
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
        (["grru"], "unknown cell 'grru'; did you mean 'gru'? known: fslstm, gru, indrnn"),
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


def test_the_cells_of_a_file_are_shown(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("cells", mine) == 0
    page = capsys.readouterr().out
    heads = [line for line in page.splitlines() if line and line[0] not in " N"]
    assert heads == ["mine  mine.py:8", "other  A paper 2020", "optional  mine.py:26"]
    assert "hₜ = tanh(3 ⊙ (W_xa xₜ + b_a) + W_ha hₜ₋₁)" in page
    assert "factor = 1.0          of the input." in page
    assert command("cells", f"{mine}:optional", "--set", "factor=5") == 0
    page = capsys.readouterr().out
    assert "hₜ = tanh(5 ⊙ (" in page
    assert "other" not in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mine.py:min"], "unknown cell of mine.py 'min'; did you mean 'mine'? known: mine, opt"),
        (["mine.py", "--set", "a=1"], "mine.py defines 3 cells; name one: mine.py:mine, mine.py:"),
        (["mine.py:mine", "--set", "a=1"], "unknown option of the cell 'mine' 'a'"),
        (["nowhere.py"], "nowhere.py: there is no such file to take a cell from"),
    ],
)
@pytest.mark.usefixtures("mine")
def test_what_a_file_does_not_have_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("cells", *words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\n", "wrong.py defines no cell: put @hg.cell"),
        ("x = 1\ndef f(:\n", "wrong.py:2: invalid syntax"),
        ("x = 1\ny = 1 / 0\n", "wrong.py:2: the file fails with ZeroDivisionError: division"),
        ("\nimport nothing_here\n", "wrong.py:2: the file fails with ModuleNotFoundError: No mod"),
        ("import sys\nsys.exit(3)\n", "wrong.py:2: the file ends the process while it is read"),
        (
            "import headgate as hg\n@hg.cell\ndef a(x, W, h):\n    return h if h > 0 else x.a\n",
            "wrong.py:4: a branch depends on a value of the step",
        ),
        (
            "import headgate as hg\n@hg.cell\ndef gru(x, W, h):\n    return x.a + h\n",
            "'gru' is a cell of headgate's own",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(
    code: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "wrong.py"
    place.write_text(code)
    assert command("cells", place) == 2
    error = capsys.readouterr().err
    assert error.startswith("headgate: ")
    assert said in error
    assert "Traceback" not in error


def test_a_file_that_fails_leaves_nothing_behind(mine: str, tmp_path: Path) -> None:
    path, before = list(sys.path), dict(CELLS)
    (tmp_path / "wrong.py").write_text("import headgate\n1 / 0\n")
    assert command("cells", "wrong.py") == 2
    assert (sys.path, CELLS) == (path, before)


def test_a_model_is_trained_with_the_cell_of_a_file(mine: str, tmp_path: Path) -> None:
    data, out = write_reviews(tmp_path), tmp_path / "m"
    words = ["--input", "review", "--target", "label", "--epochs", 1, "--set", "hidden_size=8"]
    words += ["--set", "unit=word", "--set", "options.factor=4", "--out", out]
    assert command("train", data, *words, "--cell", f"{mine}:optional") == 0
    del CELLS["optional"]
    model = load(out)
    assert model.task.settings.cell == "optional"
    assert "tanh(4 ⊙" in as_text(model.task.network.recurrent.program)[0]
    assert command("train", data, *words, "--cell", mine) == 2
