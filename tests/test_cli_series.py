from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.series import write_waves

from headgate.cli import main

SMALL = ["--epochs", "2", "--set", "hidden_size=4"]
LONG = ["--series", "name", "--time", "step", "--input", "x,잡음", "--target", "speed"]


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


def rows_of(file: Path) -> list[dict[str, str]]:
    with open(file, encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_long_table_is_learned_judged_and_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, model, out = write_waves(tmp_path), tmp_path / "model", tmp_path / "out.csv"
    assert run("train", file, *LONG, *SMALL, "--out", model) == 0
    assert "40 series, told apart by 'name'" in capsys.readouterr().out
    assert run("evaluate", model, file) == 0
    assert "40 rows of" in capsys.readouterr().out
    assert run("predict", model, file, "--out", out) == 0
    found = rows_of(out)
    assert len(found) == 40
    assert list(found[0])[:3] == ["name", "speed", "size"] or "name" in found[0]
    assert {row["prediction"] for row in found} <= {"slow", "fast"}


def test_a_wide_table_is_learned_and_answered(tmp_path: Path) -> None:
    lines = ["kind,t1,t2,t3,t4"]
    lines += [f"{'ud'[n % 2]},{n},{n + (-1) ** n},{'' if n % 5 == 0 else n},{n}" for n in range(30)]
    file, model, out = tmp_path / "wide.csv", tmp_path / "model", tmp_path / "out.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run("train", file, "--input", "t1:t4", "--target", "kind", *SMALL, "--out", model) == 0
    assert run("predict", model, file, "--out", out) == 0
    assert len(rows_of(out)) == 30


def test_arrays_are_learned_and_answered(tmp_path: Path) -> None:
    file, model, out = tmp_path / "a.npz", tmp_path / "model", tmp_path / "out.csv"
    x = np.random.default_rng(1).normal(size=(30, 6, 2)).astype("float32")
    np.savez(file, x=x, y=(x.sum((1, 2)) > 0).astype(int))
    assert run("train", file, *SMALL, "--out", model) == 0
    assert run("predict", model, file, "--out", out) == 0
    assert next(iter(rows_of(out)[0])) == "y"


def test_what_goes_on_by_itself_is_forecast(tmp_path: Path) -> None:
    lines = ["month,sold"]
    lines += [f"{1990 + n // 12}-{n % 12 + 1:02d},{100 + n + 10 * (n % 12)}" for n in range(96)]
    file, model, out = tmp_path / "sales.csv", tmp_path / "model", tmp_path / "out.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run("train", file, "--time", "month", "--target", "sold", *SMALL, "--out", model) == 0
    assert run("predict", model, file, "--out", out) == 0
    assert rows_of(out)[0]["step"] == "1998-01"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "x", "--target", "speed", "--series", "nobody"], "no column 'nobody'"),
        (["--input", "x,y", "--target", "speed", "--series", "name"], "'y'"),
        (["--input", "x,speed", "--target", "speed", "--series", "name"], "one column, 'speed'"),
        (
            ["--input", "x", "--target", "잡음", "--series", "name"],
            "one value for the whole series",
        ),
        (["--target", "speed", "--series", "name"], "is of which input"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert run("train", write_waves(tmp_path), *words, "--out", tmp_path / "model") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
