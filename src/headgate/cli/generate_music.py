"""headgate generate with a model of music: a piece that goes on, as a MIDI file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.model import Model

_OF_TEXTS = {"top_k": None, "top_p": None, "repetition_penalty": 1.0, "stop": (), "samples": 1}


def is_music(loaded: Model) -> bool:
    """Say whether a model goes on with music.

    Args:
        loaded: a model of the task ``generate``.

    Returns:
        Whether its rows are frames of keys.
    """
    return loaded.task.saved_settings().get("kind") == "frames"


def write_piece(loaded: Model, prompt: str | None, out: str | None, how: dict[str, Any]) -> None:
    """Go on with a piece and write all of it.

    Args:
        loaded: a model of music.
        prompt: a MIDI file that is the beginning; nothing where None.
        out: the MIDI file to write, which does not exist yet.
        how: the options of the command: length, temperature, seed, and those of texts.

    Raises:
        DataError: no place was named, or an option is one of texts.
    """
    given = [name for name, usual in _OF_TEXTS.items() if how[name] != usual]
    if given:
        option = given[0].replace("_", "-")
        raise DataError(f"--{option} is for texts, and this model goes on with music: leave it out")
    if out is None:
        raise DataError("a model of music writes a MIDI file: name a new one (--out piece.mid)")
    task: Any = loaded.task
    piece = task.generate(
        prompt, steps=how["length"], temperature=how["temperature"], seed=how["seed"]
    )
    piece.save(out)
    typer.echo(f"saved: {out}, {len(piece)} steps of {piece.step:g} quarter notes")
