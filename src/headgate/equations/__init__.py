"""The papers as pure functions: one file a cell, and the table of them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headgate.equations.elman import rnn
from headgate.equations.gru import gru
from headgate.equations.jordan import jordan
from headgate.equations.lstm import lstm
from headgate.equations.mgu import mgu
from headgate.equations.notation import Equation
from headgate.errors import CellError, UnknownNameError

CELLS: dict[str, Callable[..., Equation]] = {
    "gru": gru,
    "jordan": jordan,
    "lstm": lstm,
    "mgu": mgu,
    "rnn": rnn,
}


def equation(cell: str | Equation, **options: Any) -> Equation:
    """Build the equation of a cell by name.

    Args:
        cell: a key of ``CELLS``; an equation is its own answer.
        **options: what the cell's function takes.

    Returns:
        The equation.

    Raises:
        UnknownNameError: no cell has that name, or the cell has no such option.
        CellError: options for an equation that is built; a function that is no equation.
    """
    if isinstance(cell, Equation):
        if options:
            raise CellError(f"an equation is already built: it takes no options, not {options}")
        return cell
    if callable(cell):
        raise CellError(
            f"a step of your own is wrapped first: Equation({getattr(cell, '__name__', cell)})"
        )
    if cell not in CELLS:
        raise UnknownNameError("cell", cell, CELLS)
    known = CELLS[cell].__kwdefaults__ or {}
    for option in options:
        if option not in known:
            raise UnknownNameError(f"option of the cell {cell!r}", option, known)
    return CELLS[cell](**options)
