"""How well a unit follows a target over tokens, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

RESAMPLES = 2000
BLOCKS = 50  # of tokens that follow each other: neighbours are alike, so no token is drawn alone


def area(values: Float[Tensor, "N T"], inside: Bool[Tensor, "T"]) -> Float[Tensor, "N"]:
    """Give the area under the ROC curve of each unit.

    It is the share of pairs of a token inside and one outside in which the one inside has the
    greater value; a tie counts half.

    Args:
        values: of each unit at each token, without NaN.
        inside: the tokens inside a match; some are, and some are not.

    Returns:
        0 to 1 for each unit, exactly.
    """
    low = values[:, ~inside].sort(1).values
    high = values[:, inside].contiguous()
    return _beaten(low, high).mean(1) / low.shape[1]


def _beaten(low: Float[Tensor, "N _"], high: Float[Tensor, "N _"]) -> Float[Tensor, "N _"]:
    """How many of the sorted values each of the others is greater than, ties as a half."""
    below = torch.searchsorted(low, high)
    return (below + torch.searchsorted(low, high, right=True)).double() / 2


def correlation(values: Float[Tensor, "N T"], target: Float[Tensor, "T"]) -> Float[Tensor, "N"]:
    """Give Pearson's correlation of each unit with a target.

    Args:
        values: of each unit at each token.
        target: of each token.

    Returns:
        −1 to 1 for each unit; 0 for a unit that never changes.
    """
    moved = values.double() - values.double().mean(1, keepdim=True)
    wanted = target.double() - target.double().mean()
    size = moved.norm(dim=1) * wanted.norm()
    # beside its mean, what rounding alone makes of a constant is nothing
    still = moved.abs().amax(1) <= 1e-7 * values.double().abs().amax(1)
    return torch.where(still | (size == 0), 0.0, (moved @ wanted) / size)


def area_interval(values: Float[Tensor, "T"], inside: Bool[Tensor, "T"], seed: int) -> Tensor:
    """Give the 95 % interval of an area, by resampling blocks of tokens.

    Args:
        values: of one unit at each token.
        inside: the tokens inside a match.
        seed: of the resampling.

    Returns:
        The least and the greatest value of the interval, [2].
    """
    block = _blocks(len(values))
    count = int(block[-1]) + 1
    high, owner = values[inside][None], block[inside]
    won = torch.zeros(count, count, dtype=torch.float64)
    for other in range(count):
        low = values[(block == other) & ~inside].sort().values[None]
        won[:, other].index_add_(0, owner, _beaten(low, high)[0])
    ins = torch.bincount(owner, minlength=count).double()
    outs = torch.bincount(block[~inside], minlength=count).double()

    def of(weights: Tensor) -> Tensor:
        pairs = (weights @ ins) * (weights @ outs)
        return torch.einsum("ra,ab,rb->r", weights, won, weights) / pairs

    return _interval(of, count, seed)


def correlation_interval(
    values: Float[Tensor, "T"], target: Float[Tensor, "T"], seed: int
) -> Tensor:
    """Give the 95 % interval of a correlation, by resampling blocks of tokens.

    Args:
        values: of one unit at each token.
        target: of each token.
        seed: of the resampling.

    Returns:
        The least and the greatest value of the interval, [2].
    """
    block = _blocks(len(values))
    count = int(block[-1]) + 1
    x, y = (each.double() - each.double().mean() for each in (values, target))
    terms = torch.stack([torch.ones_like(x), x, y, x * x, y * y, x * y], 1)
    sums = torch.zeros(count, 6, dtype=torch.float64).index_add_(0, block, terms)

    def of(weights: Tensor) -> Tensor:
        total = weights @ sums
        a, b, aa, bb, ab = (total[:, 1:] / total[:, :1]).unbind(1)
        return (ab - a * b) / ((aa - a * a).clamp(min=0) * (bb - b * b).clamp(min=0)).sqrt()

    return _interval(of, count, seed)


def _blocks(steps: int) -> Tensor:
    """The block of each token."""
    return torch.arange(steps) * min(BLOCKS, steps) // steps


def _interval(of: Callable[[Tensor], Tensor], blocks: int, seed: int) -> Tensor:
    """The middle 95 % of a score over resamples; one that holds no pair has no score."""
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.randint(blocks, (RESAMPLES, blocks), generator=chance)
    weights = torch.zeros(RESAMPLES, blocks, dtype=torch.float64)
    weights.scatter_add_(1, drawn, torch.ones_like(weights))
    scores = of(weights)
    bounds = torch.tensor([0.025, 0.975], dtype=torch.float64)
    return torch.nanquantile(torch.where(scores.isfinite(), scores, torch.nan), bounds)
