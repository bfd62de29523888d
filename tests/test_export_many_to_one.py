"""Series, and numbers as answers, where an exported model runs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.exported import run_alone, script
from tests.series import ONE_WAY, waves
from tests.tiny import reviews, train_classifier, write_csv
from tests.tolerances import assert_equal

from headgate.errors import StreamError
from headgate.tasks import exporting
from headgate.tasks.series_reading import SeriesReading, SeriesSettings

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

NAN = float("nan")


def made(*lengths: int, seed: int = 0, channels: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [3 + 2 * torch.randn(length, channels, generator=generator) for length in lengths]


def lines(series: list[torch.Tensor]) -> str:
    return "".join(json.dumps(each.tolist()) + "\n" for each in series)


def assert_values(found: list[Any], wanted: Any) -> None:
    one, other = (
        torch.tensor([each["value"] for each in found]),
        torch.tensor([each.value for each in wanted]),
    )
    assert_equal(one, other, "output")


def assert_classes(found: list[Any], wanted: Any) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one["label"] == other.label
        assert one["probabilities"] == pytest.approx(other.probabilities, abs=1e-5)


def test_numbers_of_texts_are_those_of_the_model(tmp_path: Path) -> None:
    rows = [(text, str(100 + 7 * number)) for number, (text, _) in enumerate(reviews())]
    data = write_csv(tmp_path / "prices.csv", rows, ["review", "price"])
    model = train_classifier(data, target="price", task="regress")
    texts, out = ["a warm film", "dull", "number 7"], tmp_path / "out"
    exporting.export(model.task, out, stream=False, source=None)
    assert exporting.verify(model.task, out) < exporting.TOLERANCE
    found = run_alone(out, *texts)
    assert all(100 < each["value"] < 600 for each in found)
    assert_values(found, model.predict(texts))


def test_series_are_classified_as_here(tmp_path: Path) -> None:
    model, series = waves(), made(9, 4, 1)
    exporting.export(model.task, tmp_path / "out", stream=False, source=None)
    assert exporting.verify(model.task, tmp_path / "out") < exporting.TOLERANCE
    assert_classes(run_alone(tmp_path / "out", text=lines(series)), model.predict(series))


def test_a_step_of_a_series_gives_a_number_as_the_stream_does_here(tmp_path: Path) -> None:
    model, series, out = waves("size", task="regress", **ONE_WAY), made(9, 4), tmp_path / "out"
    exporting.export(model.task, out, stream=True, source=None)
    assert exporting.verify(model.task, out) < exporting.TOLERANCE
    alone = script("run", out).Model()
    assert_values(alone.predict([each.numpy() for each in series]), model.predict(series))
    endless = itertools.chain(series[0].tolist(), itertools.repeat([0.0, 0.0]))
    found = list(itertools.islice(alone.stream(endless), 9))
    assert_values(found, model.stream().steps(series[0]))


def test_steps_that_are_read_together_are_no_stream(tmp_path: Path) -> None:
    model = waves(bidirectional=False)
    with pytest.raises(StreamError):
        model.stream()
    with pytest.raises(StreamError):
        exporting.export(model.task, tmp_path / "out", stream=True, source=None)
    assert not (tmp_path / "out").exists()


def reader(folder: Path, reading: SeriesReading) -> Any:
    for name, text in reading.files().items():
        (folder / name).write_text(text, encoding="utf-8")
    facts = {"reading": reading.exported().facts}
    return script("read_series").Reader(SimpleNamespace(folder=folder, facts=facts))


@pytest.mark.parametrize("differences", [True, False])
@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("gap", [True, False])
def test_the_features_of_a_series_are_the_same(
    tmp_path: Path, differences: bool, stride: int, gap: bool
) -> None:
    training, series = made(20, 30), made(11, 3, 40, seed=1)
    if gap:
        training[0][4, 1] = series[0][2, 0] = series[0][3] = NAN
    settings = SeriesSettings(differences=differences, stride=stride, longest=12)
    reading = SeriesReading.learn(training, settings)
    assert reading.gaps is gap
    wanted, lengths = reading.pad(list(reading.encode_rows(series)))
    parsed = reader(tmp_path, reading)
    given = [parsed.parse(line) for line in lines(series).replace("NaN", "null").splitlines()]
    found, counts = parsed.batch(given)
    assert_equal(torch.from_numpy(found), wanted, "bits")
    assert counts.tolist() == lengths.tolist()


def test_a_line_that_is_no_series_is_refused(tmp_path: Path) -> None:
    alone = reader(tmp_path, SeriesReading.learn(made(9), SeriesSettings()))
    with pytest.raises(ValueError, match=r"a list a step was wanted, as .*: 'warm'"):
        alone.parse("warm")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1.0], [2.0]], r"a series \[T, 2\] was wanted, as in training: \(2, 1\) came"),
        ([], r"a series \[T, 2\] was wanted"),
        ([[1.0, 2.0], [1.0]], "a series of numbers was wanted"),
        (["warm"], "a series of numbers was wanted, and .'warm'. came"),
        ([[0.0, 0.0], [1.0, 1e39]], "a series has finite values, and step 2 is infinite"),
    ],
)
def test_what_is_no_series_is_refused(tmp_path: Path, given: Any, message: str) -> None:
    alone = reader(tmp_path, SeriesReading.learn(made(9), SeriesSettings()))
    with pytest.raises(ValueError, match=message):
        alone.batch([given])
