"""Tables for the terminal."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

import typer


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print a table as wide as its cells, in the width of the terminal at most.

    Args:
        head: the columns' names.
        rows: the cells.
        right: the columns, counted from 0, that are aligned at their right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for place, name in enumerate(head):
        drawn.add_column(name, justify="right" if place in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, highlight=False).print(drawn)


def say(line: str) -> None:
    """Print a sentence, folded between words where a terminal would break it anywhere.

    Args:
        line: the sentence.
    """
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        line = textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False)
    typer.echo(line)


def heading(text: str) -> None:
    """Print a heading with a blank line before it.

    Args:
        text: the heading.
    """
    typer.echo()
    typer.secho(text, bold=True)


def in_colour() -> bool:
    """Say whether the output is a terminal that may be coloured.

    Returns:
        False for files and pipes, and where NO_COLOR is set.
    """
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
