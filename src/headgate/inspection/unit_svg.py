"""A text coloured by the value of one unit, as a drawing: one SVG without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from headgate.inspection.labels import display_width
from headgate.inspection.unit_text import Cell, text_lines

_EM, _LINE = 8.4, 20  # pixels of a column and of a line, of a font of 14 pixels
_LEFT, _TOP = 16, 58
_COLUMNS = 88
_INK, _PALE = "#14181d", "#ffffff"
# ColorBrewer's RdBu and Blues, which colour-blind eyes can read
_SIGNED = (
    (178, 24, 43),
    (239, 138, 98),
    (253, 219, 199),
    (247, 247, 247),
    (209, 229, 240),
    (103, 169, 207),
    (33, 102, 172),
)
_BLUES = ((247, 251, 255), (198, 219, 239), (107, 174, 214), (33, 113, 181), (8, 48, 107))
_RETURN = "↵"
_STEPS = 9  # of the legend
_STYLE = """
.hg-unit { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  "Noto Sans Mono CJK KR", monospace; }
.hg-unit .head { font-weight: 600; fill: #14181d; }
.hg-unit .quiet { font-size: 12px; fill: #4b5563; }
"""


def text_svg(
    parts: Sequence[str],
    values: Sequence[float],
    *,
    bounds: tuple[float, float],
    title: str,
    note: str = "",
) -> str:
    """Draw a text on the colours of a unit's values.

    Args:
        parts: the text in pieces, such as tokens.
        values: one a piece.
        bounds: the values at the ends of the scale; what is beyond has the colour of the end.
            Below zero the scale is of signs: red, white at the middle, blue; else white to blue.
        title: what stands above it.
        note: a second line, smaller.

    Returns:
        An SVG element; it is a whole file too. It has a white ground of its own.
    """
    low, high = bounds
    # the picture of a line feed is in few fonts
    lines = [
        [(_RETURN if letter == "␊" else letter, value) for letter, value in line]
        for line in text_lines(parts, values, _COLUMNS)
    ]
    longest = max((sum(display_width(t) for t, _ in line) for line in lines), default=0)
    heads = max(display_width(title) * 1.03, display_width(note) * 0.88)
    width = round(2 * _LEFT + _EM * max(longest, heads, 40))
    height = _TOP + _LINE * len(lines) + 50
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hg-unit" role="img"'
        f' viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{_written(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>',
        f'<text class="head" x="{_LEFT}" y="24">{_written(title)}</text>',
        f'<text class="quiet" x="{_LEFT}" y="43">{_written(note)}</text>',
    ]
    for number, line in enumerate(lines):
        drawn += _line(line, _TOP + _LINE * number, bounds)
    drawn += _legend(low, high, height - 34)
    return "\n".join([*drawn, "</svg>"])


def _line(line: Sequence[Cell], y: int, bounds: tuple[float, float]) -> Iterator[str]:
    """The grounds of a line, then its letters: those of one ink together, each in its column."""
    columns, column = list[int](), 0
    for letter, _ in line:
        columns.append(column)
        column += display_width(letter)
    colours = [_colour(value, bounds) for _, value in line]
    for colour, run in groupby(range(len(line)), key=colours.__getitem__):
        first, *_ = places = list(run)
        wide = sum(display_width(line[place][0]) for place in places)
        yield (
            f'<rect x="{_x(columns[first])}" y="{y}" width="{_EM * wide:.1f}" height="{_LINE - 1}"'
            f' fill="{colour}"/>'
        )
    for ink, run in groupby(range(len(line)), key=lambda place: _ink(colours[place])):
        places = list(run)
        at = " ".join(_x(columns[place]) for place in places for _ in line[place][0])
        letters = _written("".join(line[place][0] for place in places))
        yield f'<text x="{at}" y="{y + 14}" fill="{ink}" xml:space="preserve">{letters}</text>'


def _x(column: int) -> str:
    return f"{_LEFT + _EM * column:.1f}"


def _written(text: str) -> str:
    """Escaped for XML, which cannot hold control characters or half of a surrogate pair."""
    safe = "".join("\ufffd" if ord(c) < 32 or 0xD7FF < ord(c) < 0xE000 else c for c in text)
    return escape(safe, quote=False)


def _colour(value: float, bounds: tuple[float, float]) -> str:
    low, high = bounds
    if value != value:
        return "#e5e7eb"
    share = max(0.0, min(1.0, (value - low) / ((high - low) or 1.0)))
    scale = _SIGNED if low < 0 else _BLUES
    place = round(share * 64) / 64 * (len(scale) - 1)  # 65 colours: equal ones are one rectangle
    before = min(int(place), len(scale) - 2)
    part = place - before
    mixed = (
        round(a + (b - a) * part) for a, b in zip(scale[before], scale[before + 1], strict=True)
    )
    return "#" + "".join(f"{each:02x}" for each in mixed)


def _ink(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return _INK if 0.3 * red + 0.59 * green + 0.11 * blue > 130 else _PALE


def _legend(low: float, high: float, y: int) -> Iterator[str]:
    wide = 22
    yield f'<text class="quiet" x="{_LEFT}" y="{y + 12}">{low:.2g}</text>'
    left = _LEFT + 48
    for step in range(_STEPS):
        colour = _colour(low + (high - low) * step / (_STEPS - 1), (low, high))
        yield (
            f'<rect x="{left + wide * step}" y="{y}" width="{wide}" height="14" fill="{colour}"/>'
        )
    yield f'<text class="quiet" x="{left + wide * _STEPS + 8}" y="{y + 12}">{high:.2g}</text>'
