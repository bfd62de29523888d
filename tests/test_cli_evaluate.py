from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.tiny import (
    classifier,
    command,
    generator,
    reviews,
    translator,
    verses,
    write_csv,
    write_norms,
    write_reviews,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    classifier().save(tmp_path / "model")
    return tmp_path / "model"


def test_scores_stand_beside_interval_and_baseline(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reviews(tmp_path)
    assert command("evaluate", model, data) == 0
    page = capsys.readouterr().out
    lines = {line.split()[0]: line for line in page.splitlines() if line}
    assert lines["score"].split() == ["score", "value", "95", "%", "interval", "baseline", "which"]
    found = classifier().evaluate(data).scores["accuracy"]
    shown = [f"{number:.3f}" for number in (found.value, found.low, found.high, found.baseline)]
    assert [word for word in lines["accuracy"].split() if word[0].isdigit()] == shown
    assert lines["accuracy"].endswith("majority")
    assert f"60 rows of {data}" in page
    assert max(len(line) for line in page.splitlines()[1:]) <= 80


def test_a_translator_has_its_own_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    translator().save(tmp_path / "model")
    assert command("evaluate", tmp_path / "model", write_norms(tmp_path)) == 0
    page = capsys.readouterr().out
    assert "exact_match" in page
    assert "copy of the source" in page or "most frequent target" in page


def test_scores_go_to_a_new_file(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, report = write_reviews(tmp_path), tmp_path / "scores.json"
    assert command("evaluate", model, data, "--json", report) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["data"] == "reviews.csv"
    assert found["rows"] == 60
    assert set(found["scores"]["accuracy"]) == {"value", "low", "high", "baseline"}
    assert found["baselines"]["majority"]["accuracy"] == pytest.approx(40 / 60)
    before = report.read_bytes()
    capsys.readouterr()
    assert command("evaluate", model, data, "--json", report) == 2
    said = capsys.readouterr()
    assert f"{report} is there already and was not touched" in said.err
    assert said.out == ""
    assert report.read_bytes() == before


def test_a_place_that_cannot_be_written_is_said(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "nowhere" / "scores.json"
    assert command("evaluate", model, write_reviews(tmp_path), "--json", report) == 2
    assert (
        f"{report} cannot be written: there is no folder {report.parent}" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([*reviews(), ("a film", "mixed")], "row 62, column 'label': unknown label 'mixed'"),
        ([*reviews(), ("a film", "mixed")], "known: bad, good"),
        ([*reviews(), (" ", "good")], "row 62, column 'review': the input is empty"),
    ],
)
def test_a_row_that_cannot_be_judged_is_named(
    rows: list[tuple[str, str]],
    problem: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("evaluate", model, write_reviews(tmp_path, rows)) == 2
    assert problem in capsys.readouterr().err


def test_a_missing_column_is_listed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_csv(tmp_path / "other.csv", reviews(), ["text", "label"])
    assert command("evaluate", model, data) == 2
    assert "no column 'review'; columns: 'text', 'label'" in capsys.readouterr().err


def test_what_is_no_model_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_reviews(tmp_path)
    assert command("evaluate", tmp_path / "none", data) == 2
    assert f"{tmp_path / 'none'} is no model: it has no config.json" in capsys.readouterr().err


def test_another_encoding_is_obeyed(model: Path, tmp_path: Path) -> None:
    data = write_reviews(tmp_path)
    data.write_bytes(data.read_text(encoding="utf-8").encode("cp949"))
    assert command("evaluate", model, data) == 2
    assert command("evaluate", model, data, "--encoding", "cp949") == 0


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (["text", "stars"], ["--input", "text", "--target", "stars"]),
        (["text", "label"], ["--input", "text"]),
        (["review", "stars"], ["--target", 2]),
    ],
)
def test_columns_may_be_named_otherwise_than_in_training(
    head: list[str],
    words: list[object],
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("evaluate", model, write_reviews(tmp_path)) == 0
    wanted = capsys.readouterr().out.splitlines()[1:]
    data = write_csv(tmp_path / "other.csv", reviews(), head)
    assert command("evaluate", model, data, *words) == 0
    assert capsys.readouterr().out.splitlines()[1:] == wanted


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--input", "txet"], "no column 'txet'; did you mean 'text'? columns: 'text', 'stars'"),
        (["--input", "text"], "no column 'label'; columns: 'text', 'stars'"),
        (["--input", "text", "--target", 1], "the input and the target are one column, 'text'"),
    ],
)
def test_a_column_that_was_named_and_is_not_there_is_said(
    words: list[object],
    problem: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = write_csv(tmp_path / "other.csv", reviews(), ["text", "stars"])
    assert command("evaluate", model, data, *words) == 2
    assert f"headgate: {data}: {problem}" in capsys.readouterr().err


def test_a_language_model_of_a_document_is_judged_on_a_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator().save(tmp_path / "model")
    data = write_csv(tmp_path / "v.csv", [(line,) for line in verses(5).splitlines()], ["verse"])
    assert command("evaluate", tmp_path / "model", data, "--input", "verse") == 0
    assert f"5 rows of {data}" in capsys.readouterr().out
    assert command("evaluate", tmp_path / "model", data, "--input", "verse", "--target", 2) == 2
    assert "no column '2'" in capsys.readouterr().err
