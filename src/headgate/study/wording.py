"""Numbers and lists as tables, axes and paragraphs write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

Cell = str | int | float
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def written(value: Cell) -> str:
    """Write a value as tables and paragraphs do: three digits, and a power of ten where it helps.

    Args:
        value: a text, or a number.

    Returns:
        The text.

    Example:
        >>> written(0.25), written(2e-9), written(1_000_000), written(float("inf"))
        ('0.25', '2.0 × 10⁻⁹', '1,000,000', '∞')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "not a number" if value != value else "∞" if value > 0 else "−∞"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} × {power_of_ten(int(power))}"


def listed(parts: Sequence[str]) -> str:
    """Put parts of a sentence in a row.

    Args:
        parts: one at least.

    Returns:
        The row.

    Example:
        >>> listed(["rnn", "lstm", "gru"])
        'rnn, lstm and gru'
    """
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def power_of_ten(power: int) -> str:
    """Write a power of ten.

    Args:
        power: the exponent.

    Returns:
        The text.

    Example:
        >>> power_of_ten(-12), power_of_ten(0)
        ('10⁻¹²', '1')
    """
    return "1" if power == 0 else f"10{str(power).translate(_SUPERSCRIPTS)}"
