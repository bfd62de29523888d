"""headgate config: the run that train would do, as a file of YAML with every default."""

from __future__ import annotations

import typer

from headgate.cli.options import Encoding, Quoting, Series, Set, Time
from headgate.cli.train import (
    Cell,
    Data,
    Epochs,
    From,
    Input,
    Minutes,
    Out,
    Seed,
    Target,
    Task,
    Test,
    Valid,
    Vectors,
    wishes,
)

_HEAD = (
    "A run of headgate: headgate train --config FILE. What the command line gives goes before what "
    "stands here, and a key that is left out has its default."
)
_HEADINGS = {"cell": "The model", "epochs": "The training"}
_OUT = "a new directory for the model."
_BASE = "a saved model to go on from."


def config(  # noqa: PLR0913  (a command's options are its arguments)
    data: Data,
    *,
    input: Input = None,
    target: Target = None,
    series: Series = None,
    time: Time = None,
    out: Out = None,
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
    """Print the run that train would do, with every default and what it means."""
    chosen = wishes(**locals())
    chosen.pop("out", None)  # it decides nothing of the training

    from headgate.configuration import configured
    from headgate.data.run_file import write_run

    found = configured(say=_aside, **chosen)
    entries = {"data": found.pop("data")}
    entries |= {} if out is None else {"out": (out, _OUT)}
    entries |= {} if base is None else {"base": (base, _BASE)}
    typer.echo(write_run(entries | found, head=_HEAD, headings=_HEADINGS), nl=False)


def _aside(line: str) -> None:
    """Say what is decided beside the file, which goes to the standard output."""
    typer.echo(line, err=True)
