"""The papers as pure functions: one file a cell, and the table of them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headgate.equations.elman import rnn
from headgate.equations.fslstm import fslstm
from headgate.equations.gru import gru
from headgate.equations.indrnn import indrnn
from headgate.equations.janet import janet
from headgate.equations.jordan import jordan
from headgate.equations.lem import lem
from headgate.equations.ligru import ligru
from headgate.equations.lstm import lstm
from headgate.equations.mgu import mgu
from headgate.equations.mlstm import mlstm
from headgate.equations.notation import Equation
from headgate.equations.rhn import rhn
from headgate.equations.sru import sru
from headgate.errors import CellError, UnknownNameError

CELLS: dict[str, Callable[..., Equation]] = {
    "fslstm": fslstm,
    "gru": gru,
    "indrnn": indrnn,
    "janet": janet,
    "jordan": jordan,
    "lem": lem,
    "ligru": ligru,
    "lstm": lstm,
    "mgu": mgu,
    "mlstm": mlstm,
    "rhn": rhn,
    "rnn": rnn,
    "sru": sru,
}


def equation(cell: str | Equation, **options: Any) -> Equation:
    """Build the equation of a cell by name.

    Args:
        cell: a key of ``CELLS``; an equation is its own answer, and one with options takes them.
        **options: what the cell's function takes.

    Returns:
        The equation.

    Raises:
        UnknownNameError: no cell has that name, or the cell has no such option.
        CellError: options for an equation that is built; a function that is no equation.
    """
    if isinstance(cell, Equation):
        if options and callable(cell):
            return cell(**options)
        if options:
            raise CellError(f"an equation is already built: it takes no options, not {options}")
        return cell
    if callable(cell):
        raise CellError(
            f"a step of your own is wrapped first: Equation({getattr(cell, '__name__', cell)}); or "
            "marked by @cell above its def, which also gives it a name"
        )
    if cell not in CELLS:
        raise UnknownNameError("cell", cell, CELLS)
    known = CELLS[cell].__kwdefaults__ or {}
    for option in options:
        if option not in known:
            raise UnknownNameError(f"option of the cell {cell!r}", option, known)
    return CELLS[cell](**options)
