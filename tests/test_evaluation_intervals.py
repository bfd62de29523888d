"""Wilson's interval and the bootstrap."""

from __future__ import annotations

import math
import time

import pytest
import torch
from torch import Tensor

from headgate.errors import DataError
from headgate.evaluation.intervals import bootstrap, bootstrap_counts, wilson


def test_wilson_solves_its_equation() -> None:
    for successes, trials in [(1, 10), (37, 100), (9_999, 10_000)]:
        share = successes / trials
        for end in wilson(successes, trials):
            distance = abs(share - end) / math.sqrt(end * (1 - end) / trials)
            assert distance == pytest.approx(1.959964, abs=1e-5)


def test_wilson_keeps_a_width_without_errors() -> None:
    low, high = wilson(10_000, 10_000)
    assert high == 1.0
    assert low == pytest.approx(1 / (1 + 1.959964**2 / 10_000), abs=1e-9)
    assert wilson(0, 10_000).low == 0.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_covers_as_it_says() -> None:
    trials, chance = 60, 0.03  # 1.8 successes on average, where the textbook interval fails
    covered = 0.0
    for successes in range(trials + 1):
        low, high = wilson(successes, trials)
        mass = math.comb(trials, successes) * chance**successes
        covered += mass * (1 - chance) ** (trials - successes) * (low <= chance <= high)
    assert 0.93 < covered < 0.99


def test_the_bootstrap_of_a_mean_is_the_normal_interval() -> None:
    values = torch.randn(2000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    low, high = bootstrap(lambda weights: weights @ values / 2000, rows=2000)
    reach = 1.96 * float(values.std()) / math.sqrt(2000)
    assert low == pytest.approx(float(values.mean()) - reach, abs=0.1 * reach)
    assert high == pytest.approx(float(values.mean()) + reach, abs=0.1 * reach)


def test_weights_are_resamples() -> None:
    seen: list[Tensor] = []

    def metric(weights: Tensor) -> Tensor:
        seen.append(weights)
        return weights[:, 0]

    bootstrap(metric, rows=50, resamples=30)
    (weights,) = seen
    assert weights.shape == (30, 50)
    assert (weights.sum(1) == 50).all()
    assert weights.max() > 1


def test_counts_are_drawn_as_rows_are() -> None:
    counts = torch.tensor([400, 0, 90, 7, 3])
    seen: list[Tensor] = []

    def metric(drawn: Tensor) -> Tensor:
        seen.append(drawn)
        return drawn[:, 2] / 500

    bootstrap_counts(metric, counts, resamples=4000)
    (drawn,) = seen
    shares = counts / 500
    assert (drawn.sum(1) == 500).all()
    assert (drawn[:, 1] == 0).all()
    spread = (500 * shares * (1 - shares)).sqrt()
    assert torch.allclose(drawn.mean(0).float(), counts.float(), atol=float(0.1 * spread.max()))
    assert torch.allclose(drawn.std(0).float(), spread, rtol=0.06)
    covariance = float(torch.cov(drawn[:, [0, 2]].T)[0, 1])
    assert covariance == pytest.approx(-500 * 0.8 * 0.18, rel=0.1)


def test_both_bootstraps_agree() -> None:
    hits = (torch.arange(3000) % 5 == 0).double()
    rows = bootstrap(lambda weights: weights @ hits / 3000, rows=3000)
    counts = bootstrap_counts(lambda drawn: drawn[:, 1] / 3000, torch.tensor([2400, 600]))
    assert rows == pytest.approx(counts, abs=0.003)


def test_the_seed_decides() -> None:
    def metric(weights: Tensor) -> Tensor:
        return weights[:, 0]

    first, again = (bootstrap(metric, rows=900, seed=3) for _ in range(2))
    assert first == again

    counts = torch.tensor([5000, 123, 4877])
    assert bootstrap_counts(metric, counts, seed=1) == bootstrap_counts(metric, counts, seed=1)
    assert bootstrap_counts(metric, counts, seed=1) != bootstrap_counts(metric, counts, seed=2)


def test_resamples_without_a_score_are_left_out() -> None:
    def metric(weights: Tensor) -> Tensor:
        return torch.where(weights[:, 0] > 0, 1.0, math.nan)

    assert bootstrap(metric, rows=3) == (1.0, 1.0)


def test_ten_thousand_rows_take_less_than_a_second_of_work() -> None:
    values = torch.rand(10_000, 10, dtype=torch.float64)
    start = time.thread_time()
    bootstrap(lambda weights: (weights @ values).sum(1), rows=10_000)
    assert time.thread_time() - start < 1


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="at least one row, got none"):
        bootstrap(lambda weights: weights.sum(1), rows=0)
    with pytest.raises(DataError, match="at least one row, got none"):
        bootstrap_counts(lambda drawn: drawn.sum(1), torch.zeros(3, dtype=torch.long))
