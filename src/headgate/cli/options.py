"""What several commands take, and how it is read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from headgate.errors import DataError, OutputExistsError

ModelPath = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model directory.", show_default=False)
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="The file's encoding, if not UTF-8: cp949.")
]
Quoting = Annotated[
    str | None, typer.Option(metavar="HOW", help="Quotes in CSV and TSV: minimal, all or none.")
]
Series = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Rows are steps: this column says of which series."),
]
Time = Annotated[
    str | None, typer.Option(metavar="COL", help="Rows are steps: this column orders them.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Another setting: hidden_size=128. May come several times.",
    ),
]


def settings(given: list[str] | None) -> dict[str, Any]:
    """Read ``--set NAME=VALUE``; a dot in the name goes one level down.

    Args:
        given: the texts; a value is JSON where it is JSON, else text.

    Returns:
        Values by name.

    Raises:
        DataError: a text has no equals sign, or a name stands for a value and for a group.

    Example:
        >>> settings(["hidden_size=128", "options.reset=before"])
        {'hidden_size': 128, 'options': {'reset': 'before'}}
    """
    found: dict[str, Any] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        *groups, last = name.strip().replace("-", "_").split(".")
        if not equals or not last:
            raise DataError(f"--set wants NAME=VALUE, such as hidden_size=128, not {text!r}")
        place = found
        for group in groups:
            place = place.setdefault(group, {})
            if not isinstance(place, dict):
                raise DataError(f"--set {text}: {group!r} was given a value of its own before")
        place[last] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def share_or_file(text: str) -> float | str:
    """Read a share of the rows, or else the name of a file.

    Args:
        text: what came.

    Returns:
        A number, or the text.

    Example:
        >>> share_or_file("0.2"), share_or_file("valid.csv")
        (0.2, 'valid.csv')
    """
    try:
        return float(text)
    except ValueError:
        return text


def refuse_existing(path: str | os.PathLike[str] | None) -> None:
    """Refuse to write where something is.

    Args:
        path: the place, or None.

    Raises:
        OutputExistsError: something is there.
    """
    if path is not None and (Path(path).exists() or Path(path).is_symlink()):
        raise OutputExistsError(
            f"{path} is there already and was not touched: name another place, or move it away"
        )
