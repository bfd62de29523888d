"""headgate generate: texts that go on, written as they come."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.lines import lines_of
from headgate.cli.options import ModelPath
from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.model import Model


def generate(  # noqa: PLR0913 - each is an option of the command
    model: ModelPath,
    *,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The beginning; else each line of a pipe, or none."),
    ] = None,
    length: Annotated[int, typer.Option(metavar="N", min=0, help="Tokens at most.")] = 200,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="Below 1 bolder to the likely; 0 the likeliest.")
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(metavar="K", help="Of the K likeliest tokens only.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Of the likeliest that together hold the share P only."),
    ] = None,
    repetition_penalty: Annotated[
        float, typer.Option(metavar="X", help="Above 1: less of what came before.")
    ] = 1.0,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The same seed gives the same text.")
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Ends the text where it comes. May come several times."),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", "-n", metavar="N", min=1, help="Texts of each beginning.")
    ] = 1,
) -> None:
    """Go on with a text; it is written as it comes."""
    from headgate.model import load

    task: Any = _checked(load(model), model)
    sampling = task.sampling(temperature, top_k, top_p, repetition_penalty, seed)
    wanted = {"length": length, "stop": tuple(stop or ())}
    begun = itertools.chain.from_iterable(
        itertools.repeat(each, samples) for each in _prompts(prompt)
    )
    for number, (row, beginning) in enumerate(begun):
        own = sampling if seed is None else replace(sampling, seed=seed + number)
        if number:
            typer.echo()
        _write(task, beginning, {"sampling": own, **wanted}, row=row)


def _checked(loaded: Model, path: str) -> Any:
    if loaded.task.name != "generate":
        raise DataError(
            f"{path} is no language model: its task is {loaded.task.name!r}; "
            f"use: headgate predict {path} DATA"
        )
    return loaded.task


def _prompts(prompt: str | None) -> Iterator[tuple[int | None, str]]:
    """Give the beginnings, those of a pipe with their rows; one that is empty where none came."""
    if prompt is not None:
        yield None, prompt
        return
    row = None
    if sys.stdin is not None and not sys.stdin.isatty():
        for row, line in enumerate(lines_of(""), start=1):
            yield row, line
    if row is None:
        yield None, ""


def _write(task: Any, prompt: str, how: dict[str, Any], *, row: int | None) -> None:
    """Write a beginning and what comes after it, each piece at once, also into a pipe."""
    try:
        pieces = task.generate(prompt, **how)
    except DataError as error:
        raise DataError(str(error), row=row) from error
    unknown = task.text.unknown(prompt)
    if unknown:
        typer.echo(f"read as <unk>: {' '.join(unknown)}", err=True)
    last = ""
    for piece in itertools.chain([prompt], pieces):
        typer.echo(piece, nl=False)
        typer.get_text_stream("stdout").flush()
        last = piece or last
    if not last.endswith("\n"):
        typer.echo()
