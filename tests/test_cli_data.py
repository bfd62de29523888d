from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import command, reviews, write_csv, write_norms, write_reviews

COLUMNS = ("--input", "review", "--target", "label")


def page_of(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert command("data", *words) == 0
    return capsys.readouterr().out


def test_a_table_is_shown_with_what_a_training_would_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*reviews(), reviews()[0], (reviews()[1][0], "bad"), ("cafe\u0301 é", "good")]
    page = page_of(capsys, write_reviews(tmp_path, rows), *COLUMNS)
    lines = {line.split()[0]: line.split() for line in page.splitlines() if line.strip()}
    assert lines["review"][1] == "text"
    assert lines["label"][1:3] == ["classes", "2"]
    assert lines["good"][1:] == ["41", "65.1%"]
    assert "63 rows, 2 columns" in page
    assert "1 input with different targets" in page
    assert "2 rows of 63 repeat an input" in page
    assert "not NFC in 1 row (64)" in page
    assert "task: classify" in page
    assert "63 rows: train " in page


def test_without_columns_the_file_is_shown_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = page_of(capsys, write_norms(tmp_path))
    assert "60 rows, 2 columns" in page
    assert "train would refuse: " in page
    assert "--input COL --target COL" in page


def test_all_of_it_goes_to_a_new_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, report = write_reviews(tmp_path), tmp_path / "seen.json"
    page_of(capsys, data, *COLUMNS, "--json", report)
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    assert found["file"]["encoding"] == "UTF-8"
    assert found["table"]["rows"] == found["parts"]["train"] == 60
    assert found["table"]["columns"][1]["classes"] == {"good": 40, "bad": 20}
    assert found["table"]["repeats"]["rows"] == 0
    assert any(line.startswith("task: classify") for line in found["training"])
    before = report.read_bytes()
    assert command("data", data, "--json", report) == 2
    assert "there already and was not touched" in capsys.readouterr().err
    assert report.read_bytes() == before


def test_a_file_that_cannot_be_read_shows_what_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("글,라벨\n정말 좋은 영화,가\n".encode("cp949"))
    assert command("data", path) == 2
    seen = capsys.readouterr()
    assert "cp949 (row 1 is not UTF-8; as cp949 it reads '글,라벨')" in seen.out
    assert "--encoding cp949" in seen.err
    assert command("data", path, "--encoding", "cp949") == 0


def test_a_column_without_text_leaves_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"text": f"a {i}", "meta": None, "label": "xy"[i % 2]}) for i in range(60)]
    path.write_text("\n".join(lines), encoding="utf-8")
    page = page_of(capsys, path, "--input", "text", "--target", "label")
    assert "only the columns that are named are read" in page
    assert "60 rows, 2 columns" in page


def test_many_classes_are_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"text {i}", f"class{i % 30}"] for i in range(300)]
    page = page_of(
        capsys, write_csv(tmp_path / "a.csv", rows, ["t", "l"]), "--input", "t", "--target", "l"
    )
    assert "l: 30 classes" in page
    assert "10 more" in page
    assert "33.3%" in page
