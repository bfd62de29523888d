"""The pieces that views are drawn of: strips, bars and tables in a terminal; a look of figures."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.inspection.binning import binned
from headgate.inspection.labels import clip, display_width, visible

BLOCKS = " ░▒▓█"
FAINTEST = 0.05  # the share of the greatest value from which a block is not blank
# Blues of the 256 colours from dark to bright. A cell has its own ground, so that the picture is
# the same on a light terminal and on a dark one.
BLUES = (234, 17, 18, 19, 25, 32, 39, 75, 117, 195)
# red below the middle, blue above it: a colour-blind eye tells them apart, too
SIGNS = (88, 124, 160, 203, 217, 255, 153, 75, 32, 25, 18)
LABEL_LIMIT = 14
SEQUENTIAL, DIVERGING = "Blues", "RdBu"  # plotly's names of the scales of 0 to 1, and of signs
QUALITATIVE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

_LEVELS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_MOST_PANELS = 6
_FONT = {"family": "ui-monospace, Menlo, Consolas, monospace", "size": 12}


def columns_of(width: int | None) -> int:
    """Give the columns that a drawing may take.

    Args:
        width: the columns asked for; the terminal's where None.

    Returns:
        The columns.
    """
    return shutil.get_terminal_size().columns if width is None else width


def column_width(label: str) -> int:
    """Give the columns of a token above its cells.

    Args:
        label: the token, visible.

    Returns:
        Two for a character, as East Asian ones are wide; a word has a gap after it.
    """
    width = display_width(label)
    return 2 if len(label) == 1 else width + 1


def tick(token: str, columns: int = LABEL_LIMIT) -> str:
    """Write a token beside an axis of plotly, which takes some texts for HTML.

    Args:
        token: any text.
        columns: that it may take.

    Returns:
        The label.
    """
    return escape(clip(visible(token), columns), quote=False)


def fold(widths: Sequence[int], available: int) -> list[range]:
    """Cut columns into panels that fit; a panel has one column at least.

    Args:
        widths: of each column.
        available: how many a panel may take.

    Returns:
        The panels in their order.
    """
    panels, start, used = [], 0, 0
    for column, width in enumerate(widths):
        if used + width > available and column > start:
            panels.append(range(start, column))
            start, used = column, 0
        used += width
    return [*panels, range(start, len(widths))]


def pad(label: str, width: int) -> str:
    """Fill a label with spaces.

    Args:
        label: one line.
        width: the columns that it is to take.

    Returns:
        The label, at least as long as it was.
    """
    return label + " " * (width - display_width(label))


def block(share: float) -> str:
    """Draw a share as a block that is the fuller the greater it is.

    Args:
        share: 0 to 1.

    Returns:
        One character.
    """
    return " " if share < FAINTEST else BLOCKS[min(4, 1 + int(share * 4))]


def on_colour(text: str, share: float, *, signed: bool = False) -> str:
    """Write on a coloured ground that can be read.

    Args:
        text: what stands there; spaces for a bare cell.
        share: 0 to 1; where signed, the middle is white.
        signed: whether red goes over white to blue, else dark goes to bright blue.

    Returns:
        The text with its codes.
    """
    shades = SIGNS if signed else BLUES
    place = max(0, min(len(shades) - 1, int(share * len(shades))))
    ink = "" if text.isspace() else f"38;5;{_ink(place, signed=signed)};"
    return f"\x1b[{ink}48;5;{shades[place]}m{text}\x1b[0m"


def _ink(place: int, *, signed: bool) -> int:
    bright = 2 < place < 8 if signed else place > 5
    return 16 if bright else 231


def strip(
    values: Sequence[float] | Tensor,
    *,
    low: float = 0.0,
    high: float = 1.0,
    colour: bool = False,
    widths: Sequence[int] | None = None,
) -> str:
    """Draw values as one line of cells.

    Args:
        values: one a cell; what is beyond the bounds is drawn as the bound, a NaN as "?".
        low: the value of the lowest bar. Below zero, the colours are those of signs.
        high: the value of the fullest bar.
        colour: whether 256 colours may be used; else bars of eight heights.
        widths: columns of each cell; 1 where None.

    Returns:
        The line.

    Example:
        >>> strip([0.0, 0.25, 0.5, 1.0])
        ' ▂▄█'
    """
    numbers = values.tolist() if isinstance(values, Tensor) else values
    wide = [1] * len(numbers) if widths is None else widths
    span = (high - low) or 1.0
    drawn = []
    for value, width in zip(numbers, wide, strict=True):
        share = (value - low) / span
        if share != share:
            drawn.append("?" * width)
            continue
        share = max(0.0, min(1.0, share))
        cell = on_colour(" " * width, share, signed=low < 0)
        drawn.append(cell if colour else _LEVELS[round(share * 8)] * width)
    return "".join(drawn)


def bar(share: float, width: int) -> str:
    """Draw a share as a bar from the left, to an eighth of a column.

    Args:
        share: 0 to 1; what is beyond is drawn as the bound.
        width: the columns of a full bar.

    Returns:
        The bar, filled with spaces to its width.

    Example:
        >>> bar(0.5, 3) + "|"
        '█▌ |'
    """
    eighths = round(max(0.0, min(1.0, share)) * 8 * width) if share == share else 0
    whole, rest = divmod(eighths, 8)
    return pad("█" * whole + _EIGHTHS[rest] * (rest > 0), width)


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> list[str]:
    """Write a table; a column whose cells all begin as numbers do is flush right.

    Args:
        rows: each with one text a column.
        header: names of the columns; none where empty.

    Returns:
        Lines, without spaces at their ends.

    Example:
        >>> table([["forget", "1.5"], ["input", "12.0"]], ["gate", "steps"])
        ['gate    steps', 'forget    1.5', 'input    12.0']
    """
    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    if not lines:
        return []
    columns = list(zip(*lines, strict=True))
    widths = [max(map(display_width, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[bool(header) :]) for column in columns]
    return ["  ".join(map(_cell, line, widths, right)).rstrip() for line in lines]


def _is_number(cell: str) -> bool:
    plain = cell.lstrip("+-−")[:1].isdecimal() and not any(map(str.isalpha, cell))
    return plain or cell in ("∞", "–", "")


def _cell(text: str, width: int, right: bool) -> str:
    return " " * (width - display_width(text)) + text if right else pad(text, width)


def strips(
    tokens: Sequence[str],
    rows: Mapping[str, Sequence[float] | Tensor],
    *,
    low: float = 0.0,
    high: float = 1.0,
    width: int | None = None,
    colour: bool = False,
) -> list[str]:
    """Draw rows of values under the tokens; a long text is folded, a very long one gathered.

    Args:
        tokens: T names.
        rows: T values by the name that stands before them.
        low: the value of the lowest bar. Below zero, the colours are those of signs.
        high: the value of the fullest bar.
        width: columns of the terminal; its present width where None.
        colour: whether 256 colours may be used.

    Returns:
        Lines without spaces at their ends.

    Example:
        >>> for line in strips("abc", {"input": [0.1, 0.5, 1.0]}):
        ...     print(line)
              abc
        input ▁▄█
    """
    values = {name: torch.as_tensor(each, dtype=torch.float64) for name, each in rows.items()}
    margin = max((display_width(name) for name in rows), default=0) + 1
    room = max(columns_of(width) - margin, 1)
    labels = [clip(visible(token), LABEL_LIMIT) for token in tokens]
    close = all(len(label) == 1 for label in labels)
    widths = [display_width(label) + (not close) for label in labels]
    panels = fold(widths, room)
    if len(panels) > _MOST_PANELS:
        return _gathered(values, margin, room, (low, high, colour))
    lines: list[str] = []
    for panel in panels:
        some = [widths[column] for column in panel]
        lines += [""] * (len(panels) > 1 and panel.start > 0)
        lines.append(" " * margin + "".join(pad(labels[c], widths[c]) for c in panel))
        for name, each in values.items():
            cells = each[panel.start : panel.stop]
            drawn = strip(cells, low=low, high=high, colour=colour, widths=some)
            lines.append(pad(name, margin) + drawn)
    return [line.rstrip() for line in lines]


def _gathered(
    rows: Mapping[str, Float[Tensor, "T"]],
    margin: int,
    room: int,
    how: tuple[float, float, bool],
) -> list[str]:
    """One line a row, each cell the mean of several tokens."""
    low, high, colour = how
    steps = max(len(each) for each in rows.values())
    size = -(-steps // min(steps, room))
    head = f"tokens 1 to {steps}; a cell is the mean of up to {size}"
    lines = [" " * margin + clip(head, max(room, 1))]
    for name, each in rows.items():
        drawn = strip(binned(each, room).mean, low=low, high=high, colour=colour)
        lines.append(pad(name, margin) + drawn)
    return [line.rstrip() for line in lines]


def laid_out(figure: Any, *, title: str, height: int = 480) -> Any:
    """Give a figure the look that all have: one font in one size, a white ground.

    Args:
        figure: of plotly.
        title: what stands above it.
        height: in pixels.

    Returns:
        The same figure.
    """
    figure.update_layout(
        title={"text": title, "x": 0.0, "xanchor": "left", "font": {"size": 14}},
        font=_FONT,
        height=height,
        template="plotly_white",
        margin={"l": 64, "r": 24, "t": 56, "b": 48},
        colorway=QUALITATIVE,
    )
    return figure
