"""Many series laid end to end, of which windows are taken as batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from headgate.tasks.forecast_data import Series
from headgate.tasks.forecast_field import SeriesField
from headgate.tasks.forecast_settings import ForecastSettings

FARTHEST = 20.0  # of a scaled value that the network sees, or draws
_FLOOR = 0.05  # of the scale of a whole past: what that of a context is at least
_LEAST_SHARE, _LEAST = 1e-3, 1e-6  # of the level, and at all: the scale of what never changes


@dataclass(frozen=True)
class Origins:
    """Where forecasts begin: step ``origin`` of series ``row``; all before it is known.

    Args:
        row: numbers of series, [B].
        origin: the first step of each forecast, [B].
        begin: the first step that is read, [B].
    """

    row: Int[Tensor, "B"]
    origin: Int[Tensor, "B"]
    begin: Int[Tensor, "B"]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, chosen: Tensor | slice) -> Origins:
        """Keep some of them.

        Args:
            chosen: which.

        Returns:
            These.
        """
        return Origins(self.row[chosen], self.origin[chosen], self.begin[chosen])


@dataclass(frozen=True)
class Scales:
    """What brings the values of each origin to one size.

    Args:
        centre: what is taken off, [B, L].
        scale: what is divided by, [B, L].
    """

    centre: Float[Tensor, "B L"]
    scale: Float[Tensor, "B L"]

    def of(self, values: Tensor) -> Tensor:
        """Scale values.

        Args:
            values: [B, …, L].

        Returns:
            Scaled values.
        """
        axes = (slice(None), *[None] * (values.dim() - 2))
        return (values - self.centre[axes]) / self.scale[axes]

    def back(self, scaled: Tensor) -> Tensor:
        """Undo it.

        Args:
            scaled: scaled values, [B, …, L].

        Returns:
            Values.
        """
        axes = (slice(None), *[None] * (scaled.dim() - 2))
        return self.centre[axes] + self.scale[axes] * scaled


class SeriesStore:
    """Series end to end, with room before each for lags and after it for what is to come.

    Args:
        series: the series.
        settings: of the forecaster, without an "auto".
        field: what was learned of the columns.
    """

    def __init__(
        self, series: Sequence[Series], settings: ForecastSettings, field: SeriesField
    ) -> None:
        assert isinstance(settings.lags, list)
        self.settings, self.field, self.lags = settings, field, settings.lags
        self.room = max(self.lags)
        self.several = len(field.series) > 1
        tail = int(settings.horizon)
        parts: dict[str, list[Tensor]] = {
            name: [] for name in ("values", "filled", "known", "past", "calendar")
        }
        offsets, place, floors = [], 0, []
        for each in series:
            steps = len(each.values) + tail
            values = transformed(each.values, settings.transform)
            for name, value in self._laid(each, values, steps).items():
                parts[name].append(value)
            offsets.append(place + self.room)
            place += self.room + steps
            # of a part that is judged only what stands before it
            past = values[: each.start] if each.start else values[: each.end]
            floors.append(_floor(past, settings.scaling))
        width = len(field.targets)
        self.offset = torch.tensor(offsets, dtype=torch.int64)
        self.floor = torch.stack(floors) if floors else torch.zeros(0, width)
        self.values, self.filled, self.known, self.past, self.calendar = (
            torch.cat(found) for found in parts.values()
        )
        labels = [field.labels_of(each) for each in series]
        self.labels = torch.tensor([ids for ids, _ in labels]).view(len(series), -1).long()
        self.numbers = torch.tensor([own for _, own in labels]).view(len(series), -1).float()

    def _laid(self, series: Series, values: Tensor, steps: int) -> dict[str, Tensor]:
        """Give each column with its room before and after it."""
        known, past = self.field.inputs_of(series, steps)
        nothing = float("nan")
        return {
            "values": _padded(values, self.room, steps, nothing),
            "filled": _padded(carried_forward(values), self.room, steps, nothing),
            "known": _padded(known, self.room, steps, 0.0),
            "past": _padded(past, self.room, steps, 0.0),
            "calendar": _padded(self.field.calendar_of(series, steps), self.room, steps, 0.0),
        }

    def origins(self, row: Int[Tensor, "B"], origin: Int[Tensor, "B"]) -> Origins:
        """Say where forecasts begin, and where the reading for each.

        Args:
            row: numbers of series.
            origin: the first step of each forecast.

        Returns:
            The origins.
        """
        return Origins(row, origin, (origin - int(self.settings.context)).clamp(min=0))

    def scales(self, at: Origins) -> Scales:
        """Measure the context of each origin.

        Args:
            at: the origins.

        Returns:
            The scales, which depend on nothing at or after an origin.
        """
        steps = int((at.origin - at.begin).max().clamp(min=1))
        times = at.begin[:, None] + torch.arange(steps)
        values = self.values[self._places(at.row, times)]
        values = values.masked_fill((times >= at.origin[:, None])[..., None], float("nan"))
        return _scales(values, self.settings.scaling, self.floor[at.row])

    def lagged(
        self, at: Origins, times: Int[Tensor, "B T"], scales: Scales
    ) -> tuple[Float[Tensor, "B T _ L"], Bool[Tensor, "B T _ L"]]:
        """Give the scaled values some lags before steps, and which of them are missing.

        Args:
            at: the origins.
            times: steps of each.
            scales: of each.

        Returns:
            The values, 0 where nothing is known, and where there was none.
        """
        places = self._places(at.row, times)[..., None] - torch.tensor(self.lags)
        found = scales.of(self.filled[places]).clamp(-FARTHEST, FARTHEST).nan_to_num()
        return found, self.values[places].isnan()

    def beside(
        self, at: Origins, times: Int[Tensor, "B T"], scales: Scales
    ) -> Float[Tensor, "B T _"]:
        """Give all features of steps that are no lagged values.

        Of an input that is not known ahead a step sees the step before it, and from the origin on
        the last one before that.

        Args:
            at: the origins.
            times: steps of each.
            scales: of each.

        Returns:
            The features.
        """
        places = self._places(at.row, times)
        found = [self.known[places], self.calendar[places]]
        if self.past.shape[1]:
            seen = torch.minimum(times, at.origin[:, None]) - 1
            found.append(self.past[self._places(at.row, seen)])
            found.append((times > at.origin[:, None]).float()[..., None])
        own = [self.numbers[at.row]]
        if self.several:
            mean, deviation = self.field.sizes
            own.append((scales.scale.log() - mean) / deviation)
        steady = torch.cat(own, 1)[:, None].expand(-1, times.shape[1], -1)
        return torch.cat([*found, steady], -1)

    def targets(self, at: Origins, times: Int[Tensor, "B T"]) -> Float[Tensor, "B T L"]:
        """Give the values of steps, transformed.

        Args:
            at: the origins.
            times: steps of each.

        Returns:
            The values, NaN where one is missing.
        """
        return self.values[self._places(at.row, times)]

    def _places(self, row: Tensor, times: Tensor) -> Tensor:
        return (self.offset[row][:, None] + times).clamp(max=len(self.values) - 1)


def features(lagged: Tensor, missing: Tensor, beside: Tensor) -> Tensor:
    """Put all features of steps side by side, the lagged values first.

    Args:
        lagged: scaled values, [..., lags, L].
        missing: where there was none.
        beside: the others, [..., features].

    Returns:
        The features, [..., all].
    """
    return torch.cat([lagged.flatten(-2), missing.flatten(-2).to(lagged), beside], -1)


def transformed(values: Tensor, transform: str | None) -> Tensor:
    """Transform values.

    Args:
        values: as they are.
        transform: "log", "asinh" or None.

    Returns:
        Transformed; of a logarithm NaN where a value is not above zero.
    """
    if transform == "log":
        return values.log().masked_fill(values <= 0, float("nan"))
    return values.asinh() if transform == "asinh" else values


def untransformed(values: Tensor, transform: str | None) -> Tensor:
    """Undo ``transformed``.

    Args:
        values: transformed.
        transform: "log", "asinh" or None.

    Returns:
        As they were.
    """
    if transform == "log":
        return values.exp()
    return values.sinh() if transform == "asinh" else values


def carried_forward(values: Float[Tensor, "T L"]) -> Float[Tensor, "T L"]:
    """Put the last known value where one is missing; before the first NaN stays.

    Args:
        values: a series.

    Returns:
        The series.
    """
    known = ~values.isnan()
    steps = torch.arange(len(values))[:, None].expand_as(known)
    last = torch.where(known, steps, -1).cummax(0).values
    return values.gather(0, last.clamp(min=0)).masked_fill(last < 0, float("nan"))


def _padded(values: Tensor, before: int, steps: int, filler: float) -> Tensor:
    found = values.new_full((before + steps, values.shape[1]), filler)
    found[before : before + min(len(values), steps)] = values[:steps]
    return found


def _floor(values: Tensor, scaling: str | None) -> Tensor:
    """Give the least scale of a series: a share of that of its whole past."""
    whole = _moments(values[None], scaling)[1][0]
    level = values.double().abs().nanmean(0).nan_to_num()
    return torch.maximum(_FLOOR * whole, (_LEAST_SHARE * level).clamp(min=_LEAST)).float()


def _scales(values: Tensor, scaling: str | None, floor: Tensor) -> Scales:
    centre, scale = _moments(values, scaling)
    if scaling is None:
        return Scales(centre.float(), scale.float())
    return Scales(centre.float(), torch.maximum(scale.float(), floor))


def _moments(values: Tensor, scaling: str | None) -> tuple[Tensor, Tensor]:
    """Give centre and scale of [B, T, L] as they come out."""
    exact = values.double()
    zero = torch.zeros(exact.shape[0], exact.shape[2], dtype=torch.float64)
    if scaling is None:
        return zero, zero + 1
    if scaling == "mean":
        return zero, exact.abs().nanmean(1).nan_to_num()
    centre = exact.nanmean(1).nan_to_num()
    return centre, (exact - centre[:, None]).square().nanmean(1).nan_to_num().sqrt()
