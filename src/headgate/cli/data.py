"""headgate data: what a file holds, and what a training would make of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.options import Encoding, Quoting, Series, Time
from headgate.cli.screen import heading, say, table
from headgate.cli.train import Data, Input, Target, Task
from headgate.cli.whole import check_places, write_whole
from headgate.errors import DataError, HeadgateError

if TYPE_CHECKING:
    from headgate.data.columns import Table
    from headgate.data.overview import ColumnFacts, Overview
    from headgate.data.overview_file import FileFacts
    from headgate.data.overview_series import SeriesFacts

_CLASSES = 20
_COLUMNS = 30
_CHANNELS = 12
_BINARY = (".parquet", ".npz", ".mid", ".midi")
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
    series: Series = None,
    time: Time = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
    report: Json = None,
) -> None:
    """Show what a file holds, before anyone trains on it."""
    check_places(report)
    from headgate.data.overview import overview
    from headgate.data.overview_words import warnings

    facts = _facts(data)
    _show_file(data, facts)
    columns = [name for name in (input, target, series, time) if name is not None]
    parts = _read(data, columns, encoding=encoding, quoting=quoting)
    parts = {name: _gathered(part, series=series, time=time) for name, part in parts.items()}
    first = next(iter(parts.values()))
    found = overview(first, input=input, target=target)
    doubts = warnings(found, first, facts)
    _show_table(found, parts)
    _show_lines("What to look at", doubts)
    given = {"input": input, "target": target, "task": task, "series": series, "time": time}
    given |= {"encoding": encoding, "quoting": quoting}
    training = _training(data, {name: value for name, value in given.items() if value is not None})
    said = [line for line in training if line not in found.notes]
    _show_lines("What a training would be", said)
    if report is not None:
        whole = {"data": data, "file": facts and asdict(facts), "table": found.to_dict()}
        whole |= {"parts": {name: len(each) for name, each in parts.items()}}
        whole |= {"warnings": doubts, "training": training}
        write_whole(report, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def _facts(path: str) -> FileFacts | None:
    """Look at the bytes of what is a text file."""
    from headgate.data.overview_file import file_facts

    place = Path(path)
    ending = Path(place.name.lower().removesuffix(".gz")).suffix
    return file_facts(place) if place.is_file() and ending not in _BINARY else None


def _read(
    path: str, columns: list[str], *, encoding: str | None, quoting: str | None
) -> dict[str, Table]:
    """Read the parts of a data set, or the one table that a file is."""
    from headgate.data.hub import is_hub, read_hub
    from headgate.data.pieces import is_pieces, read_pieces
    from headgate.data.sources import read_table

    if is_hub(path):
        return read_hub(path)
    if is_pieces(path):
        return read_pieces(path)
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


def _gathered(part: Table, *, series: str | None, time: str | None) -> Table:
    """Make one row of each series, where a column says that rows are steps."""
    if series is None and time is None:
        return part
    from headgate.data.series import gather

    return gather(part, series=series, time=time)


def _training(path: str, options: dict[str, Any]) -> list[str]:
    """Say what a training would decide, or why it would refuse."""
    from headgate.configuration import configured
    from headgate.data.lazy import is_large

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
    rows = f"{found.rows:,} row{'s' * (found.rows != 1)}" if len(parts) == 1 else f"rows: {sizes}"
    typer.echo(f"{rows}, {len(found.columns)} columns")
    for note in found.notes:
        say(note)
    typer.echo()
    head = ["column", "kind", "distinct", "characters", "words", "empty"]
    table(head, [_row(column) for column in found.columns[:_COLUMNS]], right=(2, 3, 4, 5))
    if len(found.columns) > _COLUMNS:
        more = f"{len(found.columns) - _COLUMNS:,} more columns"
        say(f"\n{more}; where each is a step of the row's series: --input FIRST:LAST")
    say("\nlengths: half are at most so long, 95 % are, all are")
    _show_all_series(found.columns[:_COLUMNS])
    for column in found.columns[:_COLUMNS]:
        if column.classes:
            _show_classes(column)


def _row(column: ColumnFacts) -> list[str]:
    empty = column.findings.get("empty")
    plain = column.series is None
    return [
        column.name,
        column.kind,
        "many" if column.distinct is None else f"{column.distinct:,}" if plain else "",
        _spread(column.characters) if plain else "",
        _spread(column.words),
        "0" if empty is None else f"{empty.count:,}",
    ]


def _spread(spread: Any) -> str:
    return f"{spread.median:,} / {spread.most_are:,} / {spread.longest:,}"


def _show_all_series(columns: list[ColumnFacts]) -> None:
    """Show series of one channel in one table, and any other by itself."""
    named = [(column.name, column.series) for column in columns if column.series is not None]
    single = [(name, series) for name, series in named if series.frame == [1]]
    rows = [
        [name, _steps(series), _missing(series), *_ends(series.ranges[0])]
        for name, series in single
    ]
    if rows:
        heading("series of one channel")
        table(["series", "steps", "missing", "from", "to"], rows, right=(2, 3, 4))
    for name, series in named:
        if series.frame != [1]:
            _show_series(name, series)


def _show_series(name: str, series: SeriesFacts) -> None:
    """Show steps, channels, and what each channel's values are; those that vary go first."""
    frame = " × ".join(map(str, series.frame))
    one = len(series.frame) == 1
    wide = f"{frame} channels" if one else f"frames of {frame}"
    heading(f"{name}: steps {_steps(series)}; {wide}")
    say(f"values: {series.values:,}; missing: {_missing(series)}")
    order = range(1, len(series.ranges) + 1)
    if len(series.ranges) > _CHANNELS:
        order = sorted(order, key=set(series.constant).__contains__)
    shown = sorted(order[:_CHANNELS])
    rows = [[str(n) if one else "all", *_ends(series.ranges[n - 1])] for n in shown]
    if len(series.ranges) > _CHANNELS:
        rows.append([f"{len(series.ranges) - _CHANNELS:,} more", "", ""])
    table(["channel", "from", "to"], rows, right=(1, 2))


def _steps(series: SeriesFacts) -> str:
    if series.least == series.most:
        return f"{series.most:,}"
    return f"{series.least:,} to {series.most:,}, half at most {series.median:,}"


def _missing(series: SeriesFacts) -> str:
    share = series.missing / series.values if series.values else 0.0
    return f"{series.missing:,} ({share:.1%})" if series.missing else "0"


def _ends(ends: tuple[float, float] | None) -> list[str]:
    return ["", ""] if ends is None else [f"{end:.6g}" for end in ends]


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
