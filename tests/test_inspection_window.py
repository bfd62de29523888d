"""A window on a gate or state holds what a loop over its cells finds."""

from __future__ import annotations

import json

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.errors import DataError
from headgate.inspection.window import MOST_CELLS, rounded, window


@pytest.mark.parametrize(
    ("shape", "steps", "units", "columns"),
    [
        ((50, 7), (1, 50), (0, 6), 800),
        ((50, 7), (11, 30), (2, 4), 6),
        ((3000, 90), (5, 2900), (0, 89), 700),
        ((1, 1), (1, 1), (0, 0), 1),
        ((9, 60_000), (2, 8), (0, 59_999), 5),
    ],
)
def test_each_cell_is_what_a_loop_finds(
    shape: tuple[int, int], steps: tuple[int, int], units: tuple[int, int], columns: int
) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found = window(values, steps=steps, units=units, columns=columns)
    across, down = len(found.steps) - 1, len(found.units) - 1
    assert (found.steps[0], found.steps[-1]) == (steps[0], steps[1] + 1)
    assert (found.units[0], found.units[-1]) == (units[0], units[1] + 1)
    assert across == min(columns, steps[1] - steps[0] + 1)
    assert across * down <= max(MOST_CELLS, across)
    assert found.whole == (across * down == (steps[1] - steps[0] + 1) * (units[1] - units[0] + 1))
    for column in {0, across // 2, across - 1}:
        rows = values[found.steps[column] - 1 : found.steps[column + 1] - 1]
        line = torch.stack([rows.mean(), rows.min(), rows.max()])
        assert_equal(found.line[:, column], line, "output")
        for row in {0, down // 2, down - 1}:
            cell = rows[:, found.units[row] : found.units[row + 1]]
            assert found.low[row, column] == cell.min()
            assert found.high[row, column] == cell.max()
            if found.whole:
                assert found.mean[row, column] == cell.item()


def test_a_mean_is_the_mean() -> None:
    """Of bins of equal sizes the mean of the means is that of all."""
    values = torch.randn(800, 100, generator=torch.Generator().manual_seed(2))
    found = window(values, steps=(1, 800), units=(0, 99), columns=800)
    assert len(found.units) - 1 == 50
    assert_equal(found.mean, values.T.reshape(50, 2, 800).mean(1), "output")


@pytest.mark.parametrize(
    ("steps", "units", "said"),
    [
        ((0, 3), (0, 1), "step lie from 1 to 9"),
        ((4, 3), (0, 1), "step lie from 1 to 9"),
        ((1, 10), (0, 1), "step lie from 1 to 9"),
        ((1, 9), (0, 2), "unit lie from 0 to 1"),
    ],
)
def test_what_there_is_not_is_refused(
    steps: tuple[int, int], units: tuple[int, int], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        window(torch.zeros(9, 2), steps=steps, units=units, columns=5)


def test_plain_data_is_json() -> None:
    values = torch.randn(500, 200, generator=torch.Generator().manual_seed(3))
    values[3, 4] = float("nan")
    for most in (500, 20):
        found = window(values, steps=(1, 500), units=(0, 199), columns=most).plain()
        text = json.dumps(found, allow_nan=False)
        assert len(text) < 1_000_000
        assert ("low" in found) != found["whole"]
        assert any(None in row for row in found["mean"])


def test_numbers_keep_four_digits_of_the_greatest() -> None:
    assert rounded(torch.tensor([1234.5678, -0.26])) == [1235.0, 0.0]
    assert rounded(torch.tensor([1e-20, 2.34567e-20])) == pytest.approx([1e-20, 2.346e-20])
    assert rounded(torch.zeros(2, 2)) == [[0.0, 0.0], [0.0, 0.0]]
    assert rounded(torch.tensor([float("inf"), 0.5])) == [None, 0.5]
    assert rounded(torch.zeros(0)) == []
