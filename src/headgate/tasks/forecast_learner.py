"""A forecaster on its way: windows drawn from all series."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headgate.data.examples import Examples
from headgate.evaluation.forecasting import Forecasts, forecast_scores
from headgate.models.distributions import DISTRIBUTIONS
from headgate.models.forecaster import Forecaster
from headgate.tasks.forecast_data import Series, continued
from headgate.tasks.forecast_judge import Backtest
from headgate.tasks.forecast_store import FARTHEST, Origins, Scales, SeriesStore, features
from headgate.training import Plan, Validation

if TYPE_CHECKING:
    from headgate.tasks.forecast import Forecast

_WINDOWS, _MOST_WINDOWS = 640, 4096  # of an epoch, at least and at most
_ORIGINS, _PATHS = 256, 64  # of a validation
_BEGUN = 256  # windows that the regression begins from
_RIDGE = 1e-3
_SHOWN = 6  # values of a sample


class ForecastLearner:
    """What the loop trains.

    Args:
        task: the task.
        train: series with the spans to learn from.
        valid: series with the spans to validate on.
        plan: the limits of the training.
    """

    carried: tuple[Tensor, ...] = ()

    def __init__(self, task: Forecast, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.plan = task, plan
        self.network: nn.Module = task.network
        series = cut(train.inputs)
        self.store = task.store(series)
        self.lengths = torch.tensor([len(each.values) for each in series])
        self.backtest = Backtest.of(task, continued(valid, train).inputs, most=_ORIGINS)

    def batches(self, epoch: int) -> Sequence[Origins]:
        """Draw the windows of an epoch.

        Args:
            epoch: its number.

        Returns:
            For each batch the origins of its windows.
        """
        seed = random.Random(f"{self.plan.seed}/{epoch}").getrandbits(63)
        chance = torch.Generator().manual_seed(seed)
        fit = int(self.lengths.sum()) // int(self.task.settings.context)
        count = max(_WINDOWS, min(fit, _MOST_WINDOWS))
        at = drawn_origins(self.store, self.lengths, count, chance)
        size = self.plan.batch_size
        return [at.take(slice(first, first + size)) for first in range(0, count, size)]

    def loss(self, batch: Origins) -> Tensor:
        """Give the mean loss of the values of some windows.

        Args:
            batch: where their forecasts begin.

        Returns:
            A scalar.
        """
        x, z, known, scales = window(self.store, batch, self.lengths)
        raw, _ = self.task.network(x.transpose(0, 1), self.store.labels[batch.row])
        scale = scales.scale[:, None].expand_as(z)
        family = DISTRIBUTIONS[self.task.settings.distribution]
        losses = family.loss(raw.transpose(0, 1), z, scale)
        return losses[known].sum() / known.sum().clamp(min=1)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Validation:
        """Judge a network by the forecasts that it makes.

        Args:
            network: the network, in evaluation mode.

        Returns:
            Minus the CRPS by the size of each series, or of points minus the error.
        """
        assert isinstance(network, Forecaster)
        found = self.backtest.run(network, min(self.task.settings.paths, _PATHS))
        values = {f"valid_{name}": each.value for name, each in forecast_scores(found).items()}
        scaled = _scaled(found)
        return Validation(-scaled, {"valid_loss": scaled} | values, self._samples(found))

    def _samples(self, found: Forecasts) -> list[str]:
        lines = []
        for number in (0, len(found.actual) - 1):
            guess, truth = (
                ", ".join(f"{value:.4g}" for value in each[number, :_SHOWN, 0].tolist())
                for each in (found.median, found.actual)
            )
            name = self.backtest.series[int(self.backtest.row[number])].name
            lines.append(f"{name[:12]:>12}  {guess}  ({truth})")
        return lines[: len(found.actual)]


def cut(series: Sequence[Series]) -> list[Series]:
    """Take off all that is not of the spans to learn from.

    Args:
        series: with their spans, each from its beginning.

    Returns:
        The series without what comes after.
    """
    return [
        replace(
            each,
            values=each.values[: each.end],
            inputs=each.inputs[: each.end],
            stamps=each.stamps[: each.end],
        )
        for each in series
    ]


def drawn_origins(
    store: SeriesStore, lengths: Tensor, count: int, chance: torch.Generator
) -> Origins:
    """Draw windows: a series by its length, an origin in it where there is room before and after.

    Args:
        store: the series.
        lengths: their steps.
        count: how many windows.
        chance: of the draw.

    Returns:
        Where the forecasts of the windows begin.
    """
    horizon, context = int(store.settings.horizon), int(store.settings.context)
    row = torch.multinomial(lengths.double(), count, replacement=True, generator=chance)
    last = (lengths - horizon).clamp(min=1)
    first = torch.minimum(torch.full_like(last, context), last)
    share = torch.rand(count, generator=chance, dtype=torch.float64)
    room = (last - first + 1)[row]
    return store.origins(row, first[row] + (share * room).long())


def window(
    store: SeriesStore, at: Origins, lengths: Tensor
) -> tuple[Float[Tensor, "B T _"], Float[Tensor, "B T L"], Tensor, Scales]:
    """Lay windows out: what is read of each step, what it should say, and where that is known.

    Args:
        store: the series.
        at: where the forecasts of the windows begin.
        lengths: steps of each series of the store.

    Returns:
        Features, scaled values, where there is one, and the scales.
    """
    end = torch.minimum(at.origin + int(store.settings.horizon), lengths[at.row])
    times = at.begin[:, None] + torch.arange(int((end - at.begin).max()))
    scales = store.scales(at)
    x = features(*store.lagged(at, times, scales), store.beside(at, times, scales))
    z = scales.of(store.targets(at, times))
    known = ~z.isnan() & (times < end[:, None])[..., None]
    return x, z.nan_to_num().clamp(-FARTHEST, FARTHEST), known, scales


def begin(task: Forecast, train: Sequence[Series]) -> None:
    """Measure the scales of windows, and begin at the least squares of the regression.

    Args:
        task: the task; its field and its network are changed.
        train: series with the spans to learn from.
    """
    series = cut(train)
    store, lengths = task.store(series), torch.tensor([len(each.values) for each in series])
    at = drawn_origins(store, lengths, _BEGUN, torch.Generator().manual_seed(0))
    logs = store.scales(at).scale.log()
    task.field.sizes = [float(logs.mean()), float(logs.std(correction=0)) + 0.1]
    x, z, known, _ = window(store, at, lengths)
    lagged = x[..., : task.network.lagged]
    missing = x[..., task.network.lagged : 2 * task.network.lagged]
    whole = known.all(-1) & (missing.sum(-1) == 0)
    if not bool(whole.any()):
        whole = known.all(-1)
    weight, constant, spread = _least_squares(lagged[whole].double(), z[whole].double())
    family = DISTRIBUTIONS[task.settings.distribution]
    with torch.no_grad():
        task.network.direct.weight.copy_(weight.T)
        bias = torch.tensor(family.initial(spread)).repeat(z.shape[-1], 1)
        bias[:, 0] += constant.float()
        task.network.head.bias.copy_(bias.flatten())


def _least_squares(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
    """Regress y on x with a constant and a small penalty."""
    if not len(x):
        return torch.zeros(x.shape[1], y.shape[1]), torch.zeros(y.shape[1]), 1.0
    mean, centre = x.mean(0), y.mean(0)
    gram = (x - mean).T @ (x - mean) + _RIDGE * len(x) * torch.eye(x.shape[1]).double()
    weight = torch.linalg.solve(gram, (x - mean).T @ (y - centre))
    constant = centre - mean @ weight
    spread = float((y - constant - x @ weight).square().mean().sqrt())
    return weight, constant, max(spread, 1e-2)


def _scaled(found: Forecasts) -> float:
    """Average CRPS, or the error of points, by the size of each series."""
    known = ~found.actual.isnan()
    off = (found.actual - found.median).abs() if found.crps is None else found.crps
    size = found.size[:, None].expand_as(off)
    used = known & (size > 0)
    if not bool(used.any()):
        return float(off[known].mean())
    return float((off / size.clamp(min=1e-300))[used].mean())
