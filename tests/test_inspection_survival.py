"""What survives of a memory: beside products multiplied out."""

from __future__ import annotations

import math

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.inspection.survival import survival


def by_force(kept: Tensor, length: int) -> Tensor:
    """The mean over all starts, each product by itself."""
    starts = range(kept.shape[0] - length + 1)
    products = [kept.double()[start : start + length].prod(0).abs() for start in starts]
    return torch.stack(products).mean(0)


def factors(kind: str) -> Tensor:
    chance = torch.Generator().manual_seed(7)
    kept = torch.rand(2, 45, 12, generator=chance) ** torch.linspace(0.01, 1, 12)
    if kind == "zeros":
        kept[torch.rand(kept.shape, generator=chance) < 0.2] = 0.0
    if kind == "signs":
        kept *= torch.where(torch.rand(kept.shape, generator=chance) < 0.5, -1.0, 1.0)
    if kind == "growing":
        kept *= 1.5
    return kept


@pytest.mark.parametrize("kind", ["gates", "zeros", "signs", "growing"])
def test_shares_and_half_lives_are_those_of_products(kind: str) -> None:
    kept = factors(kind)
    found = survival(kept)
    assert found.steps.tolist() == [1, 2, 4, 8, 16, 32, 45]
    for layer, each in enumerate(kept):
        table = torch.stack([by_force(each, length) for length in range(1, 46)])
        assert_equal(found.share[layer], table[found.steps - 1], "output")
        for unit, life in enumerate(found.half_life[layer].tolist()):
            column = table[:, unit]
            if math.isinf(life):
                assert not (column[found.steps - 1] < 0.5).any()
            else:
                assert column[int(life) - 1] < 0.5
                assert life == 1 or column[int(life) - 2] >= 0.5
            if kind != "growing":  # there a share may fall and rise again
                assert life == next((k + 1 for k in range(45) if column[k] < 0.5), math.inf)


@pytest.mark.parametrize("factor", [0.0, 0.3, 0.5, 0.9, 0.99, 0.999, 1.0])
def test_a_constant_factor_has_its_known_half_life(factor: float) -> None:
    found = survival(torch.full((1, 300, 1), factor, dtype=torch.float64))
    if factor == 0.0:
        wanted = 1.0
    else:
        below = math.floor(math.log(0.5) / math.log(factor)) + 1 if factor < 1 else math.inf
        wanted = below if below <= 300 else math.inf
    assert found.half_life.item() == wanted
    assert_equal(found.share[0, :, 0], factor ** found.steps.double(), "output")


def test_one_step_and_a_nan() -> None:
    assert survival(torch.full((1, 1, 1), 0.4)).half_life.tolist() == [[1.0]]
    kept = torch.full((1, 6, 2), 0.4)
    kept[0, 2, 1] = float("nan")
    assert survival(kept).half_life[0].isnan().tolist() == [False, True]


def test_many_steps_lose_no_digits() -> None:
    """The sums of logarithms are large beside the differences."""
    kept = torch.full((1, 20_000, 1), 1e-30)
    kept[0, -50:] = 0.999
    last = survival(kept).share[0, 0].item()
    wanted = (19_950 * float(torch.tensor(1e-30)) + 50 * float(torch.tensor(0.999))) / 20_000
    assert last == pytest.approx(wanted, rel=1e-9)
