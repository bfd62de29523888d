"""headgate chat: a conversation in the terminal, or an answer to each line of a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.lines import lines_of
from headgate.cli.options import ModelPath
from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.model import Model

_GREETING = "Each line is answered by itself; Ctrl-D ends."


Temperature = Annotated[
    float | None,
    typer.Option(metavar="T", min=0.0, help="Draw the answers; 1 as the model expects them."),
]
TopP = Annotated[
    float | None,
    typer.Option(metavar="P", help="Draw from the likeliest tokens, which hold this share."),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Draw, and the same answers another time.")
]


def chat(
    model: ModelPath,
    *,
    temperature: Temperature = None,
    top_p: TopP = None,
    seed: Seed = None,
) -> None:
    """Talk with a model of answers.

    Each line is answered by itself: the model was trained on single pairs, so that what was said
    before is not known to it. A pipe gives an answer a line. Without an option the likeliest
    answer is searched for; with one an answer is drawn.
    """
    from headgate.model import load

    loaded = load(model)
    if loaded.task.name != "chat":
        raise DataError(
            f"{model} does not chat: its task is {loaded.task.name!r}; "
            f"use: headgate predict {model} DATA"
        )
    given = {"temperature": temperature, "top_p": top_p, "seed": seed}
    wishes = {name: value for name, value in given.items() if value is not None}
    for number, line in enumerate(_said()):
        try:
            typer.echo(_answer(loaded, line, number, wishes))
        except KeyboardInterrupt:
            if not _asks():  # in a pipe it ends the command, in a conversation the answer
                raise
            typer.echo()
        typer.get_text_stream("stdout").flush()


def _asks() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _said() -> Iterator[str]:
    """Give the lines that have a text; an empty one is passed over."""
    lines = _prompted() if _asks() else lines_of(_GREETING)
    return (line for line in lines if line.strip())


def _prompted() -> Iterator[str]:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (it gives the prompt its history)
    typer.echo(_GREETING)
    while True:
        try:
            yield input("you> ")
        except KeyboardInterrupt:
            typer.echo()  # the line is given up, as in a shell
        except EOFError:
            typer.echo()
            return


def _answer(loaded: Model, line: str, number: int, wishes: dict[str, Any]) -> str:
    if not wishes:
        return str(loaded.predict(line))
    task: Any = loaded.task
    return task.sample([line], first=number, **wishes)[0].text
