"""95 % intervals: how far a score may be off for want of rows.

A proportion (accuracy, exact match, the precision of a class) has Wilson's interval. It needs no
random numbers, and it keeps its width where the bootstrap loses it: with no error among the rows
every resample is also without one, so that the bootstrap would say "1.000 to 1.000" of ten rows
as of ten thousand. All other metrics have the percentile bootstrap.

Both take the rows to be independent of each other. Rows that come in groups, such as many of one
speaker, need a wider interval than these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError

_NORMAL_QUANTILE = 1.959963984540054  # of 0.975
_CHUNK = 4_000_000  # numbers held at once while resampling: 32 MB


class Interval(NamedTuple):
    """The two ends of a 95 % interval."""

    low: float
    high: float


def wilson(successes: float, trials: float) -> Interval:
    """Give Wilson's interval of a proportion.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        successes: how many of the trials succeeded.
        trials: how many there were; none at all leaves the interval at 0 to 1.

    Returns:
        The interval, which contains successes / trials.

    Example:
        >>> low, high = wilson(10, 10)
        >>> round(low, 3), high
        (0.722, 1.0)
    """
    if trials == 0:
        return Interval(0.0, 1.0)
    square = _NORMAL_QUANTILE**2
    share = successes / trials
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    spread = math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    reach = _NORMAL_QUANTILE * spread / (1 + square / trials)
    # The ends are exact at 0 and at 1, where rounding would miss them.
    low = 0.0 if successes == 0 else max(0.0, middle - reach)
    high = 1.0 if successes == trials else min(1.0, middle + reach)
    return Interval(low, high)


def bootstrap(
    metric: Callable[[Float[Tensor, "R B"]], Float[Tensor, "R"]],
    rows: int,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Give the percentile bootstrap interval of any metric over rows.

    A resample draws as many rows as there are, with replacement. The metric sees it as weights:
    how often each row was drawn. So a metric of sums over rows is one matrix product for all
    resamples.

    Source: Efron, "Bootstrap methods: another look at the jackknife", 1979.

    Args:
        metric: from the weights of some resamples, [R, B] in float64, to their scores, [R]. A
            NaN is left out: that resample has no score.
        rows: B, the number of rows.
        resamples: how many resamples to draw.
        seed: the seed of the draws.

    Returns:
        The 2.5 % and the 97.5 % quantile of the scores; NaN if no resample has a score.

    Raises:
        DataError: if there are no rows.

    Example:
        >>> heights = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
        >>> bootstrap(lambda weights: weights @ heights / 4, rows=4)
        Interval(low=1.5, high=3.5)
    """
    if rows < 1:
        raise DataError("a score needs at least one row, got none")
    generator = torch.Generator().manual_seed(seed)
    scores = []
    for part in _parts(resamples, rows):
        drawn = torch.randint(rows, (part, rows), generator=generator)
        weights = torch.zeros(part, rows, dtype=torch.float64)
        weights.scatter_add_(1, drawn, torch.ones(1, 1, dtype=torch.float64).expand(part, rows))
        scores.append(metric(weights))
    return _quantiles(torch.cat(scores))


def bootstrap_counts(
    metric: Callable[[Float[Tensor, "R C"]], Float[Tensor, "R"]],
    counts: Int[Tensor, "C"],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Give the percentile bootstrap interval of a metric of counts.

    Where rows of one kind are interchangeable, a resample of the rows is a multinomial draw of
    the counts. Its cost goes with the number of kinds, not of rows.

    Args:
        metric: from the counts of some resamples, [R, C] in float64, to their scores, [R].
        counts: how many rows there are of each of C kinds.
        resamples: how many resamples to draw.
        seed: the seed of the draws.

    Returns:
        The 2.5 % and the 97.5 % quantile of the scores; NaN if no resample has a score.

    Raises:
        DataError: if all counts are 0.
    """
    if int(counts.sum()) < 1:
        raise DataError("a score needs at least one row, got none")
    generator = torch.Generator().manual_seed(seed)
    shares = counts.to(torch.float64)
    parts = _parts(resamples, len(counts))
    return _quantiles(torch.cat([metric(_multinomial(shares, n, generator)) for n in parts]))


def _parts(resamples: int, width: int) -> list[int]:
    """Split the resamples so that one part's draws fit into ``_CHUNK`` numbers."""
    most = max(1, _CHUNK // width)
    return [min(most, resamples - start) for start in range(0, resamples, most)]


def _multinomial(counts: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """Draw counts anew: split the total in two halves of the kinds, then each half, and so on."""
    levels = max(len(counts) - 1, 0).bit_length()
    tree = [torch.nn.functional.pad(counts, (0, 2**levels - len(counts)))]
    for _ in range(levels):
        tree.append(tree[-1].view(-1, 2).sum(1))
    drawn = tree.pop().expand(draws, 1)
    for level in reversed(tree):
        pairs = level.view(-1, 2)
        left = (pairs[:, 0] / pairs.sum(1)).nan_to_num()
        first = torch.binomial(drawn, left.expand_as(drawn).contiguous(), generator=generator)
        drawn = torch.stack([first, drawn - first], dim=2).flatten(1)
    return drawn[:, : len(counts)]


def _quantiles(scores: Tensor) -> Interval:
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = torch.nanquantile(scores.to(torch.float64), ends).tolist()
    return Interval(low, high)
