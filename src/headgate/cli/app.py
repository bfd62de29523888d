"""The table of commands, and what becomes of their errors.

Nothing slow is imported here: a command imports what it needs when it runs, so that ``--help``
answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from headgate import __version__
from headgate.cli.bench import bench
from headgate.cli.cells import cells
from headgate.cli.chat import chat
from headgate.cli.config import config
from headgate.cli.data import data
from headgate.cli.demo import demo
from headgate.cli.doctor import doctor
from headgate.cli.evaluate import evaluate
from headgate.cli.export import export, verify
from headgate.cli.generate import generate
from headgate.cli.inspect import inspect
from headgate.cli.predict import predict
from headgate.cli.serve import serve
from headgate.cli.stream import stream
from headgate.cli.study import study
from headgate.cli.train import train
from headgate.cli.translate import translate
from headgate.errors import HeadgateError

app = typer.Typer(
    name="headgate",
    help="Recurrent networks: trained from a file, seen into, used.",
    epilog="A command's own page: headgate COMMAND --help",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)
_COMMANDS = (
    *(data, config, train, evaluate, predict, generate, translate, chat, stream, inspect, doctor),
    *(export, verify, serve, cells, demo, study, bench),
)
for _command in _COMMANDS:
    app.command()(_command)


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"headgate {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Recurrent networks: trained from a file, seen into, used."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code.

    Args:
        arguments: the words after the program's name; those of the process where None.

    Raises:
        SystemExit: always; 0 where all went well, 2 for an error of the user's, 130 for Ctrl-C.
    """
    try:
        app(list(sys.argv[1:] if arguments is None else arguments), prog_name="headgate")
    except HeadgateError as error:
        typer.echo(f"headgate: {error}", err=True)
        raise SystemExit(2) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        typer.echo(f"headgate: {error}", err=True)
        raise SystemExit(2) from None
    finally:
        _flush()


def _flush() -> None:
    """Write the last lines now: a pipe that nobody reads any more is no error."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:  # said already, where it is not a pipe that nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
