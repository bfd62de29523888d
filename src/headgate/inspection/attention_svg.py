"""An attention map as a drawing: one SVG without scripts, for light and dark pages.

Each cell has the one ink at an opacity of its weight over the largest weight: the scale is a single
hue, safe for colour-blind eyes, and follows the page from light to dark. A ring marks the strongest
cell of each row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import cos, radians, sin

from headgate.inspection.attention import AttentionMap, alignment_line, strongest
from headgate.inspection.labels import clip, display_width, visible

_CELL, _GAP = 26, 2  # pixels from one cell to the next, and the part of them that stays free
_EM = 7.9  # pixels of one column of the label font at 13 pixels
_LABEL_LIMIT = 24
_LEVEL = 3  # where a label has more columns than this, words are turned along the top
_TURN = 55  # degrees
_MANY_CELLS = 10_000  # a larger map leaves out the cells that nobody could see
_UNSEEN = 0.005
_LEGEND_STEPS, _LEGEND_WIDTH = (0.05, 0.25, 0.5, 0.75, 1.0), 270

_STYLE = """
.hg-attention { --ink: #0b4f9c; --ground: #ffffff; --panel: #eff2f6; --text: #1f2933;
  --quiet: #5b6672; font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas,
  "Noto Sans Mono CJK KR", "Malgun Gothic", monospace; }
