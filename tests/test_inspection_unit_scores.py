"""Scores of units: beside all pairs, scikit-learn, and resamples made by hand."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.inspection.unit_scores import (
    BLOCKS,
    RESAMPLES,
    area,
    area_interval,
    correlation,
    correlation_interval,
)


def made(steps: int, ties: bool, seed: int = 0) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    values = torch.randn(6, steps, generator=chance)
    inside = torch.rand(steps, generator=chance) < 0.3
    inside[:2] = torch.tensor([True, False])
    return (values.mul(2).round() if ties else values), inside


def all_pairs(values: Tensor, inside: Tensor) -> float:
    won = 0.0
    for high in values[inside].tolist():
        for low in values[~inside].tolist():
            won += 1.0 if high > low else 0.5 if high == low else 0.0
    return won / int(inside.sum()) / int((~inside).sum())


@pytest.mark.parametrize("ties", [False, True])
def test_an_area_is_the_share_of_pairs(ties: bool) -> None:
    values, inside = made(90, ties)
    found = area(values, inside)
    for unit, each in zip(values, found.tolist(), strict=True):
        assert each == pytest.approx(all_pairs(unit, inside), abs=1e-12)
        assert each == pytest.approx(float(roc_auc_score(inside.numpy(), unit.numpy())), abs=1e-12)
    assert area(torch.ones(1, 90), inside).tolist() == [0.5]
    assert area(inside[None].float(), inside).tolist() == [1.0]


def test_a_correlation_is_pearsons() -> None:
    values, _ = made(80, ties=False)
    target = torch.arange(80).double()
    wanted = torch.corrcoef(torch.cat([values.double(), target[None]]))[-1, :-1]
    assert_equal(correlation(values, target), wanted, "output")
    still = torch.full((1, 80), 0.1)
    assert correlation(still, target).tolist() == [0.0]
    assert correlation(values, torch.ones(80)).tolist() == [0.0] * 6


def resampled(steps: int, seed: int) -> list[Tensor]:
    """The tokens of each resample, one after the other, as a loop takes them."""
    size = min(BLOCKS, steps)
    block = [step * size // steps for step in range(steps)]
    members = [torch.tensor([s for s in range(steps) if block[s] == b]) for b in range(size)]
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.randint(size, (RESAMPLES, size), generator=chance).tolist()
    return [torch.cat([members[b] for b in row]) for row in drawn]


@pytest.mark.parametrize("ties", [False, True])
def test_intervals_are_those_of_resampled_tokens(ties: bool) -> None:
    values, inside = made(130, ties, seed=3)
    values[0] += inside
    unit, target = values[0], torch.arange(130).double() + values[1] * 40
    areas, correlations = [], []
    for tokens in resampled(130, seed=5):
        areas.append(area(unit[None, tokens], inside[tokens]))
        correlations.append(correlation(unit[None, tokens], target[tokens]))
    for found, scores in (
        (area_interval(unit, inside, 5), areas),
        (correlation_interval(unit, target, 5), correlations),
    ):
        ordered = torch.cat(scores).sort().values
        wanted = torch.quantile(ordered, torch.tensor([0.025, 0.975], dtype=torch.float64))
        assert_equal(found, wanted, "output")
    low, high = area_interval(unit, inside, 5).tolist()
    assert low < float(area(unit[None], inside)) < high


def test_an_interval_covers_what_is_true_of_tokens_alike_in_blocks() -> None:
    """Of runs of 20 tokens alike, an area of 1/2 is covered about as often as is said."""
    covered = 0
    for seed in range(60):
        chance = torch.Generator().manual_seed(seed)
        value = torch.randn(50, generator=chance).repeat_interleave(20)
        inside = (torch.rand(50, generator=chance) < 0.5).repeat_interleave(20)
        low, high = area_interval(value, inside, seed).tolist()
        covered += low <= 0.5 <= high
    assert covered >= 52
