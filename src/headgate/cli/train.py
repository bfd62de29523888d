"""headgate train: from a file to a model directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headgate.cli.files import name_of
from headgate.cli.options import (
    Encoding,
    Quoting,
    Series,
    Set,
    Time,
    settings,
    share_or_file,
)
from headgate.cli.screen import say
from headgate.errors import DataError

_DATA = (
    "A CSV, TSV, JSONL, CoNLL, Parquet, .ts, .npz or text file, a folder with one .txt file or one "
    "folder of sounds or pictures a class, or a data set of the hub: hf:NAME."
)
_CHECKPOINT = "checkpoint.safetensors"  # of headgate.artifacts, which may not be imported yet
Data = Annotated[str, typer.Argument(metavar="DATA", help=_DATA, show_default=False)]
DataOrConfig = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help=_DATA, show_default=False),
]
Config = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="A run, as 'headgate config' writes it."),
]
Input = Annotated[
    str | None,
    typer.Option(
        metavar="COL",
        help="The column of the inputs, by name or number; several are x,y or V2:V60. "
        "[default: what the file's kind says]",
    ),
]
Target = Annotated[
    str | None, typer.Option(metavar="COL", help="The column of what is wanted for each.")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the training that was stopped or killed there."),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="MODEL", help="Go on from a saved model, with this data."),
]
Vectors = Annotated[
    str | None, typer.Option(metavar="FILE", help="Word vectors to begin with: GloVe, word2vec.")
]
Out = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="A new directory for the model. [default: DATA-model]"),
]
Task = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="classify, regress, forecast, tag, generate, translate, chat, transcribe or caption. "
        "[default: from the columns]",
    ),
]
Cell = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.py[:NAME]",
        help="The recurrent cell: one that 'headgate cells' lists, or yours from a file.",
    ),
]
Epochs = Annotated[
    int | None, typer.Option(metavar="N", help="Passes over the training part at most.")
]
Minutes = Annotated[float | None, typer.Option(metavar="M", help="Minutes of training at most.")]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="The seed of all chance. [default: 42]")
]
Valid = Annotated[
    str | None,
    typer.Option(metavar="SHARE|FILE", help="Rows to choose the best weights by."),
]
Test = Annotated[
    str | None,
    typer.Option(metavar="SHARE|FILE", help="Rows to judge the model by, once; 0: none."),
]


def train(  # noqa: PLR0913  (a command's options are its arguments)
    data: DataOrConfig = None,
    *,
    config: Config = None,
    input: Input = None,
    target: Target = None,
    series: Series = None,
    time: Time = None,
    out: Out = None,
    resume: Resume = False,
    base: From = None,
    task: Task = None,
    cell: Cell = None,
    vectors: Vectors = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    seed: Seed = None,
    valid: Valid = None,
    test: Test = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
    set: Set = None,
) -> None:
    """Train a model on a file and save it."""
    given = wishes(**locals())
    given.pop("config", None)
    place = None
    try:
        chosen = _overruled(config, given)
        if "data" not in chosen:
            raise DataError("DATA is wanted: a file, a folder, or a data set of the hub (hf:NAME)")
        place = chosen.setdefault("out", _default_out(chosen["data"]))

        from headgate.model import train as train_model

        model = train_model(say=say, **chosen)
    except KeyboardInterrupt:
        typer.echo(f"headgate: {_left_at(place)}", err=True)
        raise
    _say_what_next(place, chosen["data"], task=model.task.name)


def _left_at(place: str | None) -> str:
    """Say what a Ctrl-C that ended the command, and not only the steps, has left."""
    if place is not None and (Path(place) / _CHECKPOINT).exists():
        return f"interrupted; {place} has a checkpoint: the same command with --resume goes on"
    return "interrupted before anything was saved: the same command begins anew"


def _overruled(config: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """Take a run from its file, where there is one; the command line goes before it."""
    if config is None:
        return given

    from headgate.configuration import read_config
    from headgate.data.run_file import overruled

    return overruled(read_config(config), given)


def wishes(*, set: list[str] | None, **given: Any) -> dict[str, Any]:
    """Read what a command was given as what ``hg.train`` takes.

    Args:
        set: the texts of ``--set``.
        **given: the options of the command by name; None is what was not given.

    Returns:
        Values by name.

    Raises:
        DataError: ``--set`` names what has an option of its own.
    """
    others = settings(set)
    for name in others:
        if name in given or name == "say":
            raise DataError(f"{name} is not for --set: the command takes it itself")
    found = {name: value for name, value in given.items() if value is not None}
    read = {"cell": name_of, "valid": share_or_file, "test": share_or_file}
    found |= {name: how(found[name]) for name, how in read.items() if name in found}
    return found | others


def _default_out(data: str) -> str:
    """Name a directory after the data: reviews.csv.gz gives reviews-model."""
    path = Path(data.removeprefix("hf:").partition(":")[0]).resolve()
    stem = path.name if path.is_dir() else path.name.split(".")[0] or path.name
    return f"{stem}-model"


_NEXT = {
    "generate": "generate {place}",
    "translate": "translate {place}",
    "chat": "chat {place}",
}


def _say_what_next(place: str, data: str, *, task: str) -> None:
    use = _NEXT.get(task, "predict {place} {data}").format(place=place, data=data)
    say(f"use it: headgate {use}")
