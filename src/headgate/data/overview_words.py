"""What an overview gives reason to look at, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from headgate.data.column_lists import columns_in
from headgate.data.columns import Table, shown
from headgate.data.overview import ColumnFacts, Finding, Overview
from headgate.data.overview_file import FileFacts

_LISTED = 5
_ADVICE = {
    "other channels": "series of one column have equally many; no model can learn from them so",
    "missing values": "a model is told where they are; it learns nothing from what is not there",
    "no change": "every step is the same: is it recorded as it should be?",
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
        quoted = _quoted(table, one[0], found.input)
        yield (
            f"{_count(clashes, 'input')} with different targets, such as {quoted} in rows "
            f"{places}: no model can be right on all of them"
        )
    if again:
        yield (
            f"{_count(again, 'row')} of {found.rows:,} repeat an input; a split keeps equal inputs "
            "on one side"
        )


def _quoted(table: Table, row: int, input: str) -> str:
    """Show an input, in brief."""
    columns = columns_in(table, input)
    cell = table.rows[row][columns[0]]
    if len(columns) > 1 or isinstance(cell, Tensor):
        return "the series"
    return shown(cell if isinstance(cell, str) else " ".join(cell))


def _about_column(column: ColumnFacts) -> Iterator[str]:
    where = f"column {column.name!r}"
    for name, advice in _ADVICE.items():
        if name in column.findings:
            finding = column.findings[name]
            yield f"{where}: {name} in {_count(finding.count, 'row')} ({_lines(finding)}): {advice}"
    constant = [] if column.series is None else column.series.constant
    if constant and column.series is not None:
        which = "its only channel" if len(column.series.ranges) == 1 else _channels(constant)
        yield f"{where}: {which} has one value in all series: nothing is learned from it"
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


def _channels(constant: list[int]) -> str:
    listed = ", ".join(map(str, constant[:_LISTED]))
    more = ", …" if len(constant) > _LISTED else ""
    return f"channel {listed}" if len(constant) == 1 else f"each of the channels {listed}{more}"


def _lines(finding: Finding) -> str:
    listed = ", ".join(map(str, finding.lines))
    return f"{listed}{', …' if finding.count > len(finding.lines) else ''}"


def _count(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
