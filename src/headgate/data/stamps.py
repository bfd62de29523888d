"""The stamps of time steps: numbers or dates, as keys that put them in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from math import isfinite
from typing import TypeVar

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_PLAIN = len("2016-07-01")
_DATE = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?:(?P=mark)(?P<day>\d{1,2}))?"
    r"(?:[T ]+(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?)?"
    r"\s*(?P<zone>Z|[-+]\d{2}:?\d{2})?"
)


@dataclass(frozen=True)
class Stamps:
    """What the texts of a column of time are.

    Args:
        kind: "number", "date", or "text" where they are neither throughout.
        keys: what puts them in order: the numbers themselves; microseconds since 1970, in UTC where
            the texts name a zone; or the texts.
        odd: where the kind is "text", the first text that is not of the kind of those before it,
            counted from 0.
    """

    kind: str
    keys: Sequence[int | float | str]
    odd: int | None = None


def read_stamps(texts: Sequence[str]) -> Stamps:
    """Read the stamps of time steps.

    Args:
        texts: one a step.

    Returns:
        What they are.

    Example:
        >>> read_stamps(["10", "9"]).keys, read_stamps(["2020-01", "1970/1/2"]).kind
        ([10, 9], 'date')
        >>> read_stamps(["Mon", "Tue"]).kind
        'text'
    """
    numbers = _while_known(_number, texts)
    if len(numbers) == len(texts):
        return Stamps("number", numbers)
    dates = _while_known(moment_of, texts)
    if len(dates) < len(texts):
        return Stamps("text", texts, max(len(numbers), len(dates)))
    plain = [date.tzinfo is None for date in dates]
    if len(set(plain)) > 1:
        return Stamps("text", texts, plain.index(not plain[0]))
    return Stamps("date", [_microseconds(date) for date in dates])


def _while_known(read: Callable[[str], T | None], texts: Sequence[str]) -> list[T]:
    """Read texts up to the first that is not of a kind."""
    found: list[T] = []
    for text in texts:
        value = read(text)
        if value is None:
            break
        found.append(value)
    return found


def moment_of(text: str) -> datetime | None:
    """Read a date, or a date with a time of day.

    Args:
        text: as in ISO 8601, such as "2016-07-01 05:00:00"; or with slashes or points, with one
            digit where there may be two, and to the month alone.

    Returns:
        The moment, which has a zone where the text names one; None where it is no date.

    Example:
        >>> moment_of("2016/7/1 5:00"), moment_of("1949-01"), moment_of("1/7/2016")
        (datetime.datetime(2016, 7, 1, 5, 0), datetime.datetime(1949, 1, 1, 0, 0), None)
    """
    text = text.strip()
    if text[4:5] == "-" and len(text) >= _PLAIN:  # what most files have, and many times as fast
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    found = _DATE.fullmatch(text)
    return None if found is None else _built(found)


def _built(found: re.Match[str]) -> datetime | None:
    names = ("hour", "minute", "second")
    hour, minute, second = (int(found[name] or 0) for name in names)
    part = int((found["part"] or "").ljust(6, "0")[:6])
    day, zone = int(found["day"] or 1), _zone(found["zone"])
    try:
        return datetime(
            int(found["year"]), int(found["month"]), day, hour, minute, second, part, zone
        )
    except ValueError:
        return None


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text == "Z":
        return timezone.utc
    shift = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-shift if text[0] == "-" else shift) if shift < timedelta(days=1) else None


def _microseconds(moment: datetime) -> int:
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return (moment - _EPOCH) // _MICROSECOND


def _number(text: str) -> int | float | None:
    if "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        return None
    return found if isfinite(found) else None
