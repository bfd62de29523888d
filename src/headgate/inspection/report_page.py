"""The page that reports share: its head, its look in light and dark, text that cannot break it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from html import escape

from headgate.inspection.labels import visible

# The page may be made from anybody's text: the browser shall fetch nothing, and run nothing that
# does not stand in the page itself.
STATIC = "default-src 'none'; style-src 'unsafe-inline'"
SCRIPTED = (
    f"{STATIC}; script-src 'unsafe-inline'; img-src data: blob:; form-action 'none'; "
    "base-uri 'none'"
)

STYLE = """
:root { color-scheme: light dark; --text: #1f2933; --quiet: #5b6672; --line: #d5dae1;
  --ground: #ffffff; --link: #0b4f9c; }
@media (prefers-color-scheme: dark) { :root { --text: #e6ebf0; --quiet: #9aa6b2; --line: #333c46;
  --ground: #14181d; --link: #7cc0ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK KR",
  sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; line-height: 1.35; margin: 0 0 .75rem; overflow-wrap: anywhere; }
p { max-width: 42rem; margin: 0 0 1rem; }
section { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1.5rem; }
figure { margin: 0; }
figcaption, caption, .quiet { color: var(--quiet); font-size: .9rem; }
figcaption { overflow-wrap: anywhere; margin-top: .5rem; }
.scroll { overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--link);
  outline-offset: 3px; }
.scroll > svg { display: block; }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--link); width: fit-content; }
table { border-collapse: collapse; margin-top: .75rem; font-variant-numeric: tabular-nums; }
caption { text-align: start; padding-bottom: .4rem; }
th, td { padding: .2rem .5rem; border-bottom: 1px solid var(--line); text-align: end;
  white-space: pre; }
td.peak { font-weight: 700; }
@media print { .scroll { overflow: visible; } }
"""


def head(
    title: str, *, language: str = "en", policy: str = STATIC, style: str = ""
) -> Iterator[str]:
    """Write all that stands before the body.

    Args:
        title: of the page.
        language: the BCP 47 tag of its text.
        policy: what the browser may fetch and run.
        style: what is added to ``STYLE``.

    Yields:
        Lines.
    """
    yield "<!doctype html>"
    yield f'<html lang="{escape(language)}">'
    yield '<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield f"<title>{clean(title)}</title>"
    yield f"<style>{STYLE}{style}</style>\n</head>"


def opening(title: str, intro: str) -> Iterator[str]:
    """Write the beginning of the body: the heading and what the reader sees.

    Args:
        title: of the page.
        intro: blank lines part its paragraphs.

    Yields:
        Lines.
    """
    yield f"<body>\n<main>\n<h1>{clean(title)}</h1>"
    yield from (f"<p>{clean(paragraph)}</p>" for paragraph in intro.split("\n\n") if paragraph)


def scroll(content: str, *, label: str) -> str:
    """Write a region that scrolls sideways, also by keyboard.

    Args:
        content: of the region.
        label: what a screen reader calls it; another one for each region of a page.

    Returns:
        The region.
    """
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">\n{content}\n</div>'
    )


def clean(text: str) -> str:
    """Make any text fit to stand in a page.

    Args:
        text: any text.

    Returns:
        The text, escaped; control characters but for the newline are seen as pictures, and what
        UTF-8 cannot store is "?".
    """
    stored = text.encode("utf-8", "replace").decode("utf-8")
    return escape("".join(map(_seen, stored)))


def _seen(character: str) -> str:
    control = character != "\n" and unicodedata.category(character) == "Cc"
    return visible(character) if control else character
