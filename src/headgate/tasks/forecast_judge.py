"""How well a forecaster foretells, from one origin after another, beside simple forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int
from torch import Tensor

from headgate.data.examples import Examples
from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.forecast_baselines import baseline_forecasts, seasonal_size
from headgate.evaluation.forecasting import (
    Forecasts,
    blocks,
    crps_of_samples,
    forecast_scores,
)
from headgate.models.forecaster import Forecaster
from headgate.tasks.forecast_data import Series, continued
from headgate.tasks.forecast_rollout import draw, origins_in, seeds_of
from headgate.tasks.forecast_store import SeriesStore
from headgate.tasks.protocol import Evaluation

if TYPE_CHECKING:
    from headgate.tasks.forecast import Forecast

_PATHS_AT_ONCE = 16_384
_TENTH = 10
_LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Backtest:
    """Series with the origins that a forecaster is judged from.

    Args:
        series: the series.
        store: the same, as a network takes them.
        row: the number of each origin's series, [B].
        origin: the first step of each forecast, [B].
    """

    series: Sequence[Series]
    store: SeriesStore
    row: Int[Tensor, "B"]
    origin: Int[Tensor, "B"]

    @classmethod
    def of(cls, task: Forecast, series: Sequence[Series], *, most: int | None = None) -> Backtest:
        """Choose the origins.

        Args:
            task: the task.
            series: with the spans to be judged.
            most: origins at most, evenly chosen; all where None.

        Returns:
            The backtest.

        Raises:
            DataError: a span is shorter than the horizon.
        """
        horizon, stride = int(task.settings.horizon), int(task.settings.stride)
        row, origin = origins_in(series, horizon=horizon, stride=stride)
        if most is not None and len(row) > most:
            chosen = torch.linspace(0, len(row) - 1, most).round().long()
            row, origin = row[chosen], origin[chosen]
        return cls(series, task.store(series), row, origin)

    def run(self, network: Forecaster, paths: int) -> Forecasts:
        """Foretell from every origin, some at a time.

        Args:
            network: in evaluation mode.
            paths: that are drawn for each.

        Returns:
            The forecasts and what came.
        """
        size = max(1, _PATHS_AT_ONCE // paths)
        seeds = seeds_of(self.series, self.row, self.origin)
        found: dict[str, list[Tensor]] = {}
        for first in range(0, len(self.row), size):
            part = slice(first, first + size)
            at = self.store.origins(self.row[part], self.origin[part])
            drawn = draw(network, self.store, at, paths=paths, seeds=seeds[part])
            for name, value in _summary(drawn, self._actual(part)).items():
                found.setdefault(name, []).append(value)
        parts = {name: torch.cat(each) for name, each in found.items()}
        return Forecasts(size=self._sizes(), group=self._groups(), **parts)

    def rivals(self) -> dict[str, Tensor]:
        """Give the baselines' forecasts from the same origins.

        Returns:
            For each [B, T, L].
        """
        found: dict[str, list[Tensor]] = {}
        settings = self.store.settings
        for number, each in enumerate(self.series):
            origins = self.origin[self.row == number]
            if not len(origins):
                continue
            given = baseline_forecasts(
                each.values,
                origins,
                int(settings.horizon),
                season=int(settings.season),
                learned=max(1, each.start),
            )
            for name, values in given.items():
                found.setdefault(name, []).append(values)
        return {name: torch.cat(each) for name, each in found.items()}

    def _actual(self, part: slice) -> Tensor:
        steps = range(int(self.store.settings.horizon))
        pairs = zip(self.row[part].tolist(), self.origin[part].tolist(), strict=True)
        return torch.stack([self.series[r].values[o + steps[0] : o + len(steps)] for r, o in pairs])

    def _sizes(self) -> Tensor:
        season = int(self.store.settings.season)
        each = [seasonal_size(s.values[: max(1, s.start)], season) for s in self.series]
        return torch.stack(each)[self.row]

    def _groups(self) -> Tensor:
        if len(self.series) > 1:
            return self.row
        return blocks(self.origin, int(self.store.settings.horizon))


def _summary(drawn: Tensor, actual: Tensor) -> dict[str, Tensor]:
    """Give what is kept of the paths of some origins, [B, K, T, L]."""
    found = {"actual": actual, "mean": drawn.double().mean(1)}
    if drawn.shape[1] == 1:
        return found | {"median": found["mean"]}
    level = torch.tensor(_LEVELS, dtype=torch.float64)
    low, middle, high = drawn.double().quantile(level, dim=1)
    crps = crps_of_samples(drawn.movedim(1, -1), actual)
    return found | {"median": middle, "low": low, "high": high, "crps": crps}


def judge(
    task: Forecast, examples: Examples, train: Examples | None, *, quantize: str | None
) -> Evaluation:
    """Judge a forecaster.

    Args:
        task: the task with its trained network.
        examples: series with the spans to be judged; one from a file of its own goes on where
            the training file ends, or where nothing is known of that is judged on its end.
        train: what was learned from, or None.
        quantize: "int8" judges the network with its matrices as bytes.

    Returns:
        Scores beside the best baseline's.
    """
    series, notes = _spans(continued(examples, train).inputs, int(task.settings.horizon))
    test = Backtest.of(task, series)
    paths = task.settings.paths
    found = test.run(task.network.eval(), paths)
    scores = forecast_scores(found)
    if quantize is not None:
        plain, scores = scores, forecast_scores(test.run(task.quantized(quantize), paths))
        notes += losses(quantize, scores, plain)
    rivals = {name: forecast_scores(found.points(values)) for name, values in test.rivals().items()}
    return Evaluation(*beside(scores, rivals), [_about(test), *notes])


def _spans(series: Sequence[Series], horizon: int) -> tuple[list[Series], list[str]]:
    """Give a series of which no past is known one of its own: all but its end."""
    whole = [each for each in series if not each.start]
    spans = [
        replace(each, start=max(1, len(each.values) - max(horizon, len(each.values) // _TENTH)))
        if not each.start
        else each
        for each in series
    ]
    if not whole:
        return spans, []
    return spans, [f"{len(whole)} series are judged on their last tenth, or the horizon"]


def _about(test: Backtest) -> str:
    count, settings = len(test.series), test.store.settings
    several = count > 1
    resampled = "series" if several else "blocks of origins whose forecasts overlap"
    return (
        f"{count} series, {len(test.row)} origins, {settings.horizon} steps ahead; the intervals "
        f"resample {resampled}"
    )