@media (prefers-color-scheme: dark) { .hg-attention { --ink: #7cc0ff; --ground: #14181d;
  --panel: #1f262e; --text: #e6ebf0; --quiet: #9aa6b2; } }
.hg-attention text { fill: var(--text); }
.hg-attention .ground { fill: var(--ground); }
.hg-attention .panel { fill: var(--panel); }
.hg-attention .cell { fill: var(--ink); }
.hg-attention .cell:hover { stroke: var(--text); }
.hg-attention .ring { fill: none; stroke: var(--text); stroke-width: 1.4; pointer-events: none; }
.hg-attention .quiet { fill: var(--quiet); font: 11px system-ui, sans-serif; }
"""


def as_svg(attention: AttentionMap, *, name: str = "attention") -> str:
    """Draw the map as one SVG element that needs nothing else.

    Args:
        attention: the attention, L target by S source tokens.
        name: the beginning of the element ids; give each drawing of a page its own.

    Returns:
        The element; it is a whole file too.
    """
    frame = _Frame.of(attention)
    name = escape(name)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hg-attention" role="img"'
        f' aria-labelledby="{name}-title" aria-describedby="{name}-description"'
        f' viewBox="0 0 {frame.width} {frame.height}"'
        f' width="{frame.width}" height="{frame.height}">',
        f'<title id="{name}-title">{escape(heading(attention))}</title>',
        f'<desc id="{name}-description">{escape(_description(attention))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{frame.width}" height="{frame.height}" rx="6"/>',
        *_labels(attention, frame),
        *_grid(attention, frame),
        *_legend(attention, frame),
        "</svg>",
    ]
    return "\n".join(parts)


def heading(attention: AttentionMap) -> str:
    """Name a map by its two sequences.

    Args:
        attention: the attention.

    Returns:
        "source → target", each shortened to 60 columns.
    """
    return f"{_sentence(attention.source)} → {_sentence(attention.target)}"


def _sentence(tokens: tuple[str, ...]) -> str:
    """Characters stand close together, words apart."""
    gap = "" if all(len(token) <= 1 for token in tokens) else " "
    text = gap.join(token if token == " " else visible(token) for token in tokens)
    return clip(text, 60) or "∅"


def _description(attention: AttentionMap) -> str:
    rows, columns = len(attention.target), len(attention.source)
    size = f"Attention of {rows} target tokens (rows) over {columns} source tokens (columns)."
    links = clip(alignment_line(attention), 400)
    return f"{size} Strongest source → target: {links}" if links else size


@dataclass(frozen=True)
class _Frame:
    """In pixels, where the grid begins and how large the drawing is; which labels are turned."""

    left: int
    top: int
    width: int
    height: int
    turned: tuple[bool, ...]

    @classmethod
    def of(cls, attention: AttentionMap) -> _Frame:
        lengths = [_length(token) for token in attention.source]
        any_long = max(lengths, default=0) > _LEVEL * _EM
        turned = tuple(any_long and len(token) > 1 for token in attention.source)
        slanted = [length * turn for length, turn in zip(lengths, turned, strict=True)]
        left = max(76, 24 + int(max(map(_length, attention.target), default=0)))
        top = max(48, 26 + int(max(slanted, default=0) * sin(radians(_TURN))))
        ends = [_CELL * (n + 1) + x * cos(radians(_TURN)) for n, x in enumerate(slanted)]
        width = left + max(int(max(ends, default=0)), _LEGEND_WIDTH) + 16
        return cls(left, top, width, top + _CELL * len(attention.target) + 48, turned)


def _length(token: str) -> float:
    return _EM * display_width(_label(token))


def _label(token: str) -> str:
    return clip(visible(token), _LABEL_LIMIT)


def _labels(attention: AttentionMap, frame: _Frame) -> Iterator[str]:
    yield _text(frame.left - 10, frame.top - 23, "source →", 'class="quiet" text-anchor="end"')
    yield _text(frame.left - 10, frame.top - 9, "target ↓", 'class="quiet" text-anchor="end"')
    for column, (token, turned) in enumerate(zip(attention.source, frame.turned, strict=True)):
        x, y = frame.left + _CELL * column + _CELL // 2, frame.top - 9
        place = f'transform="rotate(-{_TURN} {x} {y})"' if turned else 'text-anchor="middle"'
        yield _text(x, y, _label(token), place)
    for row, token in enumerate(attention.target):
        y = frame.top + _CELL * row + _CELL // 2 + 4
        yield _text(frame.left - 10, y, _label(token), 'text-anchor="end"')


def _text(x: int, y: int, text: str, attributes: str) -> str:
    return f'<text x="{x}" y="{y}" {attributes}>{escape(text)}</text>'


def _grid(attention: AttentionMap, frame: _Frame) -> Iterator[str]:
    rows, columns = len(attention.target), len(attention.source)
    size = f'width="{_CELL * columns + _GAP}" height="{_CELL * rows + _GAP}"'
    yield f'<rect class="panel" x="{frame.left - _GAP}" y="{frame.top - _GAP}" {size} rx="5"/>'
    yield from _cells(attention, frame)
    for row, column in enumerate(strongest(attention)):
        if column is not None:
            yield f'<rect class="ring" {_place(frame, row=row, column=column)}/>'


def _cells(attention: AttentionMap, frame: _Frame) -> Iterator[str]:
    peak = _peak(attention)
    least = _UNSEEN * peak if attention.weights.numel() > _MANY_CELLS else 0.0
    for row, weights in enumerate(attention.weights.tolist()):
        for column, weight in enumerate(weights):
            if weight >= least:
                place = _place(frame, row=row, column=column)
                share = f"{weight / (peak or 1.0):.3f}"
                title = _tooltip(attention.source[column], attention.target[row], weight)
                yield f'<rect class="cell" {place} fill-opacity="{share}">{title}</rect>'


def _place(frame: _Frame, *, row: int, column: int) -> str:
    x, y, side = frame.left + _CELL * column, frame.top + _CELL * row, _CELL - _GAP
    return f'x="{x}" y="{y}" width="{side}" height="{side}" rx="4"'


def _tooltip(source: str, target: str, weight: float) -> str:
    return f"<title>{escape(f'{visible(source)} → {visible(target)}: {weight:.3f}')}</title>"


def _peak(attention: AttentionMap) -> float:
    return float(attention.weights.max()) if attention.weights.numel() else 0.0


def _legend(attention: AttentionMap, frame: _Frame) -> Iterator[str]:
    x, y = frame.left, frame.height - 26
    yield _text(x, y + 10, "0", 'class="quiet"')
    for step, share in enumerate(_LEGEND_STEPS):
        place = f'x="{x + 14 + 22 * step}" y="{y}" width="22" height="12"'
        yield f'<rect class="cell" {place} fill-opacity="{share}"/>'
    yield _text(x + 130, y + 10, f"{_peak(attention):.2f}", 'class="quiet"')
    yield f'<rect class="ring" x="{x + 166}" y="{y}" width="12" height="12" rx="3"/>'
    yield _text(x + 184, y + 10, "row's strongest", 'class="quiet"')
