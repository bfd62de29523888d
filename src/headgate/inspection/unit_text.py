"""A text shaded by the value of one unit, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headgate.inspection.drawing import on_colour, strip
from headgate.inspection.labels import display_width, visible

Cell = tuple[str, float]


def pieces(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Cut a text into one piece a token; what stands before a token goes with it.

    Args:
        text: the text.
        spans: where its tokens stand, in their order.

    Returns:
        T pieces; of the bytes of one character the first has it, the others are empty.
    """
    found, before = [], spans[0][0] if spans else 0
    for _, end in spans:
        found.append(text[before:end])
        before = max(end, before)
    return tuple(found)


def printable(pattern: str) -> str:
    """Write a pattern in one line as it was typed, where it can be.

    Args:
        pattern: any text.

    Returns:
        The text, with what cannot be seen made visible.
    """
    return "".join(letter if letter.isprintable() else visible(letter) for letter in pattern)


def shaded(
    parts: Sequence[str],
    values: Sequence[float],
    *,
    bounds: tuple[float, float],
    width: int,
    colour: bool = False,
) -> list[str]:
    """Shade a text: on coloured ground, or by bars under each line.

    Args:
        parts: the text in pieces.
        values: one a piece.
        bounds: the values of the lowest and the fullest bar; below zero, colours are of signs.
        width: columns.
        colour: whether 256 colours may be used.

    Returns:
        Lines; a newline is shown and ends one.
    """
    low, high = bounds
    lines: list[str] = []
    for cells in text_lines(parts, values, width):
        if colour:
            span = (high - low) or 1.0
            drawn = (on_colour(t, (v - low) / span, signed=low < 0) for t, v in cells)
            lines.append("".join(drawn))
            continue
        widths = [display_width(label) for label, _ in cells]
        bars = strip([value for _, value in cells], low=low, high=high, widths=widths)
        lines += ["".join(label for label, _ in cells), bars.rstrip()]
    return lines


def text_lines(parts: Sequence[str], values: Sequence[float], width: int) -> Iterator[list[Cell]]:
    """Lay a text out in lines of characters, each with the value of its piece.

    Args:
        parts: the text in pieces.
        values: one a piece.
        width: columns of a line.

    Yields:
        Lines; a space stays a space, a newline is shown and ends its line.
    """
    line: list[Cell] = []
    used = 0
    for part, value in zip(parts, values, strict=True):
        for letter in part:
            # a mark stands on the letter before it
            label = letter if letter == " " or display_width(letter) == 0 else visible(letter)
            wide = display_width(label)
            if line and used + wide > width:
                yield line
                line, used = [], 0
            line.append((label, value))
            used += wide
            if letter == "\n":
                yield line
                line, used = [], 0
    if line:
        yield line
