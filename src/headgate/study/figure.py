"""The figure of a finding: one SVG without scripts, for light and dark."""

from __future__ import annotations

from html import escape

from headgate.study.finding import Finding
from headgate.study.marks import STYLE, WIDTH


def as_svg(finding: Finding, *, name: str = "study") -> str:
    """Draw the panels of a finding one below the other.

    Args:
        finding: what was found.
        name: the beginning of the element ids; give each drawing of a page its own.

    Returns:
        An SVG element; it is a whole file too. It has a ground of its own.
    """
    height = round(sum(panel.height for panel in finding.panels)) + 12
    described = " ".join(panel.described() for panel in finding.panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hg-study" role="img"'
        f' aria-labelledby="{name}-title" aria-describedby="{name}-description"'
        f' viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f'<title id="{name}-title">{escape(finding.title)}</title>',
        f'<desc id="{name}-description">{escape(described)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
    ]
    top = 6.0
    for panel in finding.panels:
        parts += panel.draw(top)
        top += panel.height
    return "\n".join([*parts, "</svg>"])
