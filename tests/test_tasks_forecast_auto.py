"""What a forecaster settles by itself, and how series are cut."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.data.clock import Clock
from headgate.data.examples import Examples
from headgate.errors import DataError
from headgate.tasks.forecast import Forecast
from headgate.tasks.forecast_auto import resolved, season_of
from headgate.tasks.forecast_data import Series, continued, cut_by_time
from headgate.tasks.forecast_settings import ForecastSettings
from headgate.training import Plan, fit


def wave(season: int, steps: int = 200, *, noise: float = 0.3) -> torch.Tensor:
    t = torch.arange(steps, dtype=torch.float32)
    return (torch.sin(2 * math.pi * t / season) + noise * torch.randn(steps))[:, None]


@pytest.mark.parametrize("season", [4, 7, 12, 24])
def test_a_season_is_found(season: int) -> None:
    assert season_of([wave(season) for _ in range(5)]) == season


def test_noise_a_line_and_few_steps_have_no_season() -> None:
    assert season_of([torch.randn(300, 1) for _ in range(5)]) == 1
    assert season_of([torch.arange(100.0)[:, None]]) == 1
    assert season_of([torch.ones(100, 1)]) == 1
    assert season_of([wave(4, steps=8)]) == 1
    assert season_of([torch.randn(300, 1).cumsum(0) for _ in range(5)]) == 1


@pytest.mark.parametrize(
    ("clock", "steps", "season", "horizon", "lags"),
    [
        (Clock(months=1), 96, 12, 12, [1, 12, 13]),
        (Clock(seconds=3600), 600, 24, 24, [1, 24, 25, 168]),
        (Clock(seconds=3600), 100, 24, 24, [1, 24, 25]),
        (Clock(seconds=86_400), 90, 7, 14, [1, 7, 8]),
    ],
)
def test_dates_settle_the_season(
    clock: Clock, steps: int, season: int, horizon: int, lags: list[int]
) -> None:
    stamps = ("2020-01-01 00:00", *clock.after("2020-01-01 00:00", steps - 1))
    series = replace(Series.of(torch.randn(steps)), stamps=stamps)
    found = resolved(ForecastSettings(), [series])
    assert (found.season, found.horizon, found.lags) == (season, horizon, lags)
    given = resolved(ForecastSettings(season=5, lags="2,3", horizon=4, context=9), [series])
    assert (given.season, given.horizon, given.lags, given.context) == (5, 4, [1, 2, 3], 9)


def test_each_series_is_cut_by_its_time() -> None:
    series = [Series.of(torch.arange(60.0), name="a"), Series.of(torch.arange(80.0), name="b")]
    examples = Examples(series, kind="forecast")
    parts = cut_by_time(examples, valid=0.1, test=10, horizon=2)
    spans = {name: [(e.start, e.end) for e in part.inputs] for name, part in parts.items()}
    assert spans == {
        "train": [(0, 44), (0, 62)],
        "valid": [(44, 50), (62, 70)],
        "test": [(50, 60), (70, 80)],
    }
    none = cut_by_time(examples, valid=0.1, test=0, horizon=9)
    assert len(none["test"]) == 0
    assert [e.end - e.start for e in none["valid"].inputs] == [9, 9]


def test_a_later_file_goes_on_by_name() -> None:
    series = [Series.of(torch.arange(60.0), name="a"), Series.of(torch.arange(80.0), name="b")]
    train = cut_by_time(Examples(series), valid=0.1, test=0, horizon=2)["train"]
    later = Examples([Series.of([1.0, 2.0], name="b"), Series.of([3.0], name="new")])
    one, other = continued(later, train).inputs
    assert (one.start, one.end) == (80, 82)
    assert one.values[-3:].flatten().tolist() == [79.0, 1.0, 2.0]
    assert (other.start, other.end) == (0, 1)
    wide = Examples([Series.of([[1.0, 2.0]], name="b")])
    with pytest.raises(DataError, match="row 1: the series 'b' goes on with other columns"):
        continued(wide, train)


def test_several_values_are_foretold_together() -> None:
    """The second value is the first one of the step before: only a joint model can know it."""
    torch.manual_seed(0)
    first = torch.randn(300)
    both = torch.stack([first, first.roll(1)], 1)
    parts = Forecast.divide(Examples([Series.of(both)]), valid=0.2, test=0.2, seed=0, horizon=1)
    given: dict[str, Any] = {"horizon": 1, "hidden_size": 4, "paths": 20, "season": 1}
    task = Forecast.learn(parts["train"], given)
    learner = task.learner(parts["train"], parts["valid"], Plan())
    fit(learner, Plan(epochs=1, learning_rate=1e-3))
    [answer] = task.predict([both])
    assert answer.mean.shape == (1, 2)
    assert float(answer.mean[0, 1]) == pytest.approx(float(first[-1]), abs=0.15)
    assert list(answer.rows()[0]) == [
        "series", "step", "1 mean", "1 0.1", "1 0.5", "1 0.9", "2 mean", "2 0.1", "2 0.5", "2 0.9"
    ]  # fmt: skip


def test_a_saved_model_goes_on_with_other_series() -> None:
    torch.manual_seed(0)
    parts = Forecast.divide(
        Examples([Series.of(wave(8)[:, 0])]), valid=0.1, test=0.1, seed=0, horizon=4
    )
    base = Forecast.learn(parts["train"], {"horizon": 4, "hidden_size": 4})
    again = Forecast.learn(parts["train"], {}, base)
    assert again.saved_settings() == base.saved_settings()
    again.network.load_state_dict(base.network.state_dict())
    one, other = (task.predict([wave(8)[:50, 0] * 0 + 2])[0].mean for task in (base, again))
    assert_equal(one, other, "bits")
    with pytest.raises(Exception, match="horizon is 4 in the saved model"):
        Forecast.learn(parts["train"], {"horizon": 5}, base)
