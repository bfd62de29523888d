"""Trainings on data of every origin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tests.tiny import (
    command,
    reviews,
    train_classifier,
    train_tagger,
    write_people,
    write_reviews,
)

from headgate.data import origin
from headgate.data.columns import Table
from headgate.data.sources import read_table
from headgate.data.store import StoredRows
from headgate.errors import DataError
from headgate.model import Model


def assert_equal(one: Model, other: Model) -> None:
    weights = other.task.network.state_dict()
    for name, weight in one.task.network.state_dict().items():
        assert torch.equal(weight, weights[name])
    assert one.metrics["test"] == other.metrics["test"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "txt"])
def test_rows_on_a_disk_train_the_same_model(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_as(ending, tmp_path)
    columns = {"input": "1", "target": "2"} if ending in ("txt", "tsv") else {}
    one = train_classifier(data, **columns)
    monkeypatch.setenv("HEADGATE_READ_WHOLE", "100")
    names = [columns.get("input", "review"), columns.get("target", "label")]
    assert isinstance(read_table(data, columns=names).rows, StoredRows)
    assert_equal(one, train_classifier(data, **columns))


def write_as(ending: str, folder: Path) -> Path:
    if ending == "csv":
        return write_reviews(folder)
    path = folder / f"reviews.{ending}"
    lines = [
        json.dumps({"review": text, "label": label}) if ending == "jsonl" else f"{text}\t{label}"
        for text, label in reviews()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_an_error_in_rows_on_a_disk_has_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_READ_WHOLE", "100")
    rows = [*reviews(), (" ", "good")]
    with pytest.raises(DataError, match=r"reviews\.csv, row 62, column 'review': the input is emp"):
        train_classifier(write_reviews(tmp_path, rows))


def parts_of_a_hub(address: str, *, columns: Sequence[str] = ()) -> dict[str, Table]:
    names, rows = ("review", "label"), [list(row) for row in reviews()]
    cuts = {"train": rows[:40], "valid": rows[40:50], "test": rows[50:]}
    return {
        part: Table(f"{address}#{part}", names, own, list(range(len(own))), True)
        for part, own in cuts.items()
    }


def test_a_data_set_of_the_hub_has_its_own_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "read_hub", parts_of_a_hub)
    model = train_classifier("hf:nobody/reviews")
    data = model.config["data"]
    assert (data["train"], data["valid"], data["test"]) == (40, 10, 10)
    assert len(data["sha256"]) == len(data["test_sha256"]) == 64
    again = train_classifier("hf:nobody/reviews", test=0.2)
    assert again.config["data"]["valid"] == 10
    assert again.config["data"]["train"] == 32
    assert model.evaluate("hf:nobody/reviews").scores["accuracy"].value == pytest.approx(
        model.metrics["test"]["accuracy"]["value"]
    )


def test_columns_that_nobody_named_are_those_of_the_next_file(tmp_path: Path) -> None:
    model = train_tagger(write_people(tmp_path), input=None, target=None)
    lines = ["# a comment", "1\tAda\t_\tB-PER\t_\t_\t0\troot\t_\t_", ""]
    (tmp_path / "more.conllu").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert model.evaluate(tmp_path / "more.conllu").scores
    model.save(tmp_path / "m")
    assert (
        command("predict", tmp_path / "m", tmp_path / "more.conllu", "--out", tmp_path / "o.csv")
        == 0
    )
    assert (tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[1] == "Ada"
    (tmp_path / "no.csv").write_text("a,b\nAda,x\n", encoding="utf-8")
    assert command("predict", tmp_path / "m", tmp_path / "no.csv") == 2
