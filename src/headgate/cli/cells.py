"""headgate cells: every cell with its formula, its source, its weights and its options."""

from __future__ import annotations

import inspect
import os
import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.files import name_of, names_of
from headgate.cli.options import Set, settings

if TYPE_CHECKING:
    from headgate.program import Program

_INDENT = "    "
_WIDTH = 80


def cells(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE.py[:NAME]]",
            help="One cell, or those of a file of yours; all where left out.",
            show_default=False,
        ),
    ] = None,
    *,
    latex: Annotated[bool, typer.Option("--latex", help="The formulas as LaTeX.")] = False,
    set: Set = None,
) -> None:
    """Show the recurrent cells as equations."""
    from headgate.equations import equation
    from headgate.errors import DataError

    options = settings(set)
    if options and name is None:
        raise DataError("--set is for one cell: name it, as in headgate cells lstm --set …")
    for place, each in enumerate(_named(name, one=bool(options))):
        built = equation(each, **options)
        typer.echo("\n" if place else "", nl=False)
        typer.secho(each, bold=True, nl=False)
        typer.echo(f"  {built.source or _origin(built)}\n")
        for line in _page(each, built, latex=latex):
            typer.echo(f"{_INDENT}{line}".rstrip())
    typer.echo("\nN hidden units, M inputs; an option is set by --set NAME=VALUE.")


def _named(name: str | None, *, one: bool) -> list[str]:
    """List the cells that are meant: all of ours, one, or those of a file."""
    from headgate.equations import CELLS

    if name is None:
        return sorted(CELLS)
    return [name_of(name)] if one else names_of(name)


def _origin(built: Any) -> str:
    """Name the file and line of a cell that says no source."""
    code = inspect.unwrap(built.step).__code__
    return f"{os.path.relpath(code.co_filename)}:{code.co_firstlineno}"


def _page(name: str, built: Any, *, latex: bool) -> Iterator[str]:
    from headgate.equations import CELLS
    from headgate.program import as_latex, as_text, trace

    program = trace(built)
    yield from as_latex(program).splitlines() if latex else map(_fold, as_text(program))
    yield ""
    yield from _weights(program)
    yield ""
    yield from _options(CELLS[name])


def _fold(line: str, indent: int = 4) -> str:
    """Break a long line between its words, within the width of the page."""
    text = textwrap.fill(
        line,
        _WIDTH - len(_INDENT),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return text.replace("\n", "\n" + _INDENT)


def _weights(program: Program) -> Iterator[str]:
    """Name each tensor, its shape in N hidden units and M inputs, and its blocks."""
    from headgate.program import parameters

    for name, parameter in parameters(program).items():
        shape = _width(program, parameter.rows)
        if parameter.columns is not None:
            shape += f" × {_width(program, (parameter.columns,))}"
        blocks = ", ".join(parameter.blocks)
        yield _fold(f"{name:<16}  {shape:<8}  {blocks if len(parameter.blocks) > 1 else ''}", 28)


def _width(program: Program, widths: tuple[str, ...]) -> str:
    """Write a sum of widths: 4N, M, N + 32."""
    from headgate.program import HIDDEN

    plain = sum(width == HIDDEN for width in widths)
    terms = [f"{plain if plain > 1 else ''}N"] if plain else []
    terms += [
        "M" if width == "input" else str(program.equation.sizes[width])
        for width in widths
        if width != HIDDEN
    ]
    return " + ".join(terms)


def _options(cell: Any) -> Iterator[str]:
    """Name each option with its default and what the cell's own docstring says of it."""
    said = _arguments(inspect.getdoc(cell) or "")
    for name, default in (cell.__kwdefaults__ or {}).items():
        first = f"{name} = {default}"
        yield from textwrap.wrap(
            said.get(name, ""),
            _WIDTH - len(_INDENT),
            initial_indent=f"{first:<20}  ",
            subsequent_indent=" " * 22,
        ) or [first]


def _arguments(docstring: str) -> dict[str, str]:
    """Take the Args of a docstring apart."""
    found = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^    (\w+): ", found[1] if found else "", flags=re.MULTILINE)[1:]
    return {
        name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)
    }
