"""From values to pixels, and which values are written beside an axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headgate.study.wording import power_of_ten

_MOST = 6  # labels of a scale
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """A scale.

    Args:
        place: from a value to its pixel; what is beyond the ends lies at the end.
        ticks: values, each with its label.
    """

    place: Callable[[float], float]
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def of_ticks(cls, values: Sequence[float], sides: tuple[float, float]) -> Axis:
        """Put values evenly apart, whatever they are.

        Args:
            values: growing.
            sides: the pixels of the ends.

        Returns:
            The scale; it has places for these values only.
        """
        gap = (sides[1] - sides[0]) / len(values)
        places = {value: sides[0] + gap * (n + 0.5) for n, value in enumerate(values)}
        return cls(places.__getitem__, tuple((value, f"{value:g}") for value in values))


def number_axis(ends: tuple[float, float], sides: tuple[float, float]) -> Axis:
    """Make a scale of numbers.

    Args:
        ends: the least value and the greatest.
        sides: the pixels of the ends.

    Returns:
        The scale, which begins and ends at labels.

    Example:
        >>> [label for _, label in number_axis((0.0, 0.9), (0, 100)).ticks]
        ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    low, high = ends
    span = (high - low) or abs(high) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / (_MOST - 1)))
    step = next(unit * each for each in _STEPS if span / (unit * each) <= _MOST - 0.99)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = tuple((step * n, f"{step * n:.6g}") for n in range(first, last + 1))
    return Axis(_between((step * first, step * last), sides), ticks)


def power_axis(ends: tuple[float, float], sides: tuple[float, float]) -> Axis:
    """Make a scale of powers of ten.

    Args:
        ends: the least value and the greatest, above 0.
        sides: the pixels of the ends.

    Returns:
        The scale, which begins and ends at powers.

    Example:
        >>> [label for _, label in power_axis((1e-9, 0.5), (0, 100)).ticks]
        ['10⁻¹⁰', '10⁻⁸', '10⁻⁶', '10⁻⁴', '10⁻²', '1']
    """
    low, high = math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1]))
    gap = max(1, math.ceil((high - low) / (_MOST - 1)))
    high = max(high, low + 1)
    powers = range(high, low - gap, -gap)
    low = min(low, powers[-1])
    place = _between((low, high), sides)
    ticks = tuple((10.0**power, power_of_ten(power)) for power in reversed(powers))
    return Axis(lambda value: place(math.log10(value)) if value > 0 else sides[0], ticks)


def _between(ends: tuple[float, float], sides: tuple[float, float]) -> Callable[[float], float]:
    def place(value: float) -> float:
        share = max(0.0, min(1.0, (value - ends[0]) / (ends[1] - ends[0])))
        return sides[0] + (sides[1] - sides[0]) * share

    return place
