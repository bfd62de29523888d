"""How far apart the steps of a series are, what comes next, and where a step stands in its day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.stamps import moment_of

_DAY, _WEEK = 86_400, 604_800
_MONTHS = 12
_YEARS_FOR_A_YEAR = 2  # of training, before a place in the year says anything
_HORIZONS = {3600: 24, _DAY: 14, _WEEK: 13}
_MONTHLY_HORIZONS = {1: 12, 3: 8, 12: 6}


@dataclass(frozen=True)
class Clock:
    """The time from one step to the next: so many months, or so many seconds.

    Args:
        months: 0 where seconds count.
        seconds: 0 where months count.
    """

    months: int = 0
    seconds: int = 0

    @property
    def season(self) -> int:
        """Steps of the season that such steps usually have; 1 where there is none."""
        if self.months:
            return max(1, _MONTHS // self.months)
        if self.seconds == _WEEK:
            return 52
        if self.seconds == _DAY:
            return 7
        return max(1, _DAY // self.seconds)

    @property
    def week(self) -> int:
        """Steps of a week where a day has several; else 0."""
        return _WEEK // self.seconds if 0 < self.seconds < _DAY else 0

    @property
    def horizon(self) -> int | None:
        """Steps that are usually foretold; None where nothing is usual."""
        if self.months:
            return _MONTHLY_HORIZONS.get(self.months)
        if self.seconds < _DAY:
            return _HORIZONS.get(self.seconds, max(1, 3600 // self.seconds))
        return _HORIZONS.get(self.seconds)

    def after(self, stamp: str, steps: int) -> list[str]:
        """Give the stamps that follow one, written as it is.

        Args:
            stamp: the last one that is known.
            steps: how many.

        Returns:
            The stamps.

        Example:
            >>> Clock(months=1).after("1960-11", 3)
            ['1960-12', '1961-01', '1961-02']
            >>> Clock(seconds=3600).after("2020-02-28 23:00", 1)
            ['2020-02-29 00:00']
        """
        moment = moment_of(stamp)
        if moment is None:
            return []
        return [_written(self._plus(moment, n), stamp) for n in range(1, steps + 1)]

    def _plus(self, moment: datetime, steps: int) -> datetime:
        if not self.months:
            return moment + timedelta(seconds=steps * self.seconds)
        months = moment.year * _MONTHS + moment.month - 1 + steps * self.months
        year, month = divmod(months, _MONTHS)
        return moment.replace(year=year, month=month + 1, day=min(moment.day, _days(year, month)))


def clock_of(stamps: Sequence[str]) -> Clock | None:
    """Tell how far apart steps are.

    Args:
        stamps: of the steps, in order.

    Returns:
        The commonest distance; None where the stamps are no dates, or fewer than two.

    Example:
        >>> clock_of(["1949-01", "1949-02", "1949-03"])
        Clock(months=1, seconds=0)
    """
    moments = [moment_of(stamp) for stamp in stamps[:1000]]
    if len(moments) < 2 or any(moment is None for moment in moments):
        return None
    pairs = list(pairwise(moments))
    if all(_same_place_of_month(a, b) for a, b in pairs if a and b):
        months = sorted(_month(b) - _month(a) for a, b in pairs if a and b)
        middle = months[len(months) // 2]
        return Clock(months=middle) if middle > 0 else None
    seconds = sorted(int((b - a).total_seconds()) for a, b in pairs if a and b)
    middle = seconds[len(seconds) // 2]
    return Clock(seconds=middle) if middle > 0 else None


def calendar_kinds(clock: Clock | None, steps: int) -> list[str]:
    """Tell which places in a calendar may say something of a step.

    Args:
        clock: the distance of steps; None where there is none.
        steps: of the longest series that is learned from.

    Returns:
        Of "hour", "weekday" and "year" those that differ from step to step, and of which there is
        enough to learn from.
    """
    if clock is None:
        return []
    seconds = clock.seconds or clock.months * 30 * _DAY
    enough = steps * seconds >= _YEARS_FOR_A_YEAR * 365 * _DAY
    hour = ["hour"] if seconds < _DAY else []
    weekday = ["weekday"] if seconds <= _DAY and steps * seconds >= 2 * _WEEK else []
    return [*hour, *weekday, *(["year"] if enough and clock.months < _MONTHS else [])]


def calendar(stamps: Sequence[str], kinds: Sequence[str]) -> Float[Tensor, "T _"]:
    """Give where steps stand in their day, week and year, each as a point on a circle.

    Args:
        stamps: of the steps.
        kinds: of ``calendar_kinds``.

    Returns:
        A sine and a cosine for each kind; zeros where a stamp is no date.
    """
    if not kinds:
        return torch.zeros(len(stamps), 0)
    rows = []
    for stamp in stamps:
        moment = moment_of(stamp)
        turns = [0.0] * len(kinds) if moment is None else [_turn(moment, kind) for kind in kinds]
        known = 0.0 if moment is None else 1.0
        angles = [2 * math.pi * turn for turn in turns]
        rows.append([known * f(angle) for angle in angles for f in (math.sin, math.cos)])
    return torch.tensor(rows).view(len(stamps), 2 * len(kinds))


def _turn(moment: datetime, kind: str) -> float:
    day = (moment.hour * 3600 + moment.minute * 60 + moment.second) / _DAY
    if kind == "hour":
        return day
    if kind == "weekday":
        return moment.weekday() / 7
    return (moment.timetuple().tm_yday - 1) / 366


def _month(moment: datetime) -> int:
    return moment.year * _MONTHS + moment.month


def _same_place_of_month(first: datetime, second: datetime) -> bool:
    """Whether two moments differ in whole months; the last days of months are one place."""
    if first.time() != second.time() or _month(first) == _month(second):
        return False
    ends = all(each.day == _days(each.year, each.month - 1) for each in (first, second))
    return first.day == second.day or ends


def _days(year: int, month: int) -> int:
    """Count the days of a month that is counted from 0."""
    following = datetime(year + (month == _MONTHS - 1), (month + 1) % _MONTHS + 1, 1)
    return (following - timedelta(days=1)).day


def _written(moment: datetime, like: str) -> str:
    """Write a moment as a stamp is written: its mark, and only what that has."""
    like = like.strip()
    mark = like[4:5]
    if len(like) <= 7:
        return moment.strftime(f"%Y{mark}%m")
    day = moment.strftime(f"%Y{mark}%m{mark}%d")
    if ":" not in like:
        return day
    parts = "%H:%M:%S" if like.count(":") >= 2 and "+" not in like else "%H:%M"
    return f"{day}{'T' if 'T' in like else ' '}{moment.strftime(parts)}"
