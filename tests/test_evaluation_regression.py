from __future__ import annotations

import math
import random

import pytest
import torch

from headgate.errors import DataError, ShapeError
from headgate.evaluation.regression import regression_scores


def test_the_scores_are_those_of_a_loop() -> None:
    chance = random.Random(5)
    wanted = [chance.gauss(3, 2) for _ in range(40)]
    given = [value + chance.gauss(0, 0.5) for value in wanted]
    found = regression_scores(torch.tensor(given), torch.tensor(wanted))
    squares = [(a - b) ** 2 for a, b in zip(given, wanted, strict=True)]
    mean = sum(wanted) / len(wanted)
    spread = sum((value - mean) ** 2 for value in wanted)
    assert found["mse"].value == pytest.approx(sum(squares) / 40)
    assert found["rmse"].value == pytest.approx(math.sqrt(sum(squares) / 40))
    assert found["mae"].value == pytest.approx(
        sum(abs(a - b) for a, b in zip(given, wanted, strict=True)) / 40
    )
    assert found["r2"].value == pytest.approx(1 - sum(squares) / spread, abs=1e-5)
    for score in found.values():
        assert score.low <= score.value <= score.high


def test_the_mean_explains_nothing_and_the_truth_all() -> None:
    wanted = torch.tensor([1.0, 2.0, 6.0])
    assert regression_scores(torch.full((3,), 3.0), wanted)["r2"].value == pytest.approx(0)
    assert regression_scores(wanted, wanted)["r2"].value == 1


def test_equal_targets_have_no_share_explained() -> None:
    assert "r2" not in regression_scores(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))


@pytest.mark.usefixtures("unchecked")
def test_wrong_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="one prediction a target"):
        regression_scores(torch.ones(2), torch.ones(3))
    with pytest.raises(DataError, match="at least one row"):
        regression_scores(torch.ones(0), torch.ones(0))
