"""Forecasters kept running, and looked into."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.errors import DataError, HeadgateError, StreamError, UnknownNameError
from headgate.streaming import state
from headgate.tasks.forecast import Forecast
from headgate.tasks.forecast_data import Series
from headgate.tasks.forecast_rollout import read_whole
from headgate.tasks.forecast_stream import ForecastStream

NAN = float("nan")


def hourly(count: int = 2) -> list[Series]:
    """Series of hours with dates, so that calendar features are read, too."""
    torch.manual_seed(0)
    from headgate.data.clock import Clock

    found = []
    stamps = ("2024-02-27 00:00", *Clock(seconds=3600).after("2024-02-27 00:00", 119))
    for number in range(count):
        t = torch.arange(120.0)
        values = 20 + 5 * torch.sin(2 * math.pi * t / 24 + number) + torch.randn(120)
        found.append(replace(Series.of(values, name=f"강{number}"), stamps=stamps))
    return found


@functools.cache
def model(count: int = 2, *, dates: bool = False, **settings: Any) -> Forecast:
    """A forecaster with weights as they may come."""
    from headgate.data.examples import Examples

    series = hourly(count)
    if not dates:
        series = [replace(each, stamps=()) for each in series]
    given = {"hidden_size": 6, "paths": 40, "horizon": 3, "lags": [1, 4, 6]} | settings
    task = Forecast.learn(Examples(series, kind="forecast"), given)
    torch.nn.init.normal_(task.network.head.weight, std=0.3)
    task.network.eval()
    return task


def running(task: Forecast, source: Any, **how: Any) -> ForecastStream:
    stream = task.stream(**how)
    stream.begin(source)
    return stream


def whole_of(task: Forecast, series: Series, stream: ForecastStream) -> torch.Tensor:
    store = task.store([replace(series, start=0, stop=None)])
    at = store.origins(torch.tensor([0]), torch.tensor([len(series.values)]))
    at = replace(at, begin=torch.zeros(1).long())
    return read_whole(task.network, store, at, stream._begun())[:, 0]


@pytest.mark.parametrize("dates", [False, True])
@pytest.mark.parametrize("settings", [{}, {"cell": "lstm", "num_layers": 2, "transform": "log"}])
def test_a_stream_is_the_whole_series(dates: bool, settings: dict[str, Any]) -> None:
    task = model(dates=dates, **settings)
    series = hourly()[1]
    series.values[[3, 9, 10]] = NAN
    stamps = series.stamps if dates else ()
    series = replace(series, stamps=stamps)
    stream = running(task, "강1")
    values = series.values[:, 0].tolist()
    dated = [{"values": v, "stamp": s} for v, s in zip(values, stamps, strict=dates)]
    found = stream.steps(dated if dates else values)
    whole = whole_of(task, series, stream)
    for step in range(len(series.values) - 1):
        assert found[step].raw is not None
        assert_equal(found[step].raw, whole[step + 1], "output")
    assert stream.position == 120


def test_back_aside_anew_and_as_bytes() -> None:
    stream = running(model(), "강0", rewind=3)
    first = [each.mean for each in stream.steps([1.0, 2.0, NAN, 4.0])]
    other, kept = stream.fork(), stream.state
    stream.rewind(2)
    assert_equal([each.mean for each in stream.steps([NAN, 4.0])], first[2:], "bits")
    assert_equal(other.step(5.0).mean, stream.step(5.0).mean, "bits")
    again = running(model(), "강1")
    again.state = kept
    assert again.position == 4
    assert_equal(again.step(5.0).mean, model_at(kept).mean, "bits")
    stream.reset()
    assert_equal([each.mean for each in stream.steps([1.0, 2.0, NAN, 4.0])], first, "bits")
    stream.rewind(3)
    with pytest.raises(StreamError, match="0 steps can be taken back"):
        stream.rewind(1)


def model_at(state: bytes) -> Any:
    stream = running(model(), "강0")
    stream.state = state
    return stream.step(5.0)


def test_a_stream_rewinds_to_its_beginning() -> None:
    stream = running(model(), "강0", rewind=5)
    first = stream.step(7.0).mean
    stream.rewind(1)
    assert_equal(stream.step(7.0).mean, first, "bits")


def test_a_line_is_numbers_and_an_empty_one_begins_anew() -> None:
    stream = model(1).stream()
    [said] = stream.answer("20, 21 ?")
    assert [float(part) for part in said.split("\t")] == sorted(
        (float(part) for part in said.split("\t")),
        key=lambda v: (v != float(said.split("\t")[0]), v),
    )
    assert stream.position == 3
    assert list(stream.answer("")) == []
    assert stream.position == 0
    with pytest.raises(DataError, match="'x' came"):
        list(stream.answer("1 x"))


def test_bytes_are_near_the_numbers() -> None:
    task, values = model(), hourly()[0].values[:, 0].tolist()
    plain, bytes_ = running(task, "강0"), running(task, "강0", quantize="int8")
    for one, other in zip(plain.steps(values), bytes_.steps(values), strict=True):
        assert torch.allclose(one.mean, other.mean, rtol=0.05)
    rounded = Forecast(task.settings, task.field)
    rounded.network = task.quantized("int8")
    for one, other in zip(
        running(rounded, "강0").steps(values),
        running(task, "강0", quantize="int8").steps(values),
        strict=True,
    ):
        assert one.raw is not None
        assert other.raw is not None
        assert torch.allclose(one.raw, other.raw, rtol=0.05, atol=0.05)


def test_a_stream_is_of_a_series_that_is_known_or_shown() -> None:
    with pytest.raises(StreamError, match="which series goes on"):
        model().stream().step(1.0)
    with pytest.raises(UnknownNameError, match=r"unknown series '강9'; known: 강0, 강1"):
        running(model(), "강9")
    with pytest.raises(StreamError, match="is of one series"):
        running(model(), "강0", rows=2)
    with pytest.raises(DataError, match="no value to go on from"):
        running(model(), [NAN])
    with pytest.raises(DataError, match="a step has 1 values, not 2"):
        running(model(), [[1.0, 2.0]])
    shown = running(model(), [10.0, 12.0, 11.0])
    assert float(shown.scales_now()[0]) == pytest.approx(11.0)
    with pytest.raises(DataError, match="the date of each step"):
        running(model(dates=True), "강0").step(1.0)


@pytest.mark.parametrize("token", ["x", [1.0, 2.0], float("inf"), True, {"value": 1.0}])
def test_what_is_no_value_is_refused(token: Any) -> None:
    stream = running(model(), "강0")
    with pytest.raises(HeadgateError):
        stream.step(token)
    assert stream.position == 0


def test_other_states_are_refused() -> None:
    stream = running(model(), "강0")
    stream.step(1.0)
    with pytest.raises(StreamError):
        running(model(cell="lstm"), "강0").state = stream.state
    with pytest.raises(StreamError):
        stream.state = stream.stream.state
    assert stream.position == 1


def test_a_state_that_was_made_up_changes_nothing(unchecked: None) -> None:
    stream = running(model(), "강0")
    stream.step(1.0)
    kept = stream.state
    whole = state.from_bytes(kept)
    changes: list[dict[str, Any]] = [
        {"positions": positions} for positions in ([], ["x"], [-5], [2**62], [True], [1.0], [1, 1])
    ]
    for name in ("past", "scales"):
        value = whole.states[name]
        others = (value[:, 1:], value.double(), value[0], value.expand(2, -1))
        changes += [{"states": {**whole.states, name: other}} for other in others]
    for change in changes:
        with pytest.raises(StreamError):
            stream.state = state.to_bytes(replace(whole, **change))
        assert stream.state == kept


def test_gates_are_shown_for_each_step() -> None:
    series = hourly()[0]
    found = model(dates=True).inspect(series)
    assert found.tokens == series.stamps
    assert {tuple(value.shape) for value in found.trace.values()} >= {(1, 120, 6)}
    bare = model().inspect("1 2, 3")
    assert bare.tokens == ("1", "2", "3")
    assert set(bare.trace) == set(found.trace)
