"""An attention map as a picture for the terminal.

Target tokens are rows, source tokens columns; the fuller or brighter a cell, the more weight it
has. Shades are relative to the largest weight of the map, which the last line states.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.inspection.attention import AttentionMap
from headgate.inspection.labels import clip, display_width, visible

_BLOCKS = " ░▒▓█"
_FAINTEST = 0.05  # the share of the largest weight from which a cell is not blank
# Blues of the 256 colours from dark to bright. A cell has its own ground, so that the picture is
# the same on a light terminal and on a dark one.
_BLUES = (234, 17, 18, 19, 25, 32, 39, 75, 117, 195)
_LABEL_LIMIT = 14


def as_text(attention: AttentionMap, *, width: int | None = None, colour: bool = False) -> str:
    """Draw the map for a terminal.

    A map that is wider than the terminal is folded into panels, one under the other.

    Args:
        attention: the attention, L target by S source tokens.
        width: the columns of the terminal; default its present width.
        colour: whether to shade in 256 colours; else in block characters.

    Returns:
        Lines without a newline at the end.

    Example:
        >>> from headgate.inspection.attention import attention_map
        >>> print(as_text(attention_map([[0.8, 0.2], [0.2, 0.8]], source="ab", target="AB")))
          a b
        A ██▒▒
        B ▒▒██
        <BLANKLINE>
        ░ 0.04  ▒ 0.20  ▓ 0.40  █ 0.60 to 0.80
    """
    rows, columns = len(attention.target), len(attention.source)
    if not rows or not columns:
        return f"nothing to draw: {rows} target tokens, {columns} source tokens"
    picture = _lay_out(attention, colour=colour)
    available = width if width is not None else shutil.get_terminal_size().columns
    panels = _fold(picture.widths, available - picture.margin)
    drawn = [_panel(picture, panel) for panel in panels]
    return "\n\n".join([*drawn, _legend(picture)])


@dataclass(frozen=True)
class _Picture:
    """Labels and shares (weights over the largest weight), with the columns that they take."""

    source: list[str]
    target: list[str]
    shares: list[list[float]]
    widths: list[int]
    margin: int
    peak: float
    colour: bool


def _lay_out(attention: AttentionMap, *, colour: bool) -> _Picture:
    source = [clip(visible(token), _LABEL_LIMIT) for token in attention.source]
    target = [clip(visible(token), _LABEL_LIMIT) for token in attention.target]
    peak = float(attention.weights.max())
    return _Picture(
        source=source,
        target=target,
        shares=(attention.weights / (peak or 1.0)).tolist(),
        widths=[_column_width(label) for label in source],
        margin=max(display_width(label) for label in target) + 1,
        peak=peak,
        colour=colour,
    )


def _column_width(label: str) -> int:
    """Characters stand two columns wide, as East Asian ones are; words need a gap after them."""
    width = display_width(label)
    return 2 if len(label) == 1 else width + 1


def _fold(widths: Sequence[int], available: int) -> list[range]:
    """Cut the columns into panels that fit; a panel has one column at least."""
    panels, start, used = [], 0, 0
    for column, width in enumerate(widths):
        if used + width > available and column > start:
            panels.append(range(start, column))
            start, used = column, 0
        used += width
    return [*panels, range(start, len(widths))]


def _panel(picture: _Picture, columns: range) -> str:
    head = "".join(_pad(picture.source[column], picture.widths[column]) for column in columns)
    lines = [" " * picture.margin + head]
    if len(columns) < len(picture.source):
        lines.insert(0, f"source {columns.start + 1}–{columns.stop} of {len(picture.source)}")
    for label, shares in zip(picture.target, picture.shares, strict=True):
        cells = [_run(picture, shares[column], picture.widths[column]) for column in columns]
        gap = " " * (picture.margin - 1 - display_width(label))
        lines.append(f"{gap}{label} {''.join(cells)}")
    return "\n".join(line.rstrip() for line in lines)


def _pad(label: str, width: int) -> str:
    return label + " " * (width - display_width(label))


def _run(picture: _Picture, share: float, width: int) -> str:
    return _coloured(share, width) if picture.colour else _block(share) * width


def _block(share: float) -> str:
    return " " if share < _FAINTEST else _BLOCKS[min(4, 1 + int(share * 4))]


def _coloured(share: float, width: int) -> str:
    shade = _BLUES[min(len(_BLUES) - 1, int(share * len(_BLUES)))]
    return f"\x1b[48;5;{shade}m{' ' * width}\x1b[0m"


def _legend(picture: _Picture) -> str:
    if picture.colour:
        scale = "".join(_coloured(step / len(_BLUES), 2) for step in range(len(_BLUES)))
        return f"0 {scale} {picture.peak:.2f}"
    steps = zip(_BLOCKS[1:], (_FAINTEST, 0.25, 0.5, 0.75), strict=True)
    scale = "  ".join(f"{block} {share * picture.peak:.2f}" for block, share in steps)
    return f"{scale} to {picture.peak:.2f}"
