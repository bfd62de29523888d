"""Findings as one page that needs nothing else, and as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

from headgate.inspection.drawing import columns_of, table
from headgate.inspection.report_page import clean, head, opening, scroll
from headgate.study.figure import as_svg
from headgate.study.finding import Finding

_INTRO = (
    "Each figure and each number on this page was measured by the command that stands with it; a "
    "sentence that follows from numbers was chosen by them.\n\n"
    "Whoever runs a command again, with the same seed on the same machine, gets the same numbers."
)
_STYLE = """
nav ul { padding-inline-start: 1.2rem; }
a { color: var(--link); }
.hg-study { width: 100%; max-width: 36rem; height: auto; }
figure, details { margin-block: 1rem; }
figcaption { max-width: 42rem; }
td:first-child, th:first-child { text-align: start; }
code { overflow-wrap: anywhere; font-size: .9em; }
.question { font-style: italic; }
"""


def as_html(findings: Mapping[str, Finding], commands: Mapping[str, str]) -> str:
    """Write findings as one page.

    Args:
        findings: by name, in order.
        commands: what measured each, by the same names.

    Returns:
        The page; it works offline, on a wide screen and on a narrow one, in light and in dark.
    """
    single = next(iter(findings.values())).title if len(findings) == 1 else None
    title = single or "Recurrent networks: a study"
    lines = [*head(title, style=_STYLE), *opening(title, _INTRO)]
    if single is None:
        links = (f'<li><a href="#{name}">{clean(f.title)}</a></li>' for name, f in findings.items())
        lines += ['<nav aria-label="Experiments">\n<ul>', *links, "</ul>\n</nav>"]
    for name, finding in findings.items():
        lines += _section(name, finding, commands[name])
    return "\n".join([*lines, "</main>\n</body>\n</html>\n"])


def _section(name: str, finding: Finding, command: str) -> Iterator[str]:
    yield f'<section id="{name}" aria-labelledby="{name}-heading">'
    yield f'<h2 id="{name}-heading">{clean(finding.title)}</h2>'
    yield f'<p class="question">{clean(finding.question)}</p>'
    yield from (f"<p>{clean(paragraph)}</p>" for paragraph in finding.paragraphs)
    caption = f"{clean(finding.setting)} <code>{clean(command)}</code>"
    yield f"<figure>\n{as_svg(finding, name=name)}\n<figcaption>{caption}</figcaption>\n</figure>"
    yield "<details>\n<summary>The numbers</summary>"
    yield scroll(_table(finding), label=f"The numbers: {clean(finding.title)}")
    yield "</details>"
    yield f'<p class="quiet">Sources: {clean("; ".join(finding.sources))}.</p>\n</section>'


def _table(finding: Finding) -> str:
    heads = "".join(f'<th scope="col">{clean(column)}</th>' for column in finding.columns)
    rows = [
        f"<tr>{''.join(f'<td>{clean(cell)}</td>' for cell in row)}</tr>" for row in finding.cells()
    ]
    body = "\n".join(rows)
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def as_text(finding: Finding, *, width: int | None = None) -> str:
    """Write a finding for a terminal: the numbers, the paragraphs, how it was measured.

    Args:
        finding: what was found.
        width: columns; those of the terminal where None.

    Returns:
        Lines.
    """
    columns = min(columns_of(width), 100)
    parts = [
        [finding.title, *wrap(finding.question, columns)],
        table(finding.cells(), finding.columns),
        *(wrap(paragraph, columns) for paragraph in finding.paragraphs),
        wrap(f"Measured: {finding.setting}", columns),
        wrap(f"Sources: {'; '.join(finding.sources)}.", columns),
    ]
    return "\n\n".join("\n".join(part) for part in parts)
