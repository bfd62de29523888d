"""Bins of steps: beside a loop over the bins."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.errors import DataError
from headgate.inspection.binning import MOST_COLUMNS, binned


@pytest.mark.parametrize(("steps", "most"), [(10, 3), (10, 5), (7, 6), (2001, 2000), (9, 1)])
def test_bins_are_those_of_a_loop(steps: int, most: int) -> None:
    values = torch.randn(2, 3, steps, generator=torch.Generator().manual_seed(steps))
    bins = binned(values, most)
    edges = bins.edges.tolist()
    assert len(edges) == most + 1
    assert (edges[0], edges[-1]) == (0, steps)
    assert {end - start for start, end in pairwise(edges)} <= {
        steps // most,
        steps // most + 1,
    }
    for column, (start, end) in enumerate(pairwise(edges)):
        some = values[..., start:end]
        assert_equal(bins.mean[..., column], some.double().mean(-1).float(), "output")
        assert_equal(bins.low[..., column], some.min(-1).values, "bits")
        assert_equal(bins.high[..., column], some.max(-1).values, "bits")


def test_few_steps_stay_as_they_are() -> None:
    values = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    bins = binned(values)
    assert_equal([bins.mean, bins.low, bins.high], [values] * 3, "bits")
    assert bins.edges.tolist() == list(range(7))
    assert binned(torch.zeros(MOST_COLUMNS + 1)).mean.shape == (MOST_COLUMNS,)


def test_a_nan_stays_in_its_bin() -> None:
    values = torch.tensor([1.0, float("nan"), 3.0, 4.0, 5.0])
    bins = binned(values, 2)
    assert bins.mean.isnan().tolist() == bins.low.isnan().tolist() == [True, False]


def test_nothing_has_no_bins() -> None:
    with pytest.raises(DataError, match="one step and one bin"):
        binned(torch.zeros(3, 0))
    with pytest.raises(DataError, match="one step and one bin"):
        binned(torch.zeros(3), 0)
