"""What a drawing is made of: texts, rules, paths, and the key that names them.

Figures are 440 pixels wide, so that their texts can be read on the width of a telephone. A line is
told from the others by its dashes as well as by its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from headgate.inspection.drawing import QUALITATIVE
from headgate.inspection.labels import display_width

WIDTH, BASE, LEFT, RIGHT = 440, 14, 62, 424  # pixels: the drawing, its margin, a plot's sides
Place = tuple[float, float]
# lighter twins of the colours of ``QUALITATIVE``, for a dark ground
_ON_DARK = ("#59b4f0", "#ff9248", "#35c99b", "#eda4cd", "#f2bd4a", "#a3dcff")
_DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 2", "1 2")
_EM = 6.9  # pixels of a column of a text of 13 pixels, about

STYLE = (
    """
.hg-study { --ground: #ffffff; --text: #1f2933; --quiet: #5b6672; --grid: #dde3ea;
  font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
.hg-study text { fill: var(--text); }
.hg-study .head { font-weight: 600; }
.hg-study .ground { fill: var(--ground); }
.hg-study .grid { stroke: var(--grid); }
.hg-study .level { stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 1 3; }
.hg-study .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.hg-study .point { stroke: none; }
.hg-study .whisker { stroke: var(--line-0); stroke-width: 2; }
.hg-study .dot { fill: var(--line-0); }
"""
    + f".hg-study {{ {' '.join(f'--line-{n}: {c};' for n, c in enumerate(QUALITATIVE[:6]))} }}\n"
    + "@media (prefers-color-scheme: dark) { .hg-study { --ground: #14181d; --text: #e6ebf0;\n"
    + "  --quiet: #9aa6b2; --grid: #333c46; "
    + f"{' '.join(f'--line-{n}: {c};' for n, c in enumerate(_ON_DARK))} }} }}\n"
    + "".join(
        f".hg-study .line-{n} {{ stroke: var(--line-{n}); stroke-dasharray: {dash}; }}\n"
        f".hg-study .point-{n}, .hg-study .ink-{n} {{ fill: var(--line-{n}); }}\n"
        for n, dash in enumerate(_DASHES)
    )
)
_FEW = 12  # points of a line that are each marked


def text(x: float, y: float, content: str, anchor: str, *, kind: str = "") -> str:
    """Write a text.

    Args:
        x: of its anchor, in pixels.
        y: of its base line.
        content: any text.
        anchor: start, middle or end.
        kind: its class.

    Returns:
        The element.
    """
    named = f' class="{kind}"' if kind else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text{named} {place}>{escape(content, quote=False)}</text>"


def rule(start: Place, end: Place, kind: str) -> str:
    """Draw a straight rule.

    Args:
        start: x and y.
        end: x and y.
        kind: its class.

    Returns:
        The element.
    """
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def path(points: Sequence[Place], number: int) -> str:
    """Draw a line; where its points are few, each has a mark.

    Args:
        points: x and y, in pixels.
        number: which line of the panel it is, for its look.

    Returns:
        The elements.
    """
    look = number % len(_DASHES)
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    marks = [
        f'<circle class="point point-{look}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>'
        for x, y in points[: _FEW + 1]
    ]
    line = f'<polyline class="line line-{look}" points="{drawn}"/>'
    return "\n".join([line, *(marks if len(points) <= _FEW else [])])


def ink(number: int) -> str:
    """Name the class of a text in the colour of a line.

    Args:
        number: of the line.

    Returns:
        The class.
    """
    return f"ink-{number % len(_DASHES)}"


def swatch(x: float, y: float, number: int | None) -> str:
    """Draw a short piece of a line, for the key.

    Args:
        x: where it begins.
        y: its height.
        number: of the line; None for the level.

    Returns:
        The element.
    """
    kind = "level" if number is None else f"line line-{number % len(_DASHES)}"
    return rule((x, y), (x + 24, y), kind)


def key(names: Sequence[str]) -> list[list[tuple[float, int, str]]]:
    """Set names in lines, each with room for its piece of a line.

    Args:
        names: of the lines.

    Returns:
        For each line of the key: where a name's piece begins, its number, the name.
    """
    lines: list[list[tuple[float, int, str]]] = [[]]
    at = float(BASE)
    for number, name in enumerate(names):
        wide = 30 + _EM * display_width(name) + 14
        if lines[-1] and at + wide - 14 > WIDTH - BASE:
            lines.append([])
            at = float(BASE)
        lines[-1].append((at, number, name))
        at += wide
    return lines
