"""The parts of a figure: lines over an axis, and dots with their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headgate.study.axes import Axis, number_axis, power_axis
from headgate.study.marks import BASE, LEFT, RIGHT, ink, key, path, rule, swatch, text

Points = Sequence[tuple[float, float]]
_PLOT, _HEAD, _FOOT = 194, 26, 48  # pixels of a plot, above it and below it
_KEY, _ROW = 19, 24  # of a line of the key, and of a row of dots


@dataclass(frozen=True)
class Lines:
    """Lines over one axis.

    Args:
        lines: points by the line's name, in the order of x. One that is not finite, or that a
            scale of powers has no place for, leaves a gap.
        x: what x is.
        y: what y is; it stands above the plot.
        powers: whether y is on a scale of powers of ten.
        ticks: the values of x that are written, evenly apart; else x is a scale of numbers.
        level: a value of y with a thin rule, and its name.
        bounds: the ends of y, where they are known.
    """

    lines: Mapping[str, Points]
    x: str
    y: str
    powers: bool = False
    ticks: Sequence[float] = ()
    level: tuple[float, str] | None = None
    bounds: tuple[float, float] | None = None

    @property
    def height(self) -> float:
        """How much of the figure it takes, in pixels."""
        return _HEAD + _KEY * len(key(self._names())) + _PLOT + _FOOT

    def _names(self) -> list[str]:
        return [*self.lines, *([self.level[1]] if self.level else [])]

    def described(self) -> str:
        """Say in words what is drawn, for who cannot see it.

        Returns:
            Sentences.
        """
        return f"{self.y}, over {self.x}. " + " ".join(
            f"{name}: {_ends(points)}." for name, points in self.lines.items()
        )

    def draw(self, top: float) -> Iterator[str]:
        """Draw the panel.

        Args:
            top: where it begins, in pixels.

        Yields:
            Elements of SVG.
        """
        yield text(BASE, top + 16, self.y, "start", kind="head")
        top += _HEAD
        for number, line in enumerate(key(self._names())):
            for at, place, name in line:
                level = place == len(self.lines)
                yield swatch(at, top + 8 + _KEY * number, None if level else place)
                yield text(at + 30, top + 12 + _KEY * number, name, "start")
        top += _KEY * len(key(self._names()))
        across, up = self._axes(top)
        yield from _frame(across, up, top + _PLOT)
        if self.level is not None:
            yield rule((LEFT, up.place(self.level[0])), (RIGHT, up.place(self.level[0])), "level")
        for number, points in enumerate(self.lines.values()):
            for run in _runs(points, powers=self.powers):
                yield path([(across.place(x), up.place(y)) for x, y in run], number)
            for x, y in points:
                if y == math.inf:
                    yield text(
                        across.place(x), top + 11 + 14 * number, "∞", "middle", kind=ink(number)
                    )
        yield text((LEFT + RIGHT) / 2, top + _PLOT + 36, self.x, "middle")

    def _axes(self, top: float) -> tuple[Axis, Axis]:
        points = [point for line in self.lines.values() for point in line]
        heights = [y for _, y in points if math.isfinite(y) and (y > 0 or not self.powers)]
        heights += [self.level[0]] if self.level else []
        ends = self.bounds or (min(heights, default=1.0), max(heights, default=1.0))
        up = (power_axis if self.powers else number_axis)(ends, (top + _PLOT, top + 10))
        sides = (LEFT, RIGHT)
        if self.ticks:
            return Axis.of_ticks(self.ticks, sides), up
        return number_axis((min(x for x, _ in points), max(x for x, _ in points)), sides), up


@dataclass(frozen=True)
class Dots:
    """Values with their intervals, a row each.

    Args:
        rows: the row's name, its value, and the ends of its interval.
        y: what the values are; it stands above.
        bounds: the ends of the scale.
        level: a value with a thin rule, and its name.
        groups: a heading before the row of this number.
    """

    rows: Sequence[tuple[str, float, float, float]]
    y: str
    bounds: tuple[float, float]
    level: tuple[float, str]
    groups: Mapping[int, str]

    @property
    def height(self) -> float:
        """How much of the figure it takes, in pixels."""
        return _HEAD + _KEY + _ROW * (len(self.rows) + len(self.groups)) + _FOOT

    def described(self) -> str:
        """Say in words what is drawn, for who cannot see it.

        Returns:
            Sentences.
        """
        parts = []
        for number, (name, value, low, high) in enumerate(self.rows):
            head = f"{self.groups[number]}: " if number in self.groups else ""
            parts.append(f"{head}{name} {value:.3f} ({low:.3f} to {high:.3f})")
        return f"{self.y}, with its 95 % interval. {'; '.join(parts)}."

    def draw(self, top: float) -> Iterator[str]:
        """Draw the panel.

        Args:
            top: where it begins, in pixels.

        Yields:
            Elements of SVG.
        """
        yield text(BASE, top + 16, self.y, "start", kind="head")
        yield swatch(BASE, top + _HEAD + 8, None)
        yield text(BASE + 30, top + _HEAD + 12, self.level[1], "start")
        top += _HEAD + _KEY
        bottom = top + _ROW * (len(self.rows) + len(self.groups))
        across = number_axis(self.bounds, (BASE + 150, RIGHT))
        for value, label in across.ticks:
            yield rule((across.place(value), top), (across.place(value), bottom), "grid")
            yield text(across.place(value), bottom + 17, label, "middle")
        middle = across.place(self.level[0])
        yield rule((middle, top), (middle, bottom), "level")
        for number, (name, *values) in enumerate(self.rows):
            if number in self.groups:
                yield text(BASE, top + 17, self.groups[number], "start", kind="head")
                top += _ROW
            yield text(BASE + 12, top + 16, name, "start")
            value, low, high = (across.place(each) for each in values)
            yield rule((low, top + 12), (high, top + 12), "whisker")
            yield f'<circle class="dot" cx="{value:.1f}" cy="{top + 12:.1f}" r="4.5"/>'
            top += _ROW


def _ends(points: Points) -> str:
    """Name the first value of a line, its last, and whether some are not finite."""
    finite = [point for point in points if math.isfinite(point[1])]
    if not finite:
        return "no finite value"
    (first, start), (last, end) = finite[0], finite[-1]
    rest = "" if len(finite) == len(points) else ", and somewhere not finite"
    return f"{start:.3g} at {first:g}, {end:.3g} at {last:g}{rest}"


def _runs(points: Points, *, powers: bool) -> Iterator[list[tuple[float, float]]]:
    """Cut a line where a point has no place."""
    run: list[tuple[float, float]] = []
    for x, y in points:
        if math.isfinite(y) and (y > 0 or not powers):
            run.append((x, y))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _frame(across: Axis, up: Axis, bottom: float) -> Iterator[str]:
    for value, label in up.ticks:
        yield rule((LEFT, up.place(value)), (RIGHT, up.place(value)), "grid")
        yield text(LEFT - 7, up.place(value) + 4, label, "end")
    for value, label in across.ticks:
        yield text(across.place(value), bottom + 18, label, "middle")
