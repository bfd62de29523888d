"""An attention map as a picture for the terminal.

Target tokens are rows, source tokens columns; the fuller or brighter a cell, the more weight it
has. Shades are relative to the largest weight of the map, which the last line states.
"""

from __future__ import annotations

from dataclasses import dataclass

from headgate.inspection.attention import AttentionMap
from headgate.inspection.drawing import (
    BLOCKS,
    BLUES,
    FAINTEST,
    LABEL_LIMIT,
    block,
    column_width,
    columns_of,
    fold,
    on_colour,
    pad,
)
from headgate.inspection.labels import clip, display_width, visible


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
    panels = fold(picture.widths, columns_of(width) - picture.margin)
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
    source = [clip(visible(token), LABEL_LIMIT) for token in attention.source]
    target = [clip(visible(token), LABEL_LIMIT) for token in attention.target]
    peak = float(attention.weights.max())
    return _Picture(
        source=source,
        target=target,
        shares=(attention.weights / (peak or 1.0)).tolist(),
        widths=[column_width(label) for label in source],
        margin=max(display_width(label) for label in target) + 1,
        peak=peak,
        colour=colour,
    )


def _panel(picture: _Picture, columns: range) -> str:
    head = "".join(pad(picture.source[column], picture.widths[column]) for column in columns)
    lines = [" " * picture.margin + head]
    if len(columns) < len(picture.source):
        lines.insert(0, f"source {columns.start + 1}–{columns.stop} of {len(picture.source)}")
    for label, shares in zip(picture.target, picture.shares, strict=True):
        cells = [_run(picture, shares[column], picture.widths[column]) for column in columns]
        gap = " " * (picture.margin - 1 - display_width(label))
        lines.append(f"{gap}{label} {''.join(cells)}")
    return "\n".join(line.rstrip() for line in lines)


def _run(picture: _Picture, share: float, width: int) -> str:
    return on_colour(" " * width, share) if picture.colour else block(share) * width


def _legend(picture: _Picture) -> str:
    if picture.colour:
        scale = "".join(on_colour("  ", step / len(BLUES)) for step in range(len(BLUES)))
        return f"0 {scale} {picture.peak:.2f}"
    steps = zip(BLOCKS[1:], (FAINTEST, 0.25, 0.5, 0.75), strict=True)
    scale = "  ".join(f"{block} {share * picture.peak:.2f}" for block, share in steps)
    return f"{scale} to {picture.peak:.2f}"
