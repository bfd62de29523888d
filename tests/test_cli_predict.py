from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from tests.tiny import classifier, command, generator, reviews, tagger, translator, write_csv

from headgate.cli import rows as rows_module


@pytest.fixture
def model(tmp_path: Path) -> Path:
    classifier().save(tmp_path / "model")
    return tmp_path / "model"


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_column_is_kept_and_the_answer_comes_after(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        (str(number), text, 'a "note",\nof two lines')
        for number, (text, _) in enumerate(reviews(7))
    ]
    data = write_csv(tmp_path / "new.csv", given, ["id", "review", "note"])
    assert command("predict", model, data) == 0
    found = read(capsys.readouterr().out)
    columns = ["id", "review", "note", "prediction", "probability", "p(bad)", "p(good)"]
    assert list(found[0]) == columns
    assert [(row["id"], row["review"], row["note"]) for row in found] == given
    wanted = classifier().predict([text for _, text, _ in given])
    assert [row["prediction"] for row in found] == [answer.label for answer in wanted]
    assert [row["probability"] for row in found] == [f"{a.probability:.4f}" for a in wanted]


def test_names_that_are_taken_get_a_number(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [("a warm film", "old", "older")]
    data = write_csv(tmp_path / "new.csv", given, ["review", "prediction", "prediction_2"])
    assert command("predict", model, data) == 0
    row = read(capsys.readouterr().out)[0]
    assert (row["prediction"], row["prediction_2"]) == ("old", "older")
    assert row["prediction_3"] in ("good", "bad")


def test_a_file_is_written_and_never_overwritten(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_csv(tmp_path / "new.csv", reviews(5), ["review", "label"])
    out = tmp_path / "answers.csv"
    assert command("predict", model, data, "--out", out) == 0
    assert capsys.readouterr().out == ""
    before = out.read_bytes()
    assert len(read(before.decode())) == 5
    assert command("predict", model, data, "--out", out) == 2
    assert f"{out} is there already and was not touched" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.csv", "model", "new.csv"]


def test_json_lines_in_and_out(model: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "new.jsonl", tmp_path / "answers.jsonl"
    lines = [json.dumps({"id": n, "review": text}) for n, (text, _) in enumerate(reviews(3))]
    data.write_text("\n".join(lines), encoding="utf-8")
    assert command("predict", model, data, "--out", out) == 0
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["review"] for row in found] == [text for text, _ in reviews(3)]
    assert [row["id"] for row in found] == ["0", "1", "2"]
    assert "영화" in out.read_text(encoding="utf-8")
    assert all(row["prediction"] in ("good", "bad") for row in found)


def test_json_lines_with_a_column_that_is_no_text_keep_the_input(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "new.jsonl"
    data.write_text('{"review": "a warm film", "label": null}\n', encoding="utf-8")
    assert command("predict", model, data) == 0
    said = capsys.readouterr()
    assert "only column 'review' is kept" in said.err
    assert read(said.out)[0]["review"] == "a warm film"


def test_plain_text_needs_no_column(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "new.txt"
    data.write_text("a warm film\na dull film\n", encoding="utf-8")
    assert command("predict", model, data) == 0
    assert [row["text"] for row in read(capsys.readouterr().out)] == ["a warm film", "a dull film"]


def test_another_column_may_be_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_csv(tmp_path / "new.csv", reviews(3), ["words", "label"])
    assert command("predict", model, data) == 2
    assert "no column 'review'; columns: 'words', 'label'" in capsys.readouterr().err
    assert command("predict", model, data, "--input", "words") == 0
    assert len(read(capsys.readouterr().out)) == 3


def test_lines_come_from_standard_input_in_pieces(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rows_module, "AT_ONCE", 2)
    texts = [text for text, _ in reviews(5)]
    give(monkeypatch, "\r\n".join(texts).encode())
    assert command("predict", model, "-") == 0
    found = read(capsys.readouterr().out)
    assert [row["review"] for row in found] == texts
    assert len(found) == 5


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a film\n\nanother\n", "standard input, row 2, column 'review': the input is empty"),
        (b"a film\nun caf\xe9\n", "standard input, row 2: byte 0xe9 is not utf-8"),
    ],
)
def test_a_line_that_cannot_be_answered_is_named(
    data: bytes,
    problem: str,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    give(monkeypatch, data)
    assert command("predict", model, "-") == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("at_once", [1, 1024])
def test_an_empty_cell_leaves_no_file(
    at_once: int,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(rows_module, "AT_ONCE", at_once)
    data = write_csv(tmp_path / "new.csv", [*reviews(3), (" ", "x")], ["review", "label"])
    before = set(tmp_path.iterdir())
    assert command("predict", model, data, "--out", tmp_path / "answers.csv") == 2
    assert f"{data}, row 5, column 'review': the input is empty" in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("answers.xlsx", "written as .csv or .jsonl, not as '.xlsx'"),
        ("nowhere/answers.csv", "cannot be written: there is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_said(
    out: str, problem: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_csv(tmp_path / "new.csv", reviews(3), ["review", "label"])
    assert command("predict", model, data, "--out", tmp_path / out) == 2
    assert problem in capsys.readouterr().err


def test_a_translator_answers_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    translator().save(tmp_path / "model")
    data = write_csv(tmp_path / "new.csv", [("no. 12",), ("no. 34",)], ["text"])
    assert command("predict", tmp_path / "model", data) == 0
    found = read(capsys.readouterr().out)
    assert list(found[0]) == ["text", "prediction", "log_probability"]
    wanted = translator().predict(["no. 12", "no. 34"])
    assert [row["prediction"] for row in found] == [answer.text for answer in wanted]


def test_tags_are_lists_in_json_lines_and_a_text_in_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagger().save(tmp_path / "tagger")
    data, out = tmp_path / "new.jsonl", tmp_path / "answers.jsonl"
    data.write_text(json.dumps({"tokens": ["New York", "left"]}) + "\n", encoding="utf-8")
    asked = ("predict", tmp_path / "tagger", data, "--input", "tokens")
    assert command(*asked, "--out", out) == 0
    row = json.loads(out.read_text(encoding="utf-8"))
    assert row["tokens_2"] == ["New York", "left"]
    assert len(row["prediction"]) == 2
    assert command(*asked) == 0
    assert read(capsys.readouterr().out)[0]["prediction"] == " ".join(row["prediction"])


@pytest.mark.parametrize("at_once", [1, 4, 1024])
def test_a_row_that_a_language_model_cannot_read_is_named(
    at_once: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(rows_module, "AT_ONCE", at_once)
    generator().save(tmp_path / "model")
    texts = ["warm", "cold is", "fine", "lovely", "dull", "w\u2603arm", "poor", "XYZ"]
    data = write_csv(tmp_path / "new.csv", [(text,) for text in texts], ["verse"])
    out = tmp_path / "answers.csv"
    assert command("predict", tmp_path / "model", data, "--input", "verse", "--out", out) == 2
    error = capsys.readouterr().err
    assert (
        f"{data}, row 7, column 'verse': the prompt has what the training text has not: '\u2603'"
        in error
    )
    assert not out.exists()


@pytest.mark.usefixtures("unchecked")
def test_a_list_that_a_classifier_cannot_read_is_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "new.jsonl"
    lines = [{"review": "a warm film"}, {"review": ["a", "film"]}, {"review": "dull"}]
    data.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert command("predict", model, data) == 2
    assert f"{data}, row 2, column 'review': a text was wanted" in capsys.readouterr().err
