"""headgate predict: a model's answers beside the rows of a file."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from headgate.cli.options import Encoding, ModelPath, Quoting, refuse_existing
from headgate.errors import OutputError

if TYPE_CHECKING:
    from headgate.cli.rows import Row
    from headgate.data.columns import Cell, Table
    from headgate.model import Model


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
    input: Annotated[
        str | None,
        typer.Option(metavar="COL", help="The input column. [default: as in training]"),
    ] = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
) -> None:
    """Answer every row of a file."""
    refuse_existing(out)
    from headgate.cli import rows
    from headgate.model import load

    write = rows.writer_for(out)
    loaded = load(model)
    source = loaded.config["data"]
    column = input or (None if source["document"] else source["input"])
    wanted = {"encoding": encoding or source["encoding"], "quoting": quoting or source["quoting"]}
    lines = data == "-"
    read = rows.from_lines(column, encoding) if lines else rows.from_file(data, column, **wanted)
    with _place(out) as file:
        for text in write(_answered(loaded, read)):
            file.write(text)


def _answered(loaded: Model, tables: Iterator[tuple[Table, str]]) -> Iterator[Row]:
    """Give each row with the model's answer, some rows at a time."""
    for table, column in tables:
        answers = loaded.predict(table.column(column))
        for cells, answer in zip(table.rows, answers, strict=True):
            own = dict(zip(table.columns, cells, strict=True))
            yield own | _beside(own, answer.row())


def _beside(own: Row, answer: Mapping[str, Cell]) -> Row:
    """Rename what the row already has: prediction becomes prediction_2."""
    found: Row = {}
    for name, value in answer.items():
        free, number = name, 2
        while free in own:
            free, number = f"{name}_{number}", number + 1
        found[free] = value
    return found


@contextlib.contextmanager
def _place(out: str | None) -> Iterator[TextIO]:
    """Give the screen, or a file that is in its place only once it is whole."""
    if out is None:
        yield sys.stdout
        return
    folder, name = os.path.split(os.path.abspath(out))
    try:
        handle, beside = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".partial")
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}") from error
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        refuse_existing(out)
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, out)
    except OSError as error:
        raise OutputError(f"{out} could not be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


def _umask() -> int:
    """Read the process's mask; there is no way but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
