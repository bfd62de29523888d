"""Lines over steps, on a scale of powers of ten, as one SVG without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil, floor, log10

Line = Sequence[tuple[float, float]]
_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 96, 48, 52  # pixels around the plot
_TICKS = 5
_POWERS = 10  # labels of the scale, about
_COLOURS = ("#0b4f9c", "#b3541e", "#2f7d4f", "#7a4fa3")
_DASHES = ("", "6 4", "2 3", "10 3 2 3")  # so that the lines differ without colours, too


def as_svg(lines: Mapping[str, Line], *, title: str, x: str, y: str, level: float | None) -> str:
    """Draw lines, each with its name at its end.

    Args:
        lines: points by the line's name, in the order of x; y is above 0.
        title: what stands above.
        x: what the steps are.
        y: what the values are.
        level: a value at which a thin line is drawn, or None.

    Returns:
        The drawing; it is a whole file, too.
    """
    values = [value for line in lines.values() for _, value in line]
    values += [] if level is None else [level]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    frame = _Frame(max(at for line in lines.values() for at, _ in line), low, max(high, low + 1))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 24, title, "start", size=15),
        *_axes(frame, x, y),
        *([] if level is None else [_rule(frame.y(level), "#5b6672", "3 3")]),
        *_lines(lines, frame),
        "</svg>",
    ]
    return "\n".join(parts)


class _Frame:
    """From steps and values to pixels."""

    def __init__(self, last: float, low: int, high: int) -> None:
        self.last, self.low, self.high = last, low, high

    def x(self, at: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * at / self.last

    def y(self, value: float) -> float:
        share = (log10(value) - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share


def _axes(frame: _Frame, x: str, y: str) -> Iterator[str]:
    gap = ceil((frame.high - frame.low) / _POWERS)
    for power in range(frame.high, frame.low - 1, -gap):
        place = frame.y(10.0**power)
        yield _rule(place, "#dde3ea", "")
        yield _text(_LEFT - 8, place + 4, f"{10.0**power:g}", "end")
    bottom = _HEIGHT - _BOTTOM
    for tick in range(_TICKS + 1):
        at = frame.last * tick / _TICKS
        yield _text(frame.x(at), bottom + 18, f"{at:,.0f}", "middle")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, x, "middle")
    yield _text(_LEFT, _TOP - 8, y, "start")


def _lines(lines: Mapping[str, Line], frame: _Frame) -> Iterator[str]:
    ends: list[float] = []
    for number, (name, line) in enumerate(lines.items()):
        colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number % len(_DASHES)]
        points = " ".join(f"{frame.x(at):.1f},{frame.y(value):.1f}" for at, value in line)
        yield (
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"'
            f' stroke-dasharray="{dash}"><title>{escape(name)}</title></polyline>'
        )
        place = frame.y(line[-1][1])
        while any(abs(place - other) < 14 for other in ends):
            place += 14
        ends.append(place)
        yield _text(frame.x(line[-1][0]) + 6, place + 4, name, "start", colour=colour)


def _rule(place: float, colour: str, dash: str) -> str:
    ends = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{place:.1f}" y2="{place:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-dasharray="{dash}"/>'


def _text(
    x: float, y: float, text: str, anchor: str, *, size: int = 12, colour: str = "#1f2933"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"
