"""What an overview gives reason to look at, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from headgate.data.columns import Table, shown
from headgate.data.overview import ColumnFacts, Finding, Overview
from headgate.data.overview_file import FileFacts

_LISTED = 5
_ADVICE = {
    "empty": "fill them in, or take the rows out",
    "not NFC": "letters that look the same have other codes there; headgate brings them to NFC",
    "control characters": "they are left in the text",
    "invisible or lost characters": "a letter was lost before, or one is there that nobody sees",
}


def warnings(found: Overview, table: Table, facts: FileFacts | None = None) -> list[str]:
    """Say what is doubtful in a table.

    Args:
        found: what was seen of it.
        table: the table itself, for examples.
        facts: what its file's bytes show, where it is a text file.

    Returns:
        Sentences, the gravest first; none where nothing is doubtful.
    """
    return [
        *_about_repeats(found, table),
        *(line for column in found.columns for line in _about_column(column)),
        *_about_file(facts),
    ]


def _about_repeats(found: Overview, table: Table) -> Iterator[str]:
    if found.repeats is None or found.input is None:
        return
    again, clashes = found.repeats.rows, found.repeats.contradictions
    if clashes:
        one = found.repeats.examples[0]
        places = " and ".join(str(table.lines[row]) for row in one)
        text = table.rows[one[0]][list(table.columns).index(found.input)]
        quoted = shown(text if isinstance(text, str) else " ".join(text))
        yield (
            f"{_count(clashes, 'input')} with different targets, such as {quoted} in rows "
            f"{places}: no model can be right on all of them"
        )
    if again:
        yield (
            f"{_count(again, 'row')} of {found.rows:,} repeat an input; a split keeps equal inputs "
            "on one side"
        )


def _about_column(column: ColumnFacts) -> Iterator[str]:
    where = f"column {column.name!r}"
    for name, advice in _ADVICE.items():
        if name in column.findings:
            finding = column.findings[name]
            yield f"{where}: {name} in {_count(finding.count, 'row')} ({_lines(finding)}): {advice}"
    for names in column.alike[:_LISTED]:
        listed = ", ".join(map(repr, names))
        yield f"{where}: the classes {listed} differ in case or spaces alone: are they one?"
    if column.rare and column.kind == "classes":
        listed = ", ".join(f"{name!r} {column.classes[name]}" for name in column.rare[:_LISTED])
        more = ", …" if len(column.rare) > _LISTED else ""
        yield (
            f"{where}: {_count(len(column.rare), 'class', 'classes')} with fewer than 10 rows "
            f"({listed}{more}): too few to learn, and to judge"
        )


def _about_file(facts: FileFacts | None) -> Iterator[str]:
    if facts is None:
        return
    if facts.is_mixed:
        listed = ", ".join(f"{count:,} {name}" for name, count in facts.line_ends.items())
        yield f"line ends are mixed: {listed}; each is read as one"
    if facts.problem:
        yield facts.problem


def _lines(finding: Finding) -> str:
    listed = ", ".join(map(str, finding.lines))
    return f"{listed}{', …' if finding.count > len(finding.lines) else ''}"


def _count(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
