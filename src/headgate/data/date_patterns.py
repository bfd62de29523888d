"""A date pattern: a template with fields, and the text it gives for a day.

The fields are the letters of Unicode's date patterns:

    d  dd     day: 1, 01              M  MM   month: 3, 03
    y  yy     year: 2026, 26          MMMM    month by name: March
    EEEE      weekday: Saturday       MMM     its short form without a point; MMMp with it, if any
    EEE EEEp  its short forms, likewise

and five of our own: ``o``, the day as an ordinal (1st, 1er, 1º); ``era``, the Japanese year
(令和8); ``hy``, ``hM`` and ``hd``, the year, month and day in Chinese numerals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

_ERAS = ((date(2019, 5, 1), "令和"), (date(1989, 1, 8), "平成"), (date(1926, 12, 25), "昭和"))
_HAN_DIGITS = "〇一二三四五六七八九"
_MINOR_WORDS = frozenset(["de", "den", "el", "le", "r.", "г.", "года"])  # small in a title


class Pattern(NamedTuple):
    """One order in which a language writes a date.

    ``late_day`` marks a form that can be read only where the day is past the 12th.
    """

    weight: int
    template: str
    late_day: bool = False


@dataclass(frozen=True)
class Calendar:
    """The date words of one language, weekdays from Monday.

    ``casings`` names how people also write its dates, beside the form of the pattern.
    """

    code: str
    patterns: tuple[Pattern, ...]
    weekdays: tuple[str, ...]
    short_weekdays: tuple[str, ...]
    months: tuple[str, ...] = ()
    short_months: tuple[str, ...] = ()
    casings: tuple[str, ...] = ()
    ordinals: Mapping[int, str] = field(default_factory=dict)


def readable(pattern: Pattern, day: date) -> bool:
    """Say whether a pattern leaves no doubt about this day.

    Args:
        pattern: one of the calendar's patterns.
        day: the day to write.

    Returns:
        False where the pattern can be read two ways on a day up to the 12th.
    """
    return day.day > 12 or not pattern.late_day


def render(pattern: Pattern, calendar: Calendar, day: date) -> str:
    """Write a day as a pattern says.

    Args:
        pattern: one of the calendar's patterns.
        calendar: the words of the language.
        day: the day to write.

    Returns:
        The text, in the casing of the pattern.
    """
    return pattern.template.format_map(_Fields(calendar, day))


def recase(text: str, casing: str, *, language: str) -> str:
    """Change the casing of a written date.

    Args:
        text: the date as `render` wrote it.
        casing: "as written", "lower", "upper" or "title".
        language: its BCP 47 tag; Turkish has two letters i.

    Returns:
        The text in that casing.
    """
    return _CASINGS[casing](text, language)


def _upper(text: str, language: str) -> str:
    # Turkish keeps the dot: i and ı are two letters, and Python's upper() makes one of them.
    return (text.replace("i", "İ") if language == "tr" else text).upper()


def _title(text: str, language: str) -> str:
    words = text.split(" ")
    return " ".join(word if word in _MINOR_WORDS else word[:1].upper() + word[1:] for word in words)


_CASINGS: Mapping[str, Callable[[str, str], str]] = {
    "as written": lambda text, language: text,
    "lower": lambda text, language: text.lower(),
    "upper": _upper,
    "title": _title,
}


class _Fields:
    """The fields of a template for one date, each made when the template asks for it."""

    def __init__(self, calendar: Calendar, day: date) -> None:
        self.calendar, self.day = calendar, day

    def __getitem__(self, name: str) -> str:
        return _FIELDS[name](self.calendar, self.day)


def _era(day: date) -> str:
    start, era = next((start, era) for start, era in _ERAS if day >= start)
    year = day.year - start.year + 1
    return f"{era}{'元' if year == 1 else year}"


def _han_year(year: int) -> str:
    return "".join(_HAN_DIGITS[int(digit)] for digit in str(year))


def _han(number: int) -> str:
    """A number of 1 to 31 in Chinese numerals: 十, 十一, 二十, 二十一."""
    tens, ones = divmod(number, 10)
    ten = ("" if tens == 1 else _HAN_DIGITS[tens]) + "十" if tens else ""
    return ten + (_HAN_DIGITS[ones] if ones else "")


_FIELDS: Mapping[str, Callable[[Calendar, date], str]] = {
    "d": lambda calendar, day: str(day.day),
    "dd": lambda calendar, day: f"{day.day:02}",
    "o": lambda calendar, day: calendar.ordinals.get(day.day, str(day.day)),
    "M": lambda calendar, day: str(day.month),
    "MM": lambda calendar, day: f"{day.month:02}",
    "MMM": lambda calendar, day: calendar.short_months[day.month - 1].removesuffix("."),
    "MMMp": lambda calendar, day: calendar.short_months[day.month - 1],
    "MMMM": lambda calendar, day: calendar.months[day.month - 1],
    "EEE": lambda calendar, day: calendar.short_weekdays[day.weekday()].removesuffix("."),
    "EEEp": lambda calendar, day: calendar.short_weekdays[day.weekday()],
    "EEEE": lambda calendar, day: calendar.weekdays[day.weekday()],
    "y": lambda calendar, day: str(day.year),
    "yy": lambda calendar, day: f"{day.year % 100:02}",
    "era": lambda calendar, day: _era(day),
    "hy": lambda calendar, day: _han_year(day.year),
    "hM": lambda calendar, day: _han(day.month),
    "hd": lambda calendar, day: _han(day.day),
}
