"""What was seen as one page that works offline: figures, sentences, and plain text beside them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent

from headgate.errors import DataError, MissingExtraError
from headgate.inspection.labels import clip, visible
from headgate.inspection.report_figures import Drawn, fit
from headgate.inspection.report_page import SCRIPTED, clean, head, opening, scroll
from headgate.inspection.trace import Inspection
from headgate.inspection.view import View

MOST_BYTES = 20_000_000
_COLUMNS = 96  # of the plain text
_MOST_TEXT = 20_000  # characters of the plain text of one view
_NAME = 60

_STYLE = """
h3 { font-size: 1rem; line-height: 1.35; margin: 1.75rem 0 .75rem; }
nav ol { padding-inline-start: 1.5rem; margin: .25rem 0; }
nav { margin-top: 1.5rem; overflow-wrap: anywhere; }
a { color: var(--link); }
pre { font: .8rem/1.3 ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono CJK KR",
  monospace; margin: .5rem 0 0; }
.panel { background: #ffffff; border-radius: 6px; margin-bottom: 1rem; }
.plot { min-width: 36rem; min-height: 20rem; }
"""
# A figure stands on a light ground also where the page is dark: its colours are made for one.
_SCRIPT = """
for (const place of document.querySelectorAll(".plot")) {
  const figure = JSON.parse(document.getElementById(place.id + "-data").textContent);
  const config = {responsive: true, displaylogo: false, showSendToCloud: false,
    plotlyServerURL: ""};
  delete figure.layout.width;
  place.style.height = (figure.layout.height || 450) + "px";
  Plotly.newPlot(place, figure.data, figure.layout, config);
}
"""


@dataclass(frozen=True)
class _Part:
    """One view of one input, ready for the page."""

    name: str
    title: str
    text: str
    drawn: Drawn


def report(seen: Sequence[tuple[Inspection, Sequence[View]]], *, title: str, intro: str) -> str:
    """Write what was seen as one page that needs nothing else, not even a network.

    Each view is a figure, the sentences of its plain form, and that form itself. The page has at
    most 20 MB: figures are drawn coarser where they are too large, or left out, and it says so.

    Args:
        seen: inputs, each with its views.
        title: the heading of the page.
        intro: what the reader sees, and facts about the model; blank lines part its paragraphs.

    Returns:
        A whole HTML document, to be written as UTF-8.

    Raises:
        MissingExtraError: plotly is not installed.
        DataError: there are so many views that their words alone are too large.
    """
    library = _library()
    inputs = [list(_parts(views, number)) for number, (_, views) in enumerate(seen, 1)]
    figures = [part.drawn for parts in inputs for part in parts]
    texts = [each.text for each in figures]
    for each in figures:
        each.text = ""
    bare = len("\n".join(_page(seen, inputs, title, intro)).encode()) + len(library)
    for each, text in zip(figures, texts, strict=True):
        each.text = text
    room = MOST_BYTES - bare - 1000 * len(figures)  # what stands round a figure
    if room < 0:
        raise DataError(
            f"a page of {len(figures)} views would be larger than {MOST_BYTES:,} bytes without "
            "a figure: take fewer inputs, or fewer views"
        )
    fit(figures, room)
    return "\n".join(_page(seen, inputs, title, intro, library=library))


def _library() -> str:
    """The whole of plotly.js, which comes with plotly."""
    try:
        offline = importlib.import_module("plotly.offline")
    except ImportError as error:
        raise MissingExtraError("plotly", "plot") from error
    return offline.get_plotlyjs()


def _parts(views: Sequence[View], number: int) -> Iterator[_Part]:
    for place, view in enumerate(views, 1):
        text = view.as_text(width=_COLUMNS, colour=False)
        yield _Part(f"input-{number}-{place}", view.title, text, Drawn(view.figure()))


def _page(
    seen: Sequence[tuple[Inspection, Sequence[View]]],
    inputs: Sequence[Sequence[_Part]],
    title: str,
    intro: str,
    *,
    library: str = "",
) -> Iterator[str]:
    yield from head(title, policy=SCRIPTED, style=_STYLE)
    yield from opening(title, intro)
    yield "<noscript><p>The figures need a browser that runs scripts.</p></noscript>"
    yield from _contents(seen, inputs)
    for number, ((found, _), parts) in enumerate(zip(seen, inputs, strict=True), 1):
        yield f'<section aria-labelledby="input-{number}">'
        yield f'<h2 id="input-{number}" dir="auto">{_name(found, number)}</h2>'
        yield f'<p class="quiet">{_facts(found)}</p>'
        for part in parts:
            yield from _view(part, number)
        yield "</section>"
    yield "</main>"
    yield f"<script>{library}</script>"
    yield f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"


def _contents(
    seen: Sequence[tuple[Inspection, Sequence[View]]], inputs: Sequence[Sequence[_Part]]
) -> Iterator[str]:
    if not inputs:
        yield "<p>There is no input to show.</p>"
        return
    yield '<nav aria-label="Contents">\n<ol>'
    for number, ((found, _), parts) in enumerate(zip(seen, inputs, strict=True), 1):
        yield f'<li><a href="#input-{number}">{_name(found, number)}</a>'
        if parts:
            yield "<ol>"
            yield from (
                f'<li><a href="#{part.name}">{clean(part.title)}</a></li>' for part in parts
            )
            yield "</ol>"
        yield "</li>"
    yield "</ol>\n</nav>"


def _name(found: Inspection, number: int) -> str:
    words = found.text if found.text is not None else ""
    return clean(clip(f"Input {number}: {_words(words)}" if words else f"Input {number}", _NAME))


def _words(text: str) -> str:
    """The beginning of a text, with spaces as they are and what cannot be seen made visible."""
    return "".join(each if each == " " else visible(each) for each in text[: 2 * _NAME])


def _facts(found: Inspection) -> str:
    passes = ", ".join(found.passes)
    steps = "1 step" if len(found.tokens) == 1 else f"{len(found.tokens):,} steps"
    return clean(f"{steps}; layers {passes}; gates and states {', '.join(found.names)}.")


def _view(part: _Part, number: int) -> Iterator[str]:
    yield f'<h3 id="{part.name}">{clean(part.title)}</h3>'
    title = clean(f"{part.title}, input {number}")
    if part.drawn.text:
        plot = (
            f'<div class="plot" id="{part.name}-figure" role="img" aria-label="Figure: {title}">'
            "</div>"
        )
        yield f'<figure class="panel">\n{scroll(plot, label=f"Figure of {title}")}\n</figure>'
        data = f'<script type="application/json" id="{part.name}-figure-data">'
        yield f"{data}{part.drawn.text}</script>"
    if part.drawn.note:
        yield f'<p class="quiet">{clean(part.drawn.note)}</p>'
    yield from (f"<p>{clean(words)}</p>" for words in sentences(part.text))
    yield "<details>\n<summary>The same as plain text</summary>"
    yield scroll(f"<pre>{clean(_cut(part.text))}</pre>", label=f"Plain text of {title}")
    yield "</details>"


def sentences(text: str) -> list[str]:
    """Find what is said in words in the plain form of a view.

    Args:
        text: the plain form: blocks with blank lines between them.

    Returns:
        The blocks that are sentences, each as one line.
    """
    blocks = (dedent(block).split("\n") for block in text.split("\n\n"))
    return [" ".join(lines) for lines in blocks if _said(lines)]


def _said(lines: Sequence[str]) -> bool:
    """Whether lines are sentences: words with single spaces, and a full stop at the end."""
    whole = " ".join(lines)
    plain = all(line == line.strip() and "  " not in line for line in lines)
    words = sum(word.strip("(“”),.;:").isalpha() for word in whole.split(" "))
    return plain and whole.endswith((".", "?")) and words >= max(3, len(whole) // 20)


def _cut(text: str) -> str:
    if len(text) <= _MOST_TEXT:
        return text
    kept = text[:_MOST_TEXT].rpartition("\n")[0] or text[:_MOST_TEXT]
    return f"{kept}\n… {len(text) - len(kept):,} characters more are left out of this page."
