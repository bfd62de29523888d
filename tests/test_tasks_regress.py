from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.series import ONE_WAY, train_waves, waves, write_waves
from tests.tiny import write_csv

from headgate.errors import DataError
from headgate.model import load, train
from headgate.tasks.regress import Regression, number_in

TEXTS: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "unit": "word", "epochs": 2}


def priced(folder: Path, count: int = 60) -> Path:
    rows = [
        (f"{n % 7} rooms 방 and {n % 5} baths, no. {n}", f"{n % 7 * 10 + n % 5}.5")
        for n in range(count)
    ]
    return write_csv(folder / "homes.csv", rows, ["home", "price"])


def test_numbers_are_learned_from_series(tmp_path: Path) -> None:
    model = train_waves(
        write_waves(tmp_path, 160), "size", task="regress", epochs=30, learning_rate=0.01
    )
    scores = model.metrics["test"]
    assert scores["mse"]["value"] < 0.5 * model.metrics["baselines"]["mean"]["mse"]
    assert set(model.metrics["baselines"]) == {"mean", "nearest neighbour"}
    assert scores["mse"]["baseline"] == min(
        each["mse"] for each in model.metrics["baselines"].values()
    )


def test_many_numbers_are_a_regression_and_texts_are_read(tmp_path: Path) -> None:
    said: list[str] = []
    model = train(priced(tmp_path), input="home", target="price", say=said.append, **TEXTS)
    assert model.task.name == "regress"
    assert any("distinct targets" in line and "numbers" in line for line in said)
    answer = model.predict("3 rooms 방 and 1 baths, no. 31")
    assert isinstance(answer, Regression)
    assert answer.row() == {"prediction": f"{answer.value:.6g}"}
    assert str(answer) == f"{answer.value:.6g}"


@pytest.mark.parametrize("target", ["dear", "1,5", "nan", "inf", "1e999"])
def test_a_target_that_is_no_number_is_named(tmp_path: Path, target: str) -> None:
    file = write_csv(tmp_path / "a.csv", [("b", "1.5"), ("c", target)], ["home", "price"])
    with pytest.raises(DataError, match=r"a\.csv, row 3, column 'price': a number was wanted"):
        train(file, input="home", target="price", task="regress", say=lambda _: None)


def test_saved_is_loaded(tmp_path: Path) -> None:
    model = waves("size", task="regress")
    model.save(tmp_path / "model")
    series = torch.randn(5, 2)
    assert load(tmp_path / "model").predict(series) == model.predict(series)


def test_a_stream_is_the_whole_and_bytes_say_what_they_lose(tmp_path: Path) -> None:
    model = waves("size", task="regress", **ONE_WAY)
    series = torch.randn(6, 2)
    found = [answer.value for answer in model.stream().steps(series)]
    assert found == [model.predict(series[:count]).value for count in range(1, 7)]
    rows = write_waves(tmp_path)
    notes = model.evaluate(rows, quantize="int8").notes
    assert any("int8 loses" in note and "mse" in note for note in notes)


def test_targets_that_are_all_equal_are_learned(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [(f"home {n}", "7") for n in range(40)], ["home", "price"])
    model = train(file, input="home", target="price", task="regress", say=lambda _: None, **TEXTS)
    assert "r2" not in model.metrics["test"]
    assert model.predict("home 3").value == pytest.approx(7, abs=3)


@pytest.mark.parametrize(("cell", "value"), [("1.5", 1.5), (" 7 ", 7.0), ("-1e3", -1000.0)])
def test_a_number_is_read(cell: str, value: float) -> None:
    assert number_in(cell) == value


@pytest.mark.parametrize("cell", ["", "x", "nan", "-inf", ("1", "2"), None])
def test_what_is_no_number_is_none(cell: Any) -> None:
    assert number_in(cell) is None
