"""The dates of steps: where each stands in its day, week and year, and which come next."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

import numpy as np

DATE = re.compile(
    r"(\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2}))?"
    r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?)?\s*(?:Z|[-+]\d{2}:?\d{2})?"
)


def moment_of(stamp):
    """Read a date, perhaps with a time of day, as "2016-07-01 05:00"; its zone is left out."""
    found = DATE.fullmatch(stamp.strip())
    if found is None:
        raise ValueError(f"a date such as 2016-07-01 05:00 was wanted, and {stamp!r} came")
    year, _, month, day, hour, minute, second = found.groups()
    day = (int(year), int(month), int(day or 1))
    return datetime(*day, int(hour or 0), int(minute or 0), int(second or 0))


def calendar(stamps, kinds):
    """Give a sine and a cosine for each of "hour", "weekday" and "year" that is read, [T, _]."""
    angles = [[2 * math.pi * _turn(moment_of(each), kind) for kind in kinds] for each in stamps]
    pairs = [[f(angle) for angle in row for f in (math.sin, math.cos)] for row in angles]
    return np.array(pairs, np.float32).reshape(len(stamps), 2 * len(kinds))


def after(stamp, clock, steps):
    """Give the stamps that follow one, written as it is; a clock is months and seconds."""
    moment = moment_of(stamp)
    return [_written(_later(moment, clock, number), stamp) for number in range(1, steps + 1)]


def _turn(moment, kind):
    if kind == "weekday":
        return moment.weekday() / 7
    if kind == "year":
        return (moment.timetuple().tm_yday - 1) / 366
    return (moment.hour * 3600 + moment.minute * 60 + moment.second) / 86400


def _later(moment, clock, steps):
    months, seconds = clock
    if not months:
        return moment + timedelta(seconds=steps * seconds)
    year, month = divmod(moment.year * 12 + moment.month - 1 + steps * months, 12)
    following = datetime(year + (month == 11), (month + 1) % 12 + 1, 1)
    days = (following - timedelta(days=1)).day
    return moment.replace(year=year, month=month + 1, day=min(moment.day, days))


def _written(moment, like):
    like = like.strip()
    mark = like[4]
    if len(like) <= 7:
        return moment.strftime(f"%Y{mark}%m")
    day = moment.strftime(f"%Y{mark}%m{mark}%d")
    if ":" not in like:
        return day
    time = "%H:%M:%S" if like.count(":") >= 2 and "+" not in like else "%H:%M"
    return f"{day}{'T' if 'T' in like else ' '}{moment.strftime(time)}"
