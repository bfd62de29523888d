from __future__ import annotations

import pytest
import torch
from tests.tolerances import assert_equal
from torch import distributions
from torch.nn import functional

from headgate.models.distributions import DISTRIBUTIONS, LEVELS, Quantiles
from headgate.models.path_noise import Noise

DRAWS = 20_000


def raw_of(name: str) -> torch.Tensor:
    family = DISTRIBUTIONS[name]
    return torch.randn(3, 2, family.size, dtype=torch.float64)


def law_of(name: str, raw: torch.Tensor, scale: torch.Tensor) -> distributions.Distribution:
    """The same law as torch has it, of scaled values; of counts as they are."""
    place, spread = raw[..., 0], functional.softplus(raw[..., 1]) + 1e-4
    if name == "gaussian":
        return distributions.Normal(place, spread)
    if name == "student":
        freedom = 2 + functional.softplus(raw[..., 2])
        return distributions.StudentT(freedom, place, spread)
    mean = scale * (functional.softplus(place) + 1e-4)
    alpha = spread / scale.sqrt()
    return distributions.NegativeBinomial(1 / alpha, probs=mean * alpha / (1 + mean * alpha))


@pytest.mark.parametrize("name", ["gaussian", "student", "negative_binomial"])
def test_the_loss_is_the_likelihood_of_torch(name: str) -> None:
    raw, scale = raw_of(name), torch.rand(3, 2, dtype=torch.float64) * 5 + 0.5
    values = torch.randint(0, 30, (3, 2)).double()
    z = values / scale if name == "negative_binomial" else torch.randn(3, 2).double()
    law = law_of(name, raw, scale)
    wanted = -law.log_prob(values if name == "negative_binomial" else z)
    assert torch.allclose(DISTRIBUTIONS[name].loss(raw, z, scale), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["gaussian", "student", "negative_binomial"])
def test_draws_have_the_mean_and_the_spread_of_the_law(name: str) -> None:
    raw, scale = raw_of(name)[:1], torch.tensor([[3.0, 8.0]], dtype=torch.float64)
    if name == "student":
        raw[..., 2] = 8.0  # so that its variance is there to be measured
    law = law_of(name, raw, scale)
    given = raw[:, None].expand(-1, DRAWS, -1, -1)
    wide = scale[:, None].expand(-1, DRAWS, -1)
    found = DISTRIBUTIONS[name].sample(given.float(), Noise([5], DRAWS), wide.float()).double()
    values = found * scale if name == "negative_binomial" else found
    spread = law.variance.sqrt()
    assert torch.allclose(values.mean(1), law.mean, atol=float(4 * spread.max() / DRAWS**0.5))
    assert torch.allclose(values.std(1), spread, rtol=0.05)


def test_quantiles_never_cross_and_their_draws_lie_as_they_say() -> None:
    family = DISTRIBUTIONS["quantiles"]
    assert isinstance(family, Quantiles)
    raw = torch.randn(1, 1, family.size)
    known = family.quantiles(raw)
    assert bool((known.diff(dim=-1) > 0).all())
    given = raw[:, None].expand(-1, DRAWS, -1, -1)
    found = family.sample(given, Noise([1], DRAWS), torch.ones(1, DRAWS, 1))
    below = (found[..., None] <= known[:, None]).float().mean((0, 1, 2))
    assert torch.allclose(below, torch.tensor(LEVELS), atol=0.01)


def test_the_loss_of_quantiles_is_their_pinball_loss() -> None:
    family = DISTRIBUTIONS["quantiles"]
    assert isinstance(family, Quantiles)
    raw, z = torch.randn(5, family.size).double(), torch.randn(5).double()
    wanted = torch.zeros(5, dtype=torch.float64)
    for row in range(5):
        for level, value in zip(LEVELS, family.quantiles(raw)[row].tolist(), strict=True):
            off = float(z[row]) - value
            wanted[row] += 2 * (level * off if off > 0 else (level - 1) * off) / len(LEVELS)
    assert_equal(family.loss(raw, z, torch.ones(5).double()), wanted, "output")


@pytest.mark.parametrize("name", ["gaussian", "student", "quantiles"])
def test_the_beginning_is_a_law_of_the_given_spread(name: str) -> None:
    family = DISTRIBUTIONS[name]
    raw = torch.tensor(family.initial(0.5))[None, None, None].expand(1, DRAWS, 1, -1)
    found = family.sample(raw, Noise([2], DRAWS), torch.ones(1, DRAWS, 1))
    assert float(found.median()) == pytest.approx(0.0, abs=0.02)
    inside = (found.abs() < 0.5).float().mean()
    assert float(inside) == pytest.approx(0.683, abs=0.05)


def test_a_row_draws_the_same_whatever_stands_beside_it() -> None:
    alone, among = Noise([9], 16), Noise([3, 9, 4], 16)
    for _ in range(3):
        assert_equal(alone.uniform(2)[0], among.uniform(2)[1], "bits")
    mean = torch.full((1, 16, 2), 4.0)
    one = Noise([9], 16).negative_binomial(mean / 2, mean)
    three = Noise([3, 9, 4], 16).negative_binomial(mean.repeat(3, 1, 1) / 2, mean.repeat(3, 1, 1))
    assert_equal(one[0], three[1], "bits")


def test_strata_cover_the_line_evenly() -> None:
    found = Noise([0], 50).uniform(1)[0, :, 0].sort().values
    for number, value in enumerate(found.tolist()):
        assert number / 50 <= value + 2e-6
        assert value <= (number + 1) / 50 + 2e-6
