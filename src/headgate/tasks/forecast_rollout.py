"""Forecasts of several steps: sample paths that feed on themselves."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError
from headgate.models.distributions import DISTRIBUTIONS
from headgate.models.forecaster import Forecaster
from headgate.models.path_noise import Noise
from headgate.tasks.forecast_data import Series
from headgate.tasks.forecast_store import (
    FARTHEST,
    Origins,
    Scales,
    SeriesStore,
    features,
    untransformed,
)


@torch.inference_mode()
def draw(
    network: Forecaster, store: SeriesStore, at: Origins, *, paths: int, seeds: Sequence[int]
) -> Float[Tensor, "B K T L"]:
    """Continue series: each path draws a value, reads it, draws the next.

    A forecast depends on its own series before its origin, on inputs known ahead and on its seed;
    on no value at or after the origin, and on no other row.

    Args:
        network: in evaluation mode.
        store: the series.
        at: the origins.
        paths: K, continuations of each; of a point one.
        seeds: of each origin.

    Returns:
        The values, as they are in the data.
    """
    settings = store.settings
    family = DISTRIBUTIONS[settings.distribution]
    paths, horizon = paths if family.draws else 1, int(settings.horizon)
    scales, noise = store.scales(at), Noise(seeds, paths)
    state = _warm(network, store, at, scales)
    states = (state,) if isinstance(state, Tensor) else state
    states = tuple(each.repeat_interleave(paths, 1) for each in states)
    ahead = at.origin[:, None] + torch.arange(horizon)
    beside = store.beside(at, ahead, scales)
    past, missing = _window(store, at, scales, paths, horizon)
    scale = scales.scale[:, None].expand(-1, paths, -1)
    labels = store.labels[at.row].repeat_interleave(paths, 0)
    for step in range(horizon):
        places = [store.room + step - lag for lag in store.lags]
        others = beside[:, None, step].expand(-1, paths, -1)
        x = features(past[:, :, places], missing[:, :, places], others)
        before = states[0] if len(states) == 1 else states
        raw, after = network(x.flatten(0, 1)[None], labels, before)
        states = (after,) if isinstance(after, Tensor) else after
        found = family.sample(raw[0].unflatten(0, (-1, paths)), noise, scale)
        past[:, :, store.room + step] = found.clamp(-FARTHEST, FARTHEST)
    return untransformed(scales.back(past[:, :, store.room :]), settings.transform)


def _warm(network: Forecaster, store: SeriesStore, at: Origins, scales: Scales):
    """Read what comes before each origin."""
    lengths = at.origin - at.begin
    times = at.begin[:, None] + torch.arange(int(lengths.max()))
    x = features(*store.lagged(at, times, scales), store.beside(at, times, scales))
    return network(x.transpose(0, 1), store.labels[at.row], lengths=lengths)[1]


def _window(
    store: SeriesStore, at: Origins, scales: Scales, paths: int, horizon: int
) -> tuple[Tensor, Tensor]:
    """Give the scaled values before each origin, with room for what is to come, for each path."""
    times = at.origin[:, None] + torch.arange(-store.room, 0)
    places = store.offset[at.row][:, None] + times
    known = scales.of(store.filled[places]).clamp(-FARTHEST, FARTHEST).nan_to_num()
    room = known.new_zeros(len(at), horizon, known.shape[-1])
    past = torch.cat([known, room], 1)[:, None].repeat(1, paths, 1, 1)
    missing = torch.cat([store.values[places].isnan(), room.bool()], 1)[:, None]
    return past, missing.expand(-1, paths, -1, -1)


@torch.inference_mode()
def read_whole(
    network: Forecaster, store: SeriesStore, at: Origins, scales: Scales
) -> Float[Tensor, "T B L _"]:
    """Say of each step before the origins what was to be expected, from what had come by then.

    Args:
        network: in evaluation mode.
        store: the series.
        at: origins with as many steps before each.
        scales: of each.

    Returns:
        The network's numbers.
    """
    times = at.begin[:, None] + torch.arange(int((at.origin - at.begin)[0]))
    x = features(*store.lagged(at, times, scales), store.beside(at, times, scales))
    return network(x.transpose(0, 1), store.labels[at.row])[0]


def seeds_of(
    series: Sequence[Series], row: Int[Tensor, "B"], origin: Int[Tensor, "B"]
) -> list[int]:
    """Give the seed of each forecast: of its series' name and its origin.

    Args:
        series: the series.
        row: the number of the series of each.
        origin: of each.

    Returns:
        The seeds.
    """
    pairs = zip(row.tolist(), origin.tolist(), strict=True)
    return [zlib.crc32(f"{series[r].name}/{o}".encode()) for r, o in pairs]


def origins_in(
    series: Sequence[Series], *, horizon: int, stride: int
) -> tuple[Int[Tensor, "B"], Int[Tensor, "B"]]:
    """Give every origin from which a forecast ends inside its series' span.

    Args:
        series: with their spans.
        horizon: steps of a forecast.
        stride: steps from one origin to the next.

    Returns:
        The number of each origin's series, and the origin.

    Raises:
        DataError: a span is shorter than the horizon; the message names the series.
    """
    rows, origins = [], []
    for number, each in enumerate(series):
        found = range(max(1, each.start), each.end - horizon + 1, stride)
        if not len(found):
            raise DataError(
                f"the series {each.name!r} has {len(each)} steps to be judged on, fewer than the "
                f"horizon of {horizon}: give it more (--test {horizon}, --valid {horizon}), or set "
                "a smaller horizon"
            )
        rows += [number] * len(found)
        origins += found
    return torch.tensor(rows), torch.tensor(origins)
