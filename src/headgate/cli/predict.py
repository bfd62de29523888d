"""headgate predict: a model's answers beside the rows of a file."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.options import Encoding, ModelPath, Quoting
from headgate.cli.whole import check_places, whole_file
from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.cli.rows import Row
    from headgate.data.columns import Cell, Table
    from headgate.model import Model

Input = Annotated[
    str | None, typer.Option(metavar="COL", help="The input column. [default: as in training]")
]


def predict(
    model: ModelPath,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Rows with the input column, or - for one text a line.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A new .csv or .jsonl file. [default: the screen]"),
    ] = None,
    input: Input = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
) -> None:
    """Answer every row of a file."""
    check_places(out)
    from headgate.cli import rows
    from headgate.data.origin import overridden
    from headgate.model import load

    write = rows.writer_for(out)
    loaded = load(model)
    known = {"input": input, "encoding": encoding, "quoting": quoting}
    source = overridden(loaded.config["data"], **known)
    column = None if source["document"] else source["input"]
    if data == "-":
        read = rows.from_lines(column, encoding)
    else:
        read = rows.from_file(data, column, source=source)
    with contextlib.nullcontext(sys.stdout) if out is None else whole_file(out) as file:
        for text in write(_answered(loaded, read, source["target"])):
            file.write(text)


def _answered(
    loaded: Model, tables: Iterator[tuple[Table, str | None]], target: str | None
) -> Iterator[Row]:
    """Give each row with the model's answer, some rows at a time; of a forecast a row a step."""
    from headgate.cli.rows import written

    for table, column in tables:
        answers = _answers(loaded, table, column, target)
        if answers and hasattr(answers[0], "rows"):  # several, one for each step to come
            yield from (row for answer in answers for row in answer.rows())
            continue
        for own, answer in zip(written(table), answers, strict=True):
            yield own | _beside(own, answer.row())


def _answers(loaded: Model, table: Table, column: str | None, target: str | None) -> list[Any]:
    """Answer a table's rows; one that the model cannot read is named by its place in the file."""
    from headgate.cli.rows import single

    cells = list(loaded.questions(table, column, target))
    try:
        return loaded.predict(cells)
    except DataError:
        row = _refused(loaded, cells)
        try:
            loaded.predict([cells[row]])
        except DataError as error:
            raise table.error(str(error), row=row, column=single(table, column)) from error
        raise


def _refused(loaded: Model, cells: list[Cell]) -> int:
    """Find the first row, of those one of which is refused, by halves."""
    first, last = 0, len(cells)
    while last - first > 1:
        middle = (first + last) // 2
        try:
            loaded.predict(cells[first:middle])
            first = middle
        except DataError:
            last = middle
    return first


def _beside(own: Row, answer: Mapping[str, Any]) -> Row:
    """Rename what the row already has: prediction becomes prediction_2."""
    found: Row = {}
    for name, value in answer.items():
        free, number = name, 2
        while free in own:
            free, number = f"{name}_{number}", number + 1
        found[free] = value
    return found
