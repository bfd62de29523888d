"""Forecasts that any model has to beat: the last value, the last season, a line, a regression."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError

_RIDGE = 1e-8  # of the mean square of a column: keeps collinear lags solvable
_ROWS_A_NUMBER = 2  # equations at least for each number of a regression


def filled(values: Float[Tensor, "T L"]) -> Float[Tensor, "T L"]:
    """Put the last known value where one is missing; before the first known one that.

    Args:
        values: a series, NaN where a value is missing.

    Returns:
        The series in float64 without a gap; of a column with no value zeros.

    Example:
        >>> filled(torch.tensor([[float("nan")], [1.0], [float("nan")]])).flatten()
        tensor([1., 1., 1.], dtype=torch.float64)
    """
    known = ~values.isnan()
    steps = torch.arange(len(values))[:, None].expand_as(known)
    last = torch.where(known, steps, -1).cummax(0).values
    first = torch.where(known, steps, len(values)).amin(0).clamp(max=len(values) - 1)
    place = torch.where(last < 0, first, last)
    return values.double().gather(0, place).nan_to_num()


def seasonal_size(values: Float[Tensor, "T L"], season: int) -> Float[Tensor, "L"]:
    """Give the mean absolute error of the seasonal naive forecast inside a series.

    Args:
        values: the series, NaN where a value is missing.
        season: steps of a season; 1 takes the last value.

    Returns:
        The size in float64; 0 where the series is no longer than a season, or constant.
    """
    if len(values) <= season:
        return torch.zeros(values.shape[1], dtype=torch.float64)
    off = (values[season:] - values[:-season]).double().abs()
    return off.nanmean(0).nan_to_num()


def naive(
    values: Float[Tensor, "T L"], origins: Int[Tensor, "B"], horizon: int, season: int = 1
) -> Float[Tensor, "B _ L"]:
    """Repeat the last value, or the last season.

    Args:
        values: a series without gaps.
        origins: the first step of each forecast.
        horizon: steps of a forecast.
        season: steps of a season.

    Returns:
        The forecasts, [B, horizon, L]. From an origin with less than a season before it the last
        value is repeated.
    """
    ahead = torch.arange(horizon)
    place = origins[:, None] - season + ahead % season
    place = torch.where(origins[:, None] < season, origins[:, None] - 1, place)
    return values[place.clamp(min=0)]


def drift(
    values: Float[Tensor, "T L"], origins: Int[Tensor, "B"], horizon: int
) -> Float[Tensor, "B _ L"]:
    """Go on along the line from the first value to the last.

    Args:
        values: a series without gaps.
        origins: the first step of each forecast.
        horizon: steps of a forecast.

    Returns:
        The forecasts, [B, horizon, L].
    """
    last = values[(origins - 1).clamp(min=0)]
    slope = (last - values[0]) / (origins - 1).clamp(min=1)[:, None]
    ahead = torch.arange(1, horizon + 1, dtype=values.dtype)
    return last[:, None] + slope[:, None] * ahead[:, None]


def regression(
    values: Float[Tensor, "T L"],
    origins: Int[Tensor, "B"],
    horizon: int,
    *,
    season: int,
    learned: int,
) -> Float[Tensor, "B _ L"]:
    """Regress each column on its lags 1, season and season + 1, with a constant.

    Of logarithms where all that is learned from is above zero: least squares, fitted once, its own
    forecasts fed back. A column that is too short for that has the seasonal naive forecast.

    Args:
        values: a series without gaps.
        origins: the first step of each forecast.
        horizon: steps of a forecast.
        season: steps of a season.
        learned: steps from the beginning that it is fitted to.

    Returns:
        The forecasts, [B, horizon, L].
    """
    lags = sorted({1, season, season + 1})
    if learned - max(lags) < _ROWS_A_NUMBER * (len(lags) + 1):
        return naive(values, origins, horizon, season)
    columns = [_regressed(each, origins, horizon, lags=lags, learned=learned) for each in values.T]
    return torch.stack(columns, -1)


def _regressed(
    values: Tensor, origins: Tensor, horizon: int, *, lags: list[int], learned: int
) -> Tensor:
    past = values[:learned]
    logs = bool((past > 0).all())
    y = values.clamp(min=float(past.min()) / 10).log() if logs else values
    most = max(lags)
    steps = torch.arange(most, learned)
    x = torch.stack([y[steps - lag] for lag in lags] + [torch.ones(len(steps)).double()], 1)
    gram = x.T @ x
    penalty = torch.diag(gram.diagonal() * _RIDGE + 1e-12)
    weight = torch.linalg.solve(gram + penalty, x.T @ y[steps])
    low, high = float(y[:learned].min()), float(y[:learned].max())
    room = high - low
    before = origins[:, None] + torch.arange(-most, 0)
    known = y[before.clamp(min=0)]
    for _ in range(horizon):
        columns = [known[:, known.shape[1] - lag] for lag in lags]
        found = torch.stack([*columns, torch.ones(len(known)).double()], 1) @ weight
        known = torch.cat([known, found.clamp(low - room, high + room)[:, None]], 1)
    found = known[:, most:]
    return found.exp() if logs else found


Baseline = Callable[[Tensor, Tensor, int, int, int], Tensor]
BASELINES: dict[str, Baseline] = {
    "naive": lambda values, origins, horizon, season, learned: naive(values, origins, horizon),
    "seasonal naive": lambda values, origins, horizon, season, learned: naive(
        values, origins, horizon, season
    ),
    "drift": lambda values, origins, horizon, season, learned: drift(values, origins, horizon),
    "regression on lags": lambda values, origins, horizon, season, learned: regression(
        values, origins, horizon, season=season, learned=learned
    ),
}


def baseline_forecasts(
    values: Float[Tensor, "T L"],
    origins: Int[Tensor, "B"],
    horizon: int,
    *,
    season: int,
    learned: int,
) -> dict[str, Float[Tensor, "B _ L"]]:
    """Give the forecasts of every baseline over one series.

    From an origin nothing is looked at that comes at or after it; the regression is fitted to
    what comes before ``learned`` alone.

    Args:
        values: the series, NaN where a value is missing.
        origins: the first step of each forecast, each 1 or more.
        horizon: steps of a forecast.
        season: steps of a season; where it is 1 there is no seasonal baseline.
        learned: steps from the beginning that are fitted to.

    Returns:
        For each baseline [B, horizon, L] in float64.

    Raises:
        DataError: an origin has nothing before it.
    """
    if int(origins.min()) < 1:
        raise DataError("a forecast needs a value before it, and none came")
    whole = filled(values)
    return {
        name: forecast(whole, origins, horizon, season, learned)
        for name, forecast in BASELINES.items()
        if season > 1 or name != "seasonal naive"
    }
