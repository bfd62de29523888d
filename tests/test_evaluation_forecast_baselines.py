from __future__ import annotations

import math

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.errors import DataError
from headgate.evaluation.forecast_baselines import (
    BASELINES,
    baseline_forecasts,
    filled,
    naive,
    regression,
    seasonal_size,
)

NAN = float("nan")


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def growing(steps: int = 60) -> torch.Tensor:
    """A season of four that grows with its level."""
    t = torch.arange(steps, dtype=torch.float64)
    return (torch.exp(0.02 * t) * (10 + 3 * torch.sin(math.pi * t / 2)))[:, None]


def test_baselines_equal_their_words() -> None:
    values, origins = column(1, 2, 4, 8, 16, 32), torch.tensor([4, 5])
    found = baseline_forecasts(values, origins, 3, season=2, learned=4)
    assert found["naive"][..., 0].tolist() == [[8, 8, 8], [16, 16, 16]]
    assert found["seasonal naive"][..., 0].tolist() == [[4, 8, 4], [8, 16, 8]]
    slopes = [(8 - 1) / 3, (16 - 1) / 4]
    wanted = [
        [last + slope * k for k in (1, 2, 3)] for last, slope in zip((8, 16), slopes, strict=True)
    ]
    assert_equal(found["drift"][..., 0], torch.tensor(wanted, dtype=torch.float64), "output")
    assert "seasonal naive" not in baseline_forecasts(values, origins, 3, season=1, learned=4)


def test_the_regression_equals_a_loop() -> None:
    values, origins, learned, season = growing(), [50, 55], 48, 4
    logs = [math.log(value) for value in values[:, 0].tolist()]
    lags = [1, season, season + 1]
    rows = [[logs[t - lag] for lag in lags] + [1.0] for t in range(season + 1, learned)]
    x = torch.tensor(rows, dtype=torch.float64)
    y = torch.tensor(logs[season + 1 : learned], dtype=torch.float64)
    weight = torch.linalg.lstsq(x, y[:, None], driver="gelsd").solution[:, 0].tolist()
    found = regression(values, torch.tensor(origins), 3, season=season, learned=learned)
    for row, origin in enumerate(origins):
        known = logs[:origin]
        for step in range(3):
            known.append(
                sum(
                    w * v
                    for w, v in zip(weight, [known[-lag] for lag in lags] + [1.0], strict=True)
                )
            )
            assert float(found[row, step, 0]) == pytest.approx(math.exp(known[-1]), rel=1e-4)


def test_the_regression_takes_no_logarithm_below_zero_and_needs_rows_enough() -> None:
    values = growing() - 20
    found = regression(values, torch.tensor([50]), 2, season=4, learned=48)
    assert bool(found.isfinite().all())
    short = regression(values, torch.tensor([8]), 2, season=4, learned=8)
    assert_equal(short, naive(values, torch.tensor([8]), 2, 4), "bits")


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_after_an_origin_is_looked_at(name: str) -> None:
    values, origins = growing(), torch.tensor([40, 44])
    before = baseline_forecasts(values, origins, 5, season=4, learned=40)[name][0]
    values[40:] = values[40:] * -7 + 1
    after = baseline_forecasts(values, origins, 5, season=4, learned=40)[name][0]
    assert_equal(after, before, "bits")


def test_gaps_are_filled_from_before_and_at_the_beginning_from_after() -> None:
    values = torch.tensor([[NAN, NAN], [2.0, NAN], [NAN, NAN], [3.0, NAN]])
    assert filled(values).tolist() == [[2, 0], [2, 0], [2, 0], [3, 0]]


def test_the_size_is_the_error_of_the_season_before() -> None:
    values = torch.tensor([[1.0], [5.0], [2.0], [NAN], [4.0]])
    assert seasonal_size(values, 2).tolist() == [(1 + 2) / 2]
    assert seasonal_size(values, 5).tolist() == [0.0]
    assert seasonal_size(torch.full((9, 1), 3.0), 1).tolist() == [0.0]


def test_an_origin_without_a_past_is_refused() -> None:
    with pytest.raises(DataError, match="needs a value before it"):
        baseline_forecasts(growing(), torch.tensor([0, 4]), 2, season=4, learned=40)
