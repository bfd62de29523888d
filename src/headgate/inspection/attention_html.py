"""Attention maps as one static page: no script, no network, light and dark, with tables to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from headgate.inspection.attention import AttentionMap, alignment_line, entropy, strongest
from headgate.inspection.attention_svg import as_svg, heading
from headgate.inspection.labels import visible

_MANY_CELLS = 10_000  # a larger map's table has the strongest link of each row alone

_STYLE = """
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


def as_html(
    maps: Sequence[AttentionMap], *, title: str, intro: str = "", language: str = "en"
) -> str:
    """Write one page that shows the maps, one under the other.

    Each map is a drawing, its strongest links in words, and a table of the same numbers.

    Args:
        maps: the attention of some sequences.
        title: the heading of the page.
        intro: what the reader sees; blank lines part its paragraphs.
        language: the BCP 47 tag of title and intro.

    Returns:
        A whole HTML document, to be written as UTF-8.
    """
    return "\n".join([*_head(title, language), *_body(maps, title, intro), "</html>", ""])


def _head(title: str, language: str) -> Iterator[str]:
    yield "<!doctype html>"
    yield f'<html lang="{escape(language)}">'
    yield '<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # The page may be made from anybody's text: the browser shall fetch and run nothing.
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield f"<title>{_clean(title)}</title>"
    yield f"<style>{_STYLE}</style>\n</head>"


def _body(maps: Sequence[AttentionMap], title: str, intro: str) -> Iterator[str]:
    yield f"<body>\n<main>\n<h1>{_clean(title)}</h1>"
    yield from (f"<p>{_clean(paragraph)}</p>" for paragraph in intro.split("\n\n") if paragraph)
    if not maps:
        yield "<p>There is no map to show.</p>"
    for number, attention in enumerate(maps, start=1):
        yield from _section(attention, number)
    yield "</main>\n</body>"


def _section(attention: AttentionMap, number: int) -> Iterator[str]:
    name = f"attention-{number}"
    yield f'<section aria-labelledby="{name}-heading">'
    yield f'<h2 id="{name}-heading" dir="auto">{escape(heading(attention))}</h2>'
    picture = as_svg(attention, name=name)
    yield f"<figure>\n{_scroll(picture, label=f'Picture {number}')}"
    yield f"<figcaption>Strongest links: {escape(alignment_line(attention)) or 'none'}</figcaption>"
    yield "</figure>\n<details>\n<summary>The numbers as a table</summary>"
    yield _scroll("\n".join(_table(attention)), label=f"Table {number}")
    yield "</details>\n</section>"


def _scroll(content: str, *, label: str) -> str:
    """A region that scrolls sideways, also by keyboard."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">\n{content}\n</div>'
    )


def _table(attention: AttentionMap) -> Iterator[str]:
    columns = attention.source if attention.weights.numel() <= _MANY_CELLS else ()
    names = ["target", "strongest source", "its weight", "entropy", *map(visible, columns)]
    yield "<table>\n<caption>A row for each target token. Entropy is in bits: 0 where one source"
    yield "token has all the weight.</caption>\n<thead>\n<tr>"
    yield "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    yield "</tr>\n</thead>\n<tbody>"
    peaks, entropies = strongest(attention), entropy(attention).tolist()
    for row, weights in enumerate(attention.weights.tolist()):
        peak = peaks[row]
        source = "∅" if peak is None else visible(attention.source[peak])
        largest = 0.0 if peak is None else weights[peak]
        yield f'<tr><th scope="row">{escape(visible(attention.target[row]))}</th>'
        yield f"<td>{escape(source)}</td><td>{largest:.3f}</td><td>{entropies[row]:.2f}</td>"
        yield "".join(_weight(weights[n], is_peak=n == peak) for n in range(len(columns)))
        yield "</tr>"
    yield "</tbody>\n</table>"


def _weight(weight: float, *, is_peak: bool) -> str:
    return f'<td class="peak">{weight:.3f}</td>' if is_peak else f"<td>{weight:.3f}</td>"


def _clean(text: str) -> str:
    """Text for a paragraph: escaped, and without what UTF-8 cannot store."""
    return escape(text.encode("utf-8", "replace").decode("utf-8"))
