"""What a forecaster's settings are where nobody sets them: read off the training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.clock import Clock, clock_of
from headgate.evaluation.forecast_baselines import filled
from headgate.tasks.forecast_data import Series, usual_horizon
from headgate.tasks.forecast_settings import AUTO, ForecastSettings

_LOOKED_AT = 200  # series
_LONGEST_SEASON, _LONGEST_CONTEXT, _SHORTEST_CONTEXT = 400, 512, 16
_SEASONAL = 0.2  # the autocorrelation of changes that a season has at least
_LEVEL, _DIP = 0.4, 0.3  # that of values, where changes are noise, and how far it fell before
_NEAR = 0.8  # of the highest autocorrelation: the shortest such lag is the season
_WEEKS = 2.5  # of training at least, for a lag of a week
_OF_DAYS = (24, 48, 96)  # seasons that are a day
_GROWS, _RANGE = 0.5, 1.3  # correlation of spread and level, and ratio of levels, for a logarithm


def resolved(settings: ForecastSettings, train: Sequence[Series]) -> ForecastSettings:
    """Put numbers and names in place of every "auto".

    Args:
        settings: as the user gave them.
        train: what is learned from.

    Returns:
        The settings without an "auto".
    """
    clock = clock_of(train[0].stamps)
    lengths = sorted(len(each) for each in train)
    middle = lengths[len(lengths) // 2]
    horizon = usual_horizon(train) if settings.horizon == AUTO else int(settings.horizon)
    season = settings.season if settings.season != AUTO else _season(train, clock, middle)
    lags = _lags(int(season), clock, middle) if settings.lags == AUTO else settings.lags
    assert isinstance(lags, list)
    context = settings.context
    if context == AUTO:
        wanted = max(*lags, 2 * int(season), horizon, _SHORTEST_CONTEXT)
        context = max(1, min(wanted, _LONGEST_CONTEXT, middle * 3 // 4))
    counts = settings.distribution == "negative_binomial"
    scaling = settings.scaling
    if scaling == AUTO:
        scaling = "mean" if counts else "standard"
    transform = settings.transform
    if transform == AUTO:
        transform = "log" if not counts and _wants_logarithm(train, int(season)) else None
    return replace(
        settings,
        horizon=horizon,
        season=season,
        lags=lags,
        context=context,
        scaling=scaling,
        transform=transform,
        stride=horizon if settings.stride == AUTO else settings.stride,
    )


def _season(train: Sequence[Series], clock: Clock | None, middle: int) -> int:
    if clock is not None and 2 * clock.season < middle:
        return clock.season
    return season_of([each.values[each.start : each.end] for each in train[:_LOOKED_AT]])


def season_of(values: Sequence[Float[Tensor, "T L"]]) -> int:
    """Find the season of series: the shortest lag at which their changes are most alike.

    Where changes are all noise, the values themselves are looked at, with their trend taken off.

    Args:
        values: the series, NaN where a value is missing.

    Returns:
        Its steps; 1 where none stands out.

    Example:
        >>> import torch
        >>> season_of([torch.sin(torch.arange(80.0) * 2 * torch.pi / 10)[:, None]])
        10
    """
    most = min(_LONGEST_SEASON, max(len(each) for each in values) // 3)
    if most < 3:
        return 1
    whole = [filled(each) for each in values]
    found = _peak([each.diff(dim=0) for each in whole], most, least=_SEASONAL, dip=0.0)
    return (
        found or _peak([_straightened(each) for each in whole], most, least=_LEVEL, dip=_DIP) or 1
    )


def _peak(values: Sequence[Tensor], most: int, *, least: float, dip: float) -> int:
    """Give the shortest of the highest peaks of the mean autocorrelation; 0 where there is none."""
    total, count = torch.zeros(most + 2, dtype=torch.float64), torch.zeros(most + 2)
    for each in values:
        found = _autocorrelation(each, most + 1)
        total[: len(found)] += found
        count[: len(found)] += 1
    mean = total / count.clamp(min=1)
    inner, before = mean[1:-1], mean.cummin(0).values[1:-1]
    peaks = (inner > mean[:-2]) & (inner >= mean[2:]) & (inner > least) & (inner - before >= dip)
    peaks[0] = False  # a lag of 1 is no season
    if not bool(peaks.any()):
        return 0
    high = peaks & (inner >= _NEAR * inner[peaks].max())
    return int(high.nonzero()[0]) + 1


def _straightened(values: Tensor) -> Tensor:
    """Take the line of least squares off each column."""
    steps = torch.arange(len(values), dtype=values.dtype)[:, None]
    steps = steps - steps.mean()
    slope = (steps * values).sum(0) / steps.square().sum().clamp(min=1)
    return values - values.mean(0) - slope * steps


def _autocorrelation(changes: Tensor, most: int) -> Tensor:
    """Average over the columns the autocorrelation at lags 0 to ``most``, as far as there are."""
    centred = changes - changes.mean(0)
    size = 2 * len(changes)
    power = torch.fft.rfft(centred, n=size, dim=0).abs().square()
    found = torch.fft.irfft(power, n=size, dim=0)[: min(most, len(changes) // 2) + 1]
    return (found / found[0].clamp(min=1e-12)).mean(1)


def _lags(season: int, clock: Clock | None, middle: int) -> list[int]:
    week = 7 * season if clock is None and season in _OF_DAYS else clock.week if clock else 0
    found = {1, season, season + 1}
    if week and middle >= _WEEKS * week:
        found.add(week)
    return sorted(lag for lag in found if lag == 1 or 2 * lag <= middle)


def _wants_logarithm(train: Sequence[Series], season: int) -> bool:
    """Whether all values are above zero, and in most series spread goes with level."""
    size, votes = max(season, 8), []
    for each in train[:_LOOKED_AT]:
        values = each.values[each.start : each.end]
        if not bool((values[~values.isnan()] > 0).all()):
            return False
        whole = filled(values)
        pieces = whole[: len(whole) // size * size].unflatten(0, (-1, size))
        if len(pieces) >= 3:
            votes.append(_grows(pieces.mean(1), pieces.std(1)))
    return sum(votes) * 2 > len(votes)


def _grows(level: Tensor, spread: Tensor) -> bool:
    pairs = torch.stack([level.flatten(), spread.flatten()])
    if level.shape[1] > 1 or float(pairs[0].min()) * _RANGE > float(pairs[0].max()):
        return False
    return bool(torch.corrcoef(pairs)[0, 1] > _GROWS)
