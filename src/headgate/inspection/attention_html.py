"""Attention maps as one static page: no script, no network, light and dark, with tables to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from headgate.inspection.attention import AttentionMap, alignment_line, entropy, strongest
from headgate.inspection.attention_svg import as_svg, heading
from headgate.inspection.labels import visible
from headgate.inspection.report_page import head, opening, scroll

_MANY_CELLS = 10_000  # a larger map's table has the strongest link of each row alone


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
    return "\n".join([*head(title, language=language), *_body(maps, title, intro), "</html>", ""])


def _body(maps: Sequence[AttentionMap], title: str, intro: str) -> Iterator[str]:
    yield from opening(title, intro)
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
    yield f"<figure>\n{scroll(picture, label=f'Picture {number}')}"
    yield f"<figcaption>Strongest links: {escape(alignment_line(attention)) or 'none'}</figcaption>"
    yield "</figure>\n<details>\n<summary>The numbers as a table</summary>"
    yield scroll("\n".join(_table(attention)), label=f"Table {number}")
    yield "</details>\n</section>"


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
