from __future__ import annotations

import math

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.errors import DataError, ShapeError
from headgate.evaluation.comparison import beside
from headgate.evaluation.forecasting import (
    Forecasts,
    blocks,
    crps_of_quantiles,
    crps_of_samples,
    forecast_scores,
)

NAN = float("nan")


def made(*, missing: bool = False) -> Forecasts:
    """Forecasts of three series, two origins each, four steps, two values."""
    actual = torch.randn(6, 4, 2, dtype=torch.float64) * 3 + 1
    if missing:
        actual[torch.rand(6, 4, 2) < 0.3] = NAN
    found = actual.nan_to_num() + torch.randn(6, 4, 2, dtype=torch.float64)
    return Forecasts(
        actual,
        mean=found,
        median=found + 0.3,
        size=torch.rand(6, 2, dtype=torch.float64) + 0.1,
        group=torch.tensor([7, 7, 3, 3, 5, 5]),
        crps=torch.rand(6, 4, 2, dtype=torch.float64).masked_fill(actual.isnan(), NAN),
        low=found - 1,
        high=found + 1,
    )


def by_loops(found: Forecasts) -> dict[str, float]:
    """Every score once more, one value at a time."""
    squared, off, crps, inside, mase, smape = [], [], [], [], [], []
    for row in range(len(found.actual)):
        scaled, relative = [], []
        for step in range(found.actual.shape[1]):
            for value in range(found.actual.shape[2]):
                y = float(found.actual[row, step, value])
                if math.isnan(y):
                    continue
                error = abs(y - float(found.median[row, step, value]))
                squared.append((y - float(found.mean[row, step, value])) ** 2)
                off.append(error)
                scaled.append(error / float(found.size[row, value]))
                below = abs(y) + abs(float(found.median[row, step, value]))
                relative.append(200 * error / below)
                assert found.crps is not None
                assert found.low is not None
                assert found.high is not None
                crps.append(float(found.crps[row, step, value]))
                low, high = (float(e[row, step, value]) for e in (found.low, found.high))
                inside.append(low <= y <= high)
        if scaled:
            mase.append(sum(scaled) / len(scaled))
            smape.append(sum(relative) / len(relative))
    means = {"mase": mase, "smape": smape, "mse": squared, "mae": off}
    means |= {"crps": crps, "coverage": inside}
    scores = {name: sum(each) / len(each) for name, each in means.items()}
    return scores | {"rmse": math.sqrt(scores["mse"])}


@pytest.mark.parametrize("missing", [False, True])
def test_scores_equal_loops(missing: bool) -> None:
    found = made(missing=missing)
    scores, wanted = forecast_scores(found), by_loops(found)
    assert scores.keys() == wanted.keys()
    for name, score in scores.items():
        assert score.value == pytest.approx(wanted[name], rel=1e-11)
        assert score.low <= score.value <= score.high


def test_intervals_resample_groups_not_steps() -> None:
    """Groups that are alike inside have an interval as wide as between them."""
    actual = torch.tensor([0.0, 0, 0, 0, 4, 4, 4, 4])[:, None, None]
    found = Forecasts(
        actual,
        mean=torch.zeros(8, 1, 1),
        median=torch.zeros(8, 1, 1),
        size=torch.ones(8, 1),
        group=torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]),
    )
    score = forecast_scores(found)["mae"]
    assert (score.value, score.low, score.high) == (2.0, 0.0, 4.0)


def test_a_constant_series_has_no_scaled_error_and_zeros_are_no_relative_one() -> None:
    zero = torch.zeros(2, 3, 1)
    found = Forecasts(zero, mean=zero, median=zero, size=torch.zeros(2, 1), group=torch.arange(2))
    scores = forecast_scores(found)
    assert "mase" not in scores
    assert "crps" not in scores
    assert scores["smape"].value == 0.0


def test_less_error_is_the_better_baseline() -> None:
    found = made()
    scores = forecast_scores(found)
    rivals = {
        name: forecast_scores(found.points(found.actual + off))
        for name, off in (("a", 1), ("b", 2))
    }
    for name, score in beside(scores, rivals)[0].items():
        if name not in ("crps", "coverage"):
            assert score.baseline == rivals["a"][name].value


def test_wrong_shapes_and_nothing_to_compare_are_refused() -> None:
    found = made()
    with pytest.raises(
        ShapeError, match=r"mean has a value for each.*\(6, 4, 2\), not \(6, 3, 2\)"
    ):
        Forecasts(found.actual, found.mean[:, :3], found.median, found.size, found.group)
    with pytest.raises(DataError, match="all are missing"):
        Forecasts(
            torch.full((1, 1, 1), NAN),
            torch.zeros(1, 1, 1),
            torch.zeros(1, 1, 1),
            torch.ones(1, 1),
            torch.zeros(1).long(),
        )


def test_crps_of_samples_equals_its_definition() -> None:
    samples, actual = torch.randn(3, 2, 9, dtype=torch.float64), torch.randn(3, 2).double()
    off = (samples - actual[..., None]).abs().mean(-1)
    apart = (samples[..., None] - samples[..., None, :]).abs().mean((-1, -2))
    assert_equal(crps_of_samples(samples, actual), off - apart / 2, "output")
    assert_equal(
        crps_of_samples(samples[..., :1], actual), (samples[..., 0] - actual).abs(), "output"
    )


def test_crps_of_samples_nears_the_closed_form_of_a_normal_law() -> None:
    """Σ (z (2 Φ(z) - 1) + 2 φ(z) - 1/√π), Gneiting & Raftery 2007."""
    mean, spread = 1.0, 2.0
    actual = torch.tensor([-3.0, 0.5, 1.0, 4.0], dtype=torch.float64)
    levels = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    samples = mean + spread * torch.special.ndtri(levels)
    z = (actual - mean) / spread
    normal = torch.distributions.Normal(0.0, 1.0)
    density = normal.log_prob(z).exp()
    wanted = spread * (z * (2 * torch.special.ndtr(z) - 1) + 2 * density - math.pi**-0.5)
    found = crps_of_samples(samples.expand(4, -1), actual)
    assert torch.allclose(found, wanted, atol=1e-3)


def test_crps_of_quantiles_nears_that_of_samples() -> None:
    levels = (torch.arange(200, dtype=torch.float64) + 0.5) / 200
    known = torch.special.ndtri(levels)[None]
    actual = torch.tensor([0.7], dtype=torch.float64)
    found = crps_of_quantiles(known, levels, actual)
    assert float(found) == pytest.approx(float(crps_of_samples(known, actual)), abs=1e-3)


def test_origins_whose_forecasts_overlap_are_one_block() -> None:
    assert blocks(torch.tensor([5, 6, 7, 8, 9, 10]), 3).tolist() == [0, 0, 0, 1, 1, 1]
    assert blocks(torch.tensor([5, 8, 11]), 3).tolist() == [0, 1, 2]
