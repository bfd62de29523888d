"""headgate stream: a model kept running over the lines of a pipe or a prompt."""

from __future__ import annotations

from typing import Annotated

import typer

from headgate.cli.lines import lines_of
from headgate.cli.options import ModelPath
from headgate.errors import DataError, HeadgateError


def stream(
    model: ModelPath,
    *,
    quantize: Annotated[
        str | None,
        typer.Option(
            metavar="KIND", help="int8: the matrices as bytes; evaluate --quantize says the loss."
        ),
    ] = None,
) -> None:
    """Answer each line as it comes; an empty line begins anew."""
    from headgate.model import load

    running = load(model).stream(quantize=quantize)
    for row, line in enumerate(
        lines_of("A text a line, an empty one begins anew; Ctrl-D ends."), 1
    ):
        try:
            for piece in running.answer(line):
                _say(piece)
        except HeadgateError as error:
            raise DataError(str(error), row=row) from error
        _say("\n")


def _say(text: str) -> None:
    """Write at once, also into a pipe."""
    typer.echo(text, nl=False)
    typer.get_text_stream("stdout").flush()
