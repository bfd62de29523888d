from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.series import ONE_WAY, train_waves, waves, write_waves

from headgate.data.columns import Table
from headgate.errors import DataError, StreamError, UnknownNameError
from headgate.model import load
from headgate.tasks.series_reading import SeriesReading, SeriesSettings, as_series

NAN = float("nan")
PLAIN = SeriesSettings(differences=False)


def table(*cells: Any) -> Table:
    return Table("a.ts", ("series",), [[cell] for cell in cells], range(1, len(cells) + 1), False)


def learn(*series: torch.Tensor, **settings: Any) -> SeriesReading:
    return SeriesReading.learn(series, SeriesSettings(**settings))


def test_each_channel_is_standardised_over_all_steps_of_training() -> None:
    generator = torch.Generator().manual_seed(1)
    series = [5 + 3 * torch.randn(length, 2, generator=generator) for length in (4, 9, 6)]
    reading = learn(*series, differences=False)
    whole = torch.cat([reading.encode(each) for each in series])
    assert whole.mean(0).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert whole.std(0, correction=0).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_a_constant_channel_stays_zero() -> None:
    reading = learn(torch.tensor([[1e6, 1.0], [1e6, 3.0]]), differences=False)
    assert reading.encode(torch.tensor([[1e6, 2.0]]))[0].tolist() == [0, 0]


def test_what_is_missing_is_the_mean_and_is_marked() -> None:
    reading = learn(torch.tensor([[1.0], [NAN], [3.0]]), differences=False)
    assert reading.encode(torch.tensor([[NAN], [3.0]])).tolist() == [[0, 1], [1, 0]]


def test_a_change_to_or_from_what_is_missing_is_none() -> None:
    reading = learn(torch.tensor([[1.0], [NAN], [3.0], [1.0]]))
    scaled, changes, _ = reading.encode(torch.tensor([[1.0], [NAN], [3.0], [1.0]])).unbind(1)
    assert changes[:3].tolist() == [0, 0, 0]
    assert changes[3] == scaled[3] - scaled[2]


def test_a_stride_puts_steps_side_by_side_and_the_rest_is_zero() -> None:
    series = torch.arange(5.0)[:, None]
    reading = learn(series, differences=False, stride=2)
    whole = ((series - series.mean()) / series.std(correction=0)).flatten().tolist()
    wanted = [whole[:2], whole[2:4], [whole[4], 0.0]]
    for found, row in zip(reading.encode(series).tolist(), wanted, strict=True):
        assert found == pytest.approx(row)


def test_long_series_are_cut_and_it_is_said() -> None:
    reading = learn(torch.randn(4, 1), longest=3)
    assert reading.encode_rows([torch.zeros(9, 1)]).lengths == [3]
    assert reading.cut([torch.zeros(9, 1), torch.zeros(3, 1)]) == [
        "1 series are read to their step 3"
    ]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([torch.ones(3, 2), torch.ones(3, 1)], r"a\.ts, row 2: 2 channels were wanted.*\(3, 1\)"),
        ([torch.ones(3, 1), torch.ones(0, 1)], r"row 2: the series has no value"),
        ([torch.full((2, 1), NAN)], r"row 1: the series has no value"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(cells: list[torch.Tensor], message: str) -> None:
    with pytest.raises(DataError, match=message):
        SeriesReading.read(table(*cells), "series")


@pytest.mark.parametrize(
    "given", [[1.0, 2.0], [[1], [2]], np.array([1, 2]), torch.tensor([[1.0], [2.0]])]
)
def test_python_gives_a_series_in_many_forms(given: Any) -> None:
    assert as_series(given).tolist() == [[1], [2]]


@pytest.mark.parametrize("given", ["1 2", [[1], [2, 3]], [1.0, float("inf")], None, {"a": 1}])
def test_what_is_no_series_is_refused(given: Any) -> None:
    with pytest.raises(DataError, match="series"):
        as_series(given)


def test_other_channels_than_in_training_are_refused() -> None:
    with pytest.raises(DataError, match=r"\[T, 2\] was wanted.*\(4, 3\) came"):
        waves().predict(torch.ones(4, 3))


def test_a_series_alone_is_answered_as_among_others() -> None:
    model = waves()
    rows = [torch.randn(length, 2) for length in (3, 11, 7)]
    together = [answer.probabilities for answer in model.predict(rows)]
    alone = [model.predict(each).probabilities for each in rows]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_the_waves_are_told_apart(tmp_path: Path) -> None:
    model = train_waves(write_waves(tmp_path, 120), epochs=25, learning_rate=0.01)
    assert model.metrics["test"]["accuracy"]["value"] == 1
    assert model.task.name == "classify"


def test_gaps_are_learned_from_and_saved(tmp_path: Path) -> None:
    model = train_waves(write_waves(tmp_path, gap=True))
    assert "series of 2 channels, values missing" in model.task.notes()
    model.save(tmp_path / "model")
    series = torch.randn(5, 2)
    series[1] = NAN
    assert load(tmp_path / "model").predict(series) == model.predict(series)


@pytest.mark.parametrize("pool", ["last", "mean", "attention"])
def test_a_stream_is_the_whole(pool: str) -> None:
    model = waves(pool=pool, **ONE_WAY)
    series = torch.randn(6, 2)
    answers = model.stream().steps(series)
    for count, answer in enumerate(answers, start=1):
        assert answer == model.predict(series[:count])
    stream = model.stream()
    assert [stream.step(each) for each in series.tolist()] == answers


def test_a_line_of_numbers_is_a_step_and_an_empty_one_begins_anew() -> None:
    model = waves(**ONE_WAY)
    stream = model.stream()
    [first] = stream.answer("0.5, 1e-1")
    assert first.split("\t")[0] in ("slow", "fast")
    assert list(stream.answer("")) == []
    assert list(stream.answer("0.5 0.1")) == [first]
    with pytest.raises(DataError):
        list(stream.answer("0.5 high"))


def test_what_reads_steps_together_does_not_stream() -> None:
    with pytest.raises(StreamError, match="differences=false"):
        waves(bidirectional=False).stream()


def test_a_setting_of_texts_is_unknown_for_series(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="lowercase"):
        train_waves(write_waves(tmp_path), lowercase=True)


def test_texts_are_refused_by_a_model_of_series(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("x,speed\nhello,fast\n", encoding="utf-8")
    with pytest.raises(DataError, match="the model reads a series, and a text came"):
        waves(**ONE_WAY).evaluate(
            Table("texts.csv", ("x,잡음", "speed"), [["hello", "fast"]], [2], True)
        )
