"""A series up to where it is to go on, as the features of its steps."""

from __future__ import annotations

import numpy as np
from dates import after, calendar

FLOOR, LEAST_SHARE, LEAST = 0.05, 1e-3, 1e-6  # of a scale


class Past:
    """One series as numbers about 0.

    Args:
        facts: of the model.
        series: "values" [T] or [T, L], None where one is missing; and where the model reads them
            "stamps" [T], "inputs" and "labels" by the columns' names. Of inputs that are known
            ahead there are values for the steps to come.
        scales: the centre and the scale of each value; measured where None.
    """

    def __init__(self, facts, series, scales=None):
        self.facts, self.field, self.lags = facts, facts["field"], np.array(facts["lags"])
        if "values" not in series:
            raise ValueError("a series has values: give them as such")
        values = numbers(series["values"], len(self.field["targets"]))
        if np.isnan(values).all() or np.isinf(values).any():
            raise ValueError("a series has finite values, one at least")
        values = transformed(values, facts["transform"])
        self.steps, self.room, ahead = len(values), max(facts["lags"]), int(facts["horizon"])
        begun = values[max(0, self.steps - facts["context"]) :]
        self.centre, self.scale = scales or _scales(begun, values, facts["scaling"])
        before = np.full((self.room, values.shape[1]), np.nan, np.float32)
        whole = np.concatenate([before, values])
        self.gone, self.scaled = np.isnan(whole), self.of(_carried(whole))
        stamps = series.get("stamps") or []
        if not isinstance(stamps, (list, tuple)):
            raise ValueError(f'"stamps" is a list, one a step, not {stamps!r:.40}')
        self.stamps = self._dated(list(stamps), ahead)
        self.dates = calendar(self.stamps, self.field["calendar"])
        self.known, self.past = self._inputs(series.get("inputs") or {}, ahead)
        self.labels, own = self._labels(series.get("labels") or {})
        if len(self.field["series"]) > 1:
            mean, deviation = self.field["sizes"]
            own = [*own, *((np.log(self.scale) - mean) / deviation)]
        self.own = np.array(own, np.float32)

    def of(self, values):
        """Scale values; what is missing is 0."""
        far = self.facts["farthest"]
        return np.nan_to_num(((values - self.centre) / self.scale).clip(-far, far))

    def back(self, scaled):
        """Give the values that scaled ones stand for."""
        values = self.centre + self.scale * scaled
        change = {"log": np.exp, "asinh": np.sinh}.get(self.facts["transform"])
        return values if change is None else change(values)

    def features(self, times):
        """Give the features of steps that are over, [T, F]."""
        places = times[:, None] + self.room - self.lags
        lagged = self.scaled[places].reshape(len(times), -1)
        gone = self.gone[places].reshape(len(times), -1)
        return np.concatenate([lagged, gone, self.beside(times)], 1).astype(np.float32)

    def beside(self, times):
        """Give the features of steps that are no lagged values."""
        dates = self.dates if self.field["calendar"] else np.zeros((times.max() + 1, 0))
        parts = [self.known[times], dates[times]]
        if self.past.shape[1]:
            # what is not known ahead is seen a step late, and from the end on as it was there
            parts += [self.past[np.minimum(times, self.steps)]]
            parts += [(times > self.steps)[:, None]]
        return np.concatenate([*parts, np.tile(self.own, (len(times), 1))], 1)

    def _dated(self, stamps, ahead):
        clock = self.field["clock"]
        if self.field["calendar"] and (len(stamps) < self.steps or clock is None):
            raise ValueError("the model reads the dates of the steps: give them as stamps")
        missing = self.steps + ahead - len(stamps)
        if len(stamps) < self.steps or (missing > 0 and clock is None):
            return []
        return stamps[: self.steps + ahead] + (after(stamps[-1], clock, missing) if missing else [])

    def _inputs(self, columns, ahead):
        """Give the inputs known ahead, and the others a step late."""
        steps, field = self.steps + ahead, self.field
        found = {True: [], False: []}
        for name, centre, spread in zip(
            field["inputs"], field["centres"], field["spreads"], strict=True
        ):
            if name not in columns:
                raise ValueError(f"the model reads {name!r}: give it among the inputs")
            given = numbers(columns[name], 1)[:steps, 0]
            if name in field["known"] and np.isnan(given[self.steps :]).sum() + steps > len(given):
                raise ValueError(f"{name!r} is known ahead: give it for the {ahead} steps to come")
            given = np.pad(given, (0, steps - len(given)), constant_values=np.nan)
            found[name in field["known"]].append((given - np.float32(centre)) / np.float32(spread))
        both = []
        for some in found.values():
            laid = np.array(some, np.float32).reshape(-1, steps).T
            both.append(np.concatenate([np.nan_to_num(laid), np.isnan(laid)], 1))
        late = np.concatenate([np.zeros((1, both[1].shape[1])), both[1]])
        return both[0], late

    def _labels(self, given):
        """Give the ids of the labels that have an embedding, and the numbers of the others."""
        field, ids, own = self.field, [], []
        for name, kinds, moments in zip(
            field["labels"], field["kinds"], field["numbers"], strict=True
        ):
            if name not in given:
                raise ValueError(f"the model reads {name!r}: give it among the labels")
            text = str(given[name])
            if kinds:
                ids.append(kinds.index(text) + 1 if text in kinds else 0)
            else:
                own.append((float(text) - moments[0]) / moments[1])
        return {f"label_{at}": np.array([place]) for at, place in enumerate(ids)}, own


def numbers(values, width):
    """Lay values out, [T, L]; None is a missing one."""
    try:
        found = np.array(values, np.float32)
        return found.reshape(len(found), width)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{width} numbers a step are wanted: {error}") from error


def transformed(values, transform):
    """Transform values; of a logarithm what is not above zero is missing."""
    if transform == "log":
        return np.log(np.where(values > 0, values, np.nan))
    return np.arcsinh(values) if transform == "asinh" else values


def _carried(values):
    """Put the last known value where one is missing."""
    steps = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    last = np.maximum.accumulate(steps, 0)
    found = np.take_along_axis(values, last.clip(0), 0)
    return np.where(last < 0, np.float32(np.nan), found)


def _scales(begun, whole, scaling):
    """Measure the end of a series; the scale is at least a share of that of the whole."""
    centre, scale = _moments(begun, scaling)
    if scaling is None:
        return centre, scale
    level = _mean(np.abs(whole.astype(np.float64)))
    least = np.maximum(LEAST_SHARE * level, LEAST)
    floor = np.maximum(FLOOR * _moments(whole, scaling, np.float64)[1], least)
    return centre, np.maximum(scale, floor.astype(np.float32))


def _moments(values, scaling, kind=np.float32):
    exact = values.astype(np.float64)
    centre, scale = np.zeros(exact.shape[1]), np.ones(exact.shape[1])
    if scaling == "mean":
        scale = _mean(np.abs(exact))
    elif scaling is not None:
        centre = _mean(exact)
        scale = np.sqrt(_mean((exact - centre) ** 2))
    return centre.astype(kind), scale.astype(kind)


def _mean(values):
    """Give the mean of what is not missing; 0 of nothing."""
    known = ~np.isnan(values)
    return np.where(known, values, 0).sum(0) / known.sum(0).clip(1)
