from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.tiny import (
    classifier,
    command,
    generator,
    reviews,
    write_csv,
    write_reviews,
    write_verses,
)

from headgate.model import load

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    classifier().save(tmp_path / "model")
    return tmp_path / "model"


def test_of_a_healthy_model_nothing_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("doctor", GOLDEN / "tag") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(
        "nothing found; looked at: the weights, spectral radius 1 to 1.36; 9 val"
    )
    assert line.endswith("no rows (name a file to see gates, states and gradients)")


def test_rows_are_looked_at(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("doctor", model, write_reviews(tmp_path)) == 0
    assert "gates, states and gradients of 8 rows" in capsys.readouterr().out


@pytest.mark.parametrize("task", ["generate", "tag", "chat", "translate"])
def test_other_tasks_have_rows_too(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if task == "generate":
        generator().save(tmp_path / "m")
        assert command("doctor", tmp_path / "m", write_verses(tmp_path)) == 0
        assert "gradients of 1 row\n" in capsys.readouterr().out
        return
    made = load(GOLDEN / task)
    source = made.config["data"]
    names = [source["input"], source["target"]]
    data = write_csv(tmp_path / "rows.csv", [("one two", "O O")] * 3, names)
    assert command("doctor", GOLDEN / task, data) == 0
    count = 3 + names[0].isdigit()  # columns by number have no header
    assert f"gradients of {count} rows" in capsys.readouterr().out


def sick(tmp_path: Path) -> Path:
    """A classifier whose units stand still, and one weight of which is NaN."""
    classifier().save(tmp_path / "healthy")
    made = load(tmp_path / "healthy")
    with torch.no_grad():
        for name, value in made.task.network.recurrent.named_parameters():
            value.fill_(60.0 if name.startswith("bias") else 0.0)
    made.save(tmp_path / "sick")
    return tmp_path / "sick"


def test_each_finding_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(" ".join([text] * 6), label) for text, label in reviews()]
    data, report = write_csv(tmp_path / "d.csv", rows, ["review", "label"]), tmp_path / "r.json"
    assert command("doctor", sick(tmp_path), data, "--json", report) == 0
    lines = capsys.readouterr().out.splitlines()
    kinds = {line.split(":")[0] for line in lines}
    assert kinds >= {"idle", "saturated", "looked at"}
    assert "8 units have only weights of zero" in next(x for x in lines if x.startswith("idle"))
    found = json.loads(report.read_text(encoding="utf-8"))["findings"]
    assert [f"{each['kind']}: {each['sentence']}" for each in found] == lines[: len(found)]
    assert len(lines) == len(found) + 1
    assert command("doctor", tmp_path / "sick", "--json", report) == 2
    assert "was not touched" in capsys.readouterr().err


def test_what_was_found_in_training_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = load(GOLDEN / "tag")
    made.metrics["training"]["doctor"] = ["layer 1: all was dead"]
    made.save(tmp_path / "m")
    assert command("doctor", tmp_path / "m") == 0
    assert "in training: layer 1: all was dead" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_is_said(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "none" / "r.json"
    assert command("doctor", model, "--json", report) == 2
    assert f"{report} cannot be written: there is no folder" in capsys.readouterr().err


def test_rows_need_no_target_and_may_have_an_encoding(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "only.csv"
    data.write_bytes("review\n따뜻한 영화\n지루한 영화\n".encode("cp949"))
    assert command("doctor", model, data) == 2
    assert "--encoding" in capsys.readouterr().err
    assert command("doctor", model, data, "--encoding", "cp949") == 0
    assert "gradients of 2 rows" in capsys.readouterr().out


def test_weights_that_are_not_finite_are_found_and_the_report_is_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier().save(tmp_path / "healthy")
    made = load(tmp_path / "healthy")
    with torch.no_grad():
        made.task.network.recurrent.weight_hh_l0.fill_(float("nan"))
    made.save(tmp_path / "sick")
    data, report = write_reviews(tmp_path), tmp_path / "r.json"
    assert command("doctor", tmp_path / "sick", data, "--json", report) == 0
    assert "not finite: recurrent.weight_hh_l0" in capsys.readouterr().out

    def refused(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    json.loads(report.read_text(encoding="utf-8"), parse_constant=refused)


def test_a_row_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_csv(tmp_path / "d.csv", [("a warm",), ("a #",)], ["text"])
    assert command("doctor", GOLDEN / "generate", data) == 2
    assert "d.csv: input 2: the prompt has what the training text has not: '#'" in (
        capsys.readouterr().err
    )
