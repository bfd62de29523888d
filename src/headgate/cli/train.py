"""headgate train: from a file to a model directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headgate.cli.files import name_of
from headgate.cli.options import Encoding, Quoting, Set, settings, share_or_file
from headgate.cli.screen import say
from headgate.errors import DataError

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A CSV, TSV, JSONL or text file, or a folder with one .txt file a class.",
        show_default=False,
    ),
]
Input = Annotated[
    str | None, typer.Option(metavar="COL", help="The column of the inputs, by name or number.")
]
Target = Annotated[
    str | None, typer.Option(metavar="COL", help="The column of what is wanted for each.")
]
Out = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="A new directory for the model. [default: DATA-model]"),
]
Task = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="classify or translate. [default: from the targets]"),
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
Seed = Annotated[int, typer.Option(metavar="N", help="The seed of all chance.")]
Valid = Annotated[
    str | None,
    typer.Option(metavar="SHARE|FILE", help="Rows to choose the best weights by."),
]
Test = Annotated[
    str | None,
    typer.Option(metavar="SHARE|FILE", help="Rows to judge the model by, once; 0: none."),
]


def train(  # noqa: PLR0913  (a command's options are its arguments)
    data: Data,
    *,
    input: Input = None,
    target: Target = None,
    out: Out = None,
    task: Task = None,
    cell: Cell = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    seed: Seed = 42,
    valid: Valid = None,
    test: Test = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
    set: Set = None,
) -> None:
    """Train a model on a file and save it."""
    place = out or _default_out(data)
    if input is None or target is None:
        raise _columns_wanted(data, input=input, target=target, encoding=encoding, quoting=quoting)
    given: dict[str, Any] = {"data": data, "input": input, "target": target, "out": place}
    given |= {"task": task, "cell": cell and name_of(cell), "epochs": epochs, "minutes": minutes}
    given |= {
        "seed": seed,
        "valid": valid and share_or_file(valid),
        "test": test and share_or_file(test),
    }
    given |= {"encoding": encoding, "quoting": quoting, "say": say}
    given |= _others(settings(set), given)
    chosen = {name: value for name, value in given.items() if value is not None}

    from headgate.model import train as train_model

    model = train_model(**chosen)
    _say_what_next(place, data, task=model.task.name)


def _others(settings: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Refuse by --set what has an option of its own."""
    for name in settings:
        if name in given:
            raise DataError(f"{name} is not for --set: the command takes it itself")
    return settings


def _default_out(data: str) -> str:
    """Name a directory after the data: reviews.csv.gz gives reviews-model."""
    path = Path(data).resolve()
    stem = path.name if path.is_dir() else path.name.split(".")[0] or path.name
    return f"{stem}-model"


def _columns_wanted(
    data: str, *, input: str | None, target: str | None, encoding: str | None, quoting: str | None
) -> DataError:
    from headgate.data.columns import shown
    from headgate.data.sources import read_table

    pairs = (("--input COL", input), ("--target COL", target))
    wanted = " and ".join(name for name, value in pairs if value is None)
    table = read_table(data, encoding=encoding, quoting=quoting)
    names = ", ".join(shown(name) for name in table.columns)
    return DataError(f"{wanted} wanted, a name or a number from 1; columns: {names}", path=data)


def _say_what_next(place: str, data: str, *, task: str) -> None:
    use = f"translate {place}" if task == "translate" else f"predict {place} {data}"
    say(f"use it: headgate {use}")
