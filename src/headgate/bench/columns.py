"""Plain text in columns, a line at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ABSENT = "-"
_DIGITS = ((99.95, 0), (9.995, 1), (0.9995, 2))  # from a value on: how many after the point


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        key: the record's name for it.
        head: what stands above it.
        width: characters.
        show: writes a value that is there.
        left: aligned at its left.
        absent: stands for a value that is not there.
    """

    key: str
    head: str
    width: int
    show: Callable[[Any], str] = str
    left: bool = False
    absent: str = ABSENT

    def fit(self, text: str) -> str:
        """Align a text in the column.

        Args:
            text: the text.

        Returns:
            The text with blanks round it.
        """
        return text.ljust(self.width) if self.left else text.rjust(self.width)


def heading(columns: Sequence[Column]) -> str:
    """Write the line above a table.

    Args:
        columns: the table's.

    Returns:
        The line.
    """
    return " ".join(column.fit(column.head) for column in columns).rstrip()


def line(columns: Sequence[Column], record: Mapping[str, Any]) -> str:
    """Write one row; what is missing is a dash.

    Args:
        columns: the table's.
        record: the row's values.

    Returns:
        The line.
    """
    shown = []
    for column in columns:
        value = record.get(column.key)
        shown.append(column.fit(column.absent if value is None else column.show(value)))
    return " ".join(shown).rstrip()


def fixed(digits: int) -> Callable[[float], str]:
    """Make a writer of numbers.

    Args:
        digits: after the point.

    Returns:
        The writer.

    Example:
        >>> fixed(2)(1.239)
        '1.24'
    """
    return lambda value: f"{value:.{digits}f}"


def significant(value: float) -> str:
    """Write a positive number in three digits, or all of those before the point.

    Args:
        value: the number.

    Returns:
        Its text.

    Example:
        >>> significant(0.01234), significant(1.239), significant(12.39), significant(12345.6)
        ('0.012', '1.24', '12.4', '12346')
    """
    digits = next((each for low, each in _DIGITS if value >= low), 3)
    return f"{value:.{digits}f}"


def percent(value: float) -> str:
    """Write a share.

    Args:
        value: 1 is all.

    Returns:
        Its text.

    Example:
        >>> percent(0.834)
        '83%'
    """
    return f"{value:.0%}"


def mebibytes(value: int) -> str:
    """Write bytes in units of 2²⁰.

    Args:
        value: bytes.

    Returns:
        Its text.

    Example:
        >>> mebibytes(3 * 2**19)
        '1.50'
    """
    return f"{value / 2**20:.2f}"
