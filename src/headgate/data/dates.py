"""Dates as people write them in many languages, each with its ISO 8601 form.

Every written form has one right answer, given the text alone. What settles it:

- Numbers with the year last are day first: 03/04/2026, 3.4.2026 and 03-04-26 are 3 April. The
  American order stands only where the day is past the 12th (11/21/2026): it reads one way.
- A year of four digits that comes first is followed by month, then day: 2026-04-03, 2026. 4. 3.
- A year of two digits comes last, except where 년 or an apostrophe before the first number marks it
  (26년 4월 3일, '26. 4. 3.). 50 to 99 mean 1950 to 1999, 00 to 49 mean 2000 to 2049.
- A Japanese year counts from its era, and an era's first year is 元年.

The words and patterns stand in `calendars`.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import accumulate
from typing import NamedTuple

from headgate.data.calendars import CALENDARS
from headgate.data.date_patterns import Calendar, readable, recase, render
from headgate.errors import DataError, UnknownNameError

FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)
"""The days that a year of two digits can name, first and last."""

_REPEATS = 1000  # so many repeats in a row mean that the forms have run out
_AS_WRITTEN = 0.75  # the share of dates in the casing that the pattern has


class DatePair(NamedTuple):
    """One date: as ``written`` in a ``language`` (a BCP 47 tag), and as ``iso`` YYYY-MM-DD."""

    written: str
    iso: str
    language: str


def languages() -> tuple[str, ...]:
    """The languages in which dates are written.

    Returns:
        Their BCP 47 tags, sorted.
    """
    return tuple(sorted(CALENDARS))


def forms(day: date) -> list[tuple[str, str]]:
    """Write one date in every way the grammar knows.

    Args:
        day: a date of the years 1950 to 2049.

    Returns:
        Pairs of language and text; no pair comes twice.

    Raises:
        DataError: The date is outside these years.

    Example:
        >>> ("fr", "le 21 novembre 2026") in forms(date(2026, 11, 21))
        True
    """
    _check_range(day, day)
    return list(dict.fromkeys(_forms(day)))


def generate(
    count: int,
    *,
    seed: int,
    languages: Sequence[str] | None = None,
    first: date = FIRST,
    last: date = LAST,
) -> list[DatePair]:
    """Draw dates at random and write each in one way.

    Languages and days are equally likely; patterns have the weights of their calendar. The same
    arguments give the same pairs on every machine.

    Args:
        count: how many pairs.
        seed: the seed of the draw.
        languages: BCP 47 tags to choose from; default all of `languages`.
        first: the earliest day, 1950-01-01 or later.
        last: the latest day, 2049-12-31 or earlier.

    Returns:
        Pairs in the order drawn; no written form comes twice.

    Raises:
        UnknownNameError: A language is not known.
        DataError: The count is negative, the days are out of range, or there are fewer written
            forms than asked for.

    Example:
        >>> generate(1, seed=3, languages=["ko"])
        [DatePair(written='86년 12월 30일', iso='1986-12-30', language='ko')]
    """
    calendars = _chosen(languages)
    _check_range(first, last)
    if count < 0:
        raise DataError(f"wanted a count of 0 or more, got {count}")
    pairs: dict[str, DatePair] = {}
    draws = _draws(random.Random(seed), calendars, range(first.toordinal(), last.toordinal() + 1))
    repeats = 0
    while len(pairs) < count:
        pair = next(draws)
        repeats = repeats + 1 if pair.written in pairs else 0
        if repeats > _REPEATS:
            raise DataError(
                f"wanted {count} different dates, found about {len(pairs)};"
                " ask for fewer, more languages or a longer range of days"
            )
        pairs.setdefault(pair.written, pair)
    return list(pairs.values())


def _chosen(languages: Sequence[str] | None) -> list[Calendar]:
    names = sorted(CALENDARS) if languages is None else languages
    for name in names:
        if name not in CALENDARS:
            raise UnknownNameError("language", name, CALENDARS)
    if not names:
        raise DataError("wanted at least one language, got an empty list")
    return [CALENDARS[name] for name in names]


def _check_range(first: date, last: date) -> None:
    if not FIRST <= first <= last <= LAST:
        raise DataError(f"wanted days from {FIRST} to {LAST} in order, got {first} to {last}")


def _draws(rng: random.Random, calendars: Sequence[Calendar], days: range) -> Iterator[DatePair]:
    """Endless random pairs; days are counted as `date.toordinal` counts them."""
    totals = {c.code: list(accumulate(p.weight for p in c.patterns)) for c in calendars}
    while True:
        calendar = calendars[_below(rng, len(calendars))]
        limits = totals[calendar.code]
        pattern = calendar.patterns[bisect_right(limits, _below(rng, limits[-1]))]
        day = date.fromordinal(days[_below(rng, len(days))])
        casing = _draw_casing(rng, calendar)
        if readable(pattern, day):
            written = recase(render(pattern, calendar, day), casing, language=calendar.code)
            yield DatePair(written, day.isoformat(), calendar.code)


def _below(rng: random.Random, bound: int) -> int:
    """A number of [0, bound); of Python's draws only `random` promises never to change."""
    return int(rng.random() * bound)


def _draw_casing(rng: random.Random, calendar: Calendar) -> str:
    if not calendar.casings or rng.random() < _AS_WRITTEN:
        return "as written"
    return calendar.casings[_below(rng, len(calendar.casings))]


def _forms(day: date) -> Iterator[tuple[str, str]]:
    for calendar in CALENDARS.values():
        for pattern in calendar.patterns:
            if readable(pattern, day):
                written = render(pattern, calendar, day)
                for casing in ("as written", *calendar.casings):
                    yield calendar.code, recase(written, casing, language=calendar.code)
