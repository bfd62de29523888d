"""headgate data: what a file holds, and what a training would make of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.options import Encoding, Quoting, refuse_existing
from headgate.cli.screen import heading, say, table
from headgate.cli.train import Data, Input, Target, Task
from headgate.errors import DataError, HeadgateError, OutputError

if TYPE_CHECKING:
    from headgate.data.columns import Table
    from headgate.data.overview import ColumnFacts, Overview
    from headgate.data.overview_file import FileFacts

_CLASSES = 20
_BY_NAME = (".jsonl", ".ndjson", ".parquet")  # of these all columns can be read, whatever is meant

Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write all of it there, too.")
]


def data(  # noqa: PLR0913  (a command's options are its arguments)
    data: Data,
    *,
    input: Input = None,
    target: Target = None,
    task: Task = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
    report: Json = None,
) -> None:
    """Show what a file holds, before anyone trains on it."""
    refuse_existing(report)
    from headgate.data.overview import overview
    from headgate.data.overview_words import warnings

    facts = _facts(data)
    _show_file(data, facts)
    columns = [name for name in (input, target) if name is not None]
    parts = _read(data, columns, encoding=encoding, quoting=quoting)
    first = next(iter(parts.values()))
    found = overview(first, input=input, target=target)
    doubts = warnings(found, first, facts)
    _show_table(found, parts)
    _show_lines("What to look at", doubts)
    given = {"input": input, "target": target, "task": task}
    given |= {"encoding": encoding, "quoting": quoting}
    training = _training(data, {name: value for name, value in given.items() if value is not None})
    said = [line for line in training if line not in found.notes]
    _show_lines("What a training would be", said)
    if report is not None:
        whole = {"data": data, "file": facts and asdict(facts), "table": found.to_dict()}
        whole |= {"parts": {name: len(each) for name, each in parts.items()}}
        _write(report, whole | {"warnings": doubts, "training": training})


def _facts(path: str) -> FileFacts | None:
    """Look at the bytes of what is a text file."""
    from headgate.data.overview_file import file_facts

    place = Path(path)
    return file_facts(place) if place.is_file() and place.suffix.lower() != ".parquet" else None


def _read(
    path: str, columns: list[str], *, encoding: str | None, quoting: str | None
) -> dict[str, Table]:
    """Read the parts of a data set, or the one table that a file is."""
    from headgate.data.hub import is_hub, read_hub
    from headgate.data.sources import read_table

    if is_hub(path):
        return read_hub(path)
    reading: dict[str, Any] = {"encoding": encoding, "quoting": quoting}
    if Path(path.lower().removesuffix(".gz")).suffix not in _BY_NAME:
        return {"train": read_table(path, columns=columns, **reading)}
    try:
        return {"train": read_table(path, **reading)}
    except DataError as error:
        if not columns:
            raise
        say(f"only the columns that are named are read: {error}")
        return {"train": read_table(path, columns=columns, **reading)}


def _training(path: str, options: dict[str, Any]) -> list[str]:
    """Say what a training would decide, or why it would refuse."""
    from headgate.data.lazy import is_large
    from headgate.model import configured

    if is_large(path):
        return ["the file is large: headgate config says what a training would be"]
    said: list[str] = []
    try:
        configured(path, say=said.append, **options)
    except HeadgateError as error:
        return [*said, f"train would refuse: {error}"]
    return said


def _show_file(path: str, facts: FileFacts | None) -> None:
    if facts is None:
        return
    ends = ", ".join(facts.line_ends) or "none"
    said = f"{facts.encoding} ({facts.evidence})"
    say(f"{path}: {facts.size:,} bytes; {said}; line ends: {ends}")


def _show_table(found: Overview, parts: dict[str, Table]) -> None:
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in parts.items())
    rows = f"{found.rows:,} rows" if len(parts) == 1 else f"rows: {sizes}"
    typer.echo(f"{rows}, {len(found.columns)} columns")
    for note in found.notes:
        say(note)
    typer.echo()
    head = ["column", "kind", "distinct", "characters", "words", "empty"]
    table(head, [_row(column) for column in found.columns], right=(2, 3, 4, 5))
    say("\nlengths: half are at most so long, 95 % are, all are")
    for column in found.columns:
        if column.classes:
            _show_classes(column)


def _row(column: ColumnFacts) -> list[str]:
    empty = column.findings.get("empty")
    return [
        column.name,
        column.kind,
        "many" if column.distinct is None else f"{column.distinct:,}",
        _spread(column.characters),
        _spread(column.words),
        "0" if empty is None else f"{empty.count:,}",
    ]


def _spread(spread: Any) -> str:
    return f"{spread.median:,} / {spread.most_are:,} / {spread.longest:,}"


def _show_classes(column: ColumnFacts) -> None:
    total = sum(column.classes.values())
    heading(f"{column.name}: {len(column.classes):,} classes")
    shown = list(column.classes.items())[:_CLASSES]
    rows = [[name, f"{count:,}", f"{count / total:.1%}"] for name, count in shown]
    if len(column.classes) > _CLASSES:
        rest = total - sum(count for _, count in shown)
        more = f"{len(column.classes) - _CLASSES:,} more"
        rows.append([more, f"{rest:,}", f"{rest / total:.1%}"])
    table(["class", "count", "share"], rows, right=(1, 2))


def _show_lines(title: str, lines: list[str]) -> None:
    if lines:
        heading(title)
    for line in lines:
        say(line)


def _write(path: str, whole: dict[str, Any]) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror}") from error
