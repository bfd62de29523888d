"""Average precision and the best threshold against scikit-learn."""

from __future__ import annotations

import math
from inspect import unwrap

import pytest
import torch
from sklearn import metrics
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation.ranking import average_precision, best_threshold


def rare(rows: int = 600, digits: int = 2) -> tuple[Tensor, Tensor]:
    """One row in ten in the class; probabilities with many ties."""
    generator = torch.Generator().manual_seed(rows)
    targets = (torch.rand(rows, generator=generator) < 0.1).long()
    noise = torch.randn(rows, generator=generator, dtype=torch.float64)
    return (noise + 2 * targets - 2).sigmoid().round(decimals=digits), targets


@pytest.mark.parametrize("digits", [1, 2, 12])
def test_average_precision_is_scikit_learns(digits: int) -> None:
    probabilities, targets = rare(digits=digits)
    score = average_precision(probabilities, targets)
    assert score.value == pytest.approx(metrics.average_precision_score(targets, probabilities))
    assert score.low < score.value < score.high
    assert score.baseline == pytest.approx(targets.double().mean().item())


def test_the_interval_is_that_of_drawn_rows() -> None:
    probabilities, targets = rare()
    score = average_precision(probabilities, targets)
    generator = torch.Generator().manual_seed(5)
    values = []
    for _ in range(300):
        drawn = torch.randint(600, (600,), generator=generator)
        values.append(metrics.average_precision_score(targets[drawn], probabilities[drawn]))
    ends = torch.tensor(values).double().quantile(torch.tensor([0.025, 0.975]).double())
    assert (score.low, score.high) == pytest.approx(ends.tolist(), abs=0.04)


@pytest.mark.parametrize("digits", [1, 12])
def test_the_best_threshold_has_the_highest_f1(digits: int) -> None:
    probabilities, targets = rare(rows=150, digits=digits)
    best = best_threshold(probabilities, targets)
    reached = {
        float(value): metrics.f1_score(targets, probabilities >= value)
        for value in probabilities.unique()
    }
    assert best.f1 == pytest.approx(max(reached.values()))
    assert reached[best.value] == pytest.approx(best.f1)
    chosen = probabilities >= best.value
    assert best.precision == pytest.approx(metrics.precision_score(targets, chosen))
    assert best.recall == pytest.approx(metrics.recall_score(targets, chosen))


def test_float32_thresholds_select_the_same_rows() -> None:
    probabilities, targets = rare(digits=12)
    probabilities = probabilities.float()
    best = best_threshold(probabilities, targets)
    chosen = probabilities >= best.value
    assert best.f1 == pytest.approx(metrics.f1_score(targets, chosen))


def test_one_row() -> None:
    one = torch.tensor([1])
    assert average_precision(torch.tensor([0.2]), one).value == 1.0
    assert best_threshold(torch.tensor([0.25]), one) == (0.25, 1.0, 1.0, 1.0)


def test_bad_input_is_named() -> None:
    targets = torch.tensor([0, 1, 1])
    with pytest.raises(DataError, match=r"row 2: .* got nan"):
        average_precision(torch.tensor([0.1, math.nan, 0.2]), targets)
    with pytest.raises(DataError, match=r"row 3: .* got 1.5"):
        best_threshold(torch.tensor([0.1, 0.2, 1.5]), targets)
    with pytest.raises(DataError, match="row 1: a target of 0 or 1 is wanted, got 2"):
        best_threshold(torch.rand(3), torch.tensor([2, 0, 1]))
    with pytest.raises(DataError, match="none of the 3 rows is in the class"):
        average_precision(torch.rand(3), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"\(2,\) and targets of shape \(3,\)"):
        unwrap(average_precision)(torch.rand(2), targets)  # as where shapes go unchecked
