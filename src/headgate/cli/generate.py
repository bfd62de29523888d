"""headgate generate: texts that go on, written as they come; or a piece of music, as a file."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.generate_music import is_music, write_piece
from headgate.cli.lines import lines_of
from headgate.cli.options import ModelPath, refuse_existing
from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.model import Model


def generate(  # noqa: PLR0913 - each is an option of the command
    model: ModelPath,
    *,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="The beginning; else each line of a pipe, or none. Of music a MIDI file.",
        ),
    ] = None,
    length: Annotated[
        int,
        typer.Option(
            "--length", "--steps", metavar="N", min=0, help="Tokens at most; of music the steps."
        ),
    ] = 200,
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
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Of music: a new MIDI file.")
    ] = None,
) -> None:
    """Go on with a text, which is written as it comes, or with music."""
    # Long: each option of the command is an argument.
    refuse_existing(out)
    from headgate.model import load

    loaded = _checked(load(model), model)
    how: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    how |= {"repetition_penalty": repetition_penalty, "seed": seed}
    how |= {"length": length, "stop": tuple(stop or ())}
    if is_music(loaded):
        write_piece(loaded, prompt, out, {**how, "samples": samples})
        return
    if out is not None:
        raise DataError(f"texts are written to the screen: take --out {out} away, or send them on")
    begun = itertools.chain.from_iterable(
        itertools.repeat(each, samples) for each in _prompts(prompt)
    )
    for number, (row, beginning) in enumerate(begun):
        if number:
            typer.echo()
        _write(loaded, beginning, {**how, "first": number}, row=row)


def _checked(loaded: Model, path: str) -> Model:
    if loaded.task.name != "generate":
        raise DataError(
            f"{path} is no language model: its task is {loaded.task.name!r}; "
            f"use: headgate predict {path} DATA"
        )
    return loaded


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


def _write(loaded: Model, prompt: str, how: dict[str, Any], *, row: int | None) -> None:
    """Write a beginning and what comes after it, each piece at once, also into a pipe."""
    task: Any = loaded.task
    try:
        pieces = loaded.generate(prompt, **how)
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
