"""How far forecasts lie from what came: errors, scaled errors, CRPS, coverage.

Of one forecast after another over a series the errors depend on each other, so an interval never
resamples steps: it resamples series, or where there is a single one its origins, in blocks of
those whose forecasts overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation.intervals import bootstrap
from headgate.evaluation.scores import Score

COVERED = 0.8  # the share of values that should lie between the 0.1 and the 0.9 quantile


@dataclass(frozen=True)
class Forecasts:
    """What was foretold from B origins, T steps ahead, for L values a step, and what came.

    Args:
        actual: what came, NaN where it is missing, [B, T, L].
        mean: what errors that are squared are of, [B, T, L].
        median: what absolute errors are of, [B, T, L].
        size: what an error of a series is measured by, the mean absolute error of its seasonal
            naive forecast over its past, [B, L].
        group: what the interval resamples: the number of each origin's series, or of its block
            of origins, [B].
        crps: the continuous ranked probability score of each value, [B, T, L]; None where
            nothing but points was foretold.
        low: the 0.1 quantile, [B, T, L], likewise.
        high: the 0.9 quantile, [B, T, L], likewise.

    Raises:
        ShapeError: the shapes differ.
        DataError: there is no value to compare with.
    """

    actual: Tensor
    mean: Tensor
    median: Tensor
    size: Tensor
    group: Tensor
    crps: Tensor | None = None
    low: Tensor | None = None
    high: Tensor | None = None

    def __post_init__(self) -> None:
        wanted = self.actual.shape
        for name in ("mean", "median", "crps", "low", "high"):
            value = getattr(self, name)
            if value is not None and value.shape != wanted:
                raise ShapeError(
                    f"{name} has a value for each that came, {tuple(wanted)}, not "
                    f"{tuple(value.shape)}"
                )
        if bool(self.actual.isnan().all()):
            raise DataError("a score needs at least one value that came, and all are missing")

    def points(self, values: Float[Tensor, "B T L"]) -> Forecasts:
        """Put a rival's points in place of what was foretold.

        Args:
            values: its forecasts.

        Returns:
            The same origins with these points and no quantiles.
        """
        return replace(self, mean=values, median=values, crps=None, low=None, high=None)


def forecast_scores(found: Forecasts, *, seed: int = 0) -> dict[str, Score]:
    """Give the scores that forecasts are reported by.

        MASE   = mean |yₜ - ŷₜ| / size, averaged over the forecasts of each series
        sMAPE  = 200 · mean |yₜ - ŷₜ| / (|yₜ| + |ŷₜ|)
        CRPS   = E|X - y| - ½ E|X - X'|, averaged over all values

    Source: MASE, Hyndman & Koehler 2006; sMAPE as the M4 competition has it, Makridakis 2018;
    CRPS, Gneiting & Raftery 2007.

    Args:
        found: forecasts and what came.
        seed: of the bootstrap.

    Returns:
        "mase", "smape", "rmse", "mse", "mae"; and of forecasts with quantiles "crps" and
        "coverage", the share of values between the 0.1 and the 0.9 quantile. MASE leaves out what
        has a size of 0, as a constant series has.
    """
    known = ~found.actual.isnan()
    actual = found.actual.double().nan_to_num()
    off = (actual - found.median.double()).abs()
    squared = (actual - found.mean.double()).square()
    total = actual.abs() + found.median.double().abs()
    relative = torch.where(total > 0, 200 * off / total.clamp(min=1e-300), 0.0)
    size = found.size.double()[:, None].expand_as(off)
    scaled = known & (size > 0)
    score = _Scorer(found.group, seed)
    scores = {
        "mase": score(off / size.clamp(min=1e-300), scaled, by_forecast=True),
        "smape": score(relative, known, by_forecast=True),
        "rmse": score(squared, known, after=torch.sqrt),
        "mse": score(squared, known),
        "mae": score(off, known),
    }
    if not bool(scaled.any()):
        del scores["mase"]
    if found.crps is not None:
        scores["crps"] = score(found.crps.double(), known)
    if found.low is not None and found.high is not None:
        inside = (actual >= found.low.double()) & (actual <= found.high.double())
        scores["coverage"] = score(inside.double(), known)
    return scores


class _Scorer:
    """A mean over all values; its interval resamples groups of forecasts."""

    def __init__(self, group: Tensor, seed: int) -> None:
        self.group, self.seed = group.unique(return_inverse=True)[1], seed
        self.count = int(self.group.max()) + 1

    def __call__(
        self,
        values: Tensor,
        known: Tensor,
        *,
        by_forecast: bool = False,
        after: Callable[[Tensor], Tensor] = torch.Tensor.clone,
    ) -> Score:
        above = torch.where(known, values, 0.0).flatten(1).sum(1)
        below = known.flatten(1).sum(1).double()
        if by_forecast:  # each forecast counts once, however many of its values came
            above, below = above / below.clamp(min=1), (below > 0).double()
        tops, bottoms = (self._sums(each) for each in (above, below))
        kept = bottoms > 0
        tops, bottoms = tops[kept], bottoms[kept]

        def metric(weights: Float[Tensor, "R B"]) -> Float[Tensor, "R"]:
            return after((weights @ tops) / (weights @ bottoms))

        if not len(tops):
            return Score(float("nan"), float("nan"), float("nan"))
        value = float(after(tops.sum() / bottoms.sum()))
        return Score(value, *bootstrap(metric, len(tops), seed=self.seed))

    def _sums(self, values: Tensor) -> Tensor:
        return torch.zeros(self.count, dtype=torch.float64).index_add(0, self.group, values)


def crps_of_samples(
    samples: Float[Tensor, "*rows K"], actual: Float[Tensor, "*rows"]
) -> Float[Tensor, "*rows"]:
    """Give the CRPS of an empirical distribution.

        CRPS = 1/K Σₖ |xₖ - y| - 1/K² Σₖ (2k - K - 1) x₍ₖ₎,  x₍ₖ₎ sorted

    Args:
        samples: K draws of each value, [..., K].
        actual: what came, [...]; NaN where it is missing, as is its score.

    Returns:
        The score of each value in float64, [...]; of a single draw its absolute error.

    Example:
        >>> crps_of_samples(torch.tensor([[0.0, 2.0]]), torch.tensor([1.0]))
        tensor([0.5000], dtype=torch.float64)
    """
    ordered, count = samples.double().sort(-1).values, samples.shape[-1]
    weights = 2.0 * torch.arange(1, count + 1, dtype=torch.float64) - count - 1
    spread = ordered @ weights / count**2
    return (ordered - actual.double()[..., None]).abs().mean(-1) - spread


def crps_of_quantiles(
    quantiles: Float[Tensor, "*rows K"], levels: Float[Tensor, "K"], actual: Float[Tensor, "*rows"]
) -> Float[Tensor, "*rows"]:
    """Give the CRPS that some quantiles stand for: twice their mean pinball loss.

    Args:
        quantiles: of each value, [..., K].
        levels: their probabilities, [K].
        actual: what came, [...].

    Returns:
        The score of each value in float64, [...].
    """
    level = levels.double()
    off = actual.double()[..., None] - quantiles.double()
    return 2 * torch.maximum(level * off, (level - 1) * off).mean(-1)


def blocks(origins: Int[Tensor, "B"], horizon: int) -> Int[Tensor, "B"]:
    """Put origins whose forecasts overlap in one block.

    Args:
        origins: the step of each, of one series, in order.
        horizon: steps of a forecast.

    Returns:
        The number of each origin's block.

    Example:
        >>> blocks(torch.tensor([10, 11, 12, 13]), 2)
        tensor([0, 0, 1, 1])
    """
    return (origins - origins.min()) // horizon
