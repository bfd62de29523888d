"""A cell in the settings of a task: named by the user, and kept by a saved model.

A cell of headgate's own is kept by its name. A user's is kept as its program, so that the model
opens where the user's code is not, and runs none.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from headgate.equations import CELLS, Equation
from headgate.errors import CellError
from headgate.layers import Recurrent
from headgate.program import trace
from headgate.program.own import Own
from headgate.program.portable import from_text, to_text


def by_name(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Put a name in place of a cell that a user gave as an equation.

    Args:
        settings: values by name, among them perhaps the ``cell`` and its ``options``.

    Returns:
        The same settings, with the name and the options of the equation.

    Raises:
        CellError: the equation has no name, or its name means another cell by now.
    """
    cell = settings.get("cell")
    if isinstance(cell, Own):
        if CELLS.get(cell.name) is not cell.definition:
            raise CellError(
                f"the cell {cell.name!r} was defined again since: give the new one, or its name"
            )
        options = {**cell.options, **settings.get("options", {})}
        return {**settings, "cell": cell.name, **({"options": options} if options else {})}
    if isinstance(cell, Equation) or callable(cell):
        raise CellError(
            "a task takes a cell by its name: mark the step with @hg.cell, then give the name or "
            "the cell itself"
        )
    return dict(settings)


def layer_arguments(settings: Any) -> dict[str, Any]:
    """Give what the recurrent layers of every task have in common.

    Args:
        settings: a task's, with ``cell``, ``options``, ``program``, ``num_layers``, ``dropout``.

    Returns:
        Arguments of ``Recurrent``; a program has the cell's own options in it.
    """
    common = {"num_layers": settings.num_layers, "dropout": settings.dropout}
    if settings.program is None:
        return {"cell": settings.cell, **common, **settings.options}
    layers = inspect.signature(Recurrent).parameters
    options = {name: value for name, value in settings.options.items() if name in layers}
    return {"cell": from_text(settings.program), **common, **options}


def keep(settings: Any, layer: Recurrent) -> None:
    """Keep the program of a user's own cell beside its name.

    Args:
        settings: a task's; its ``program`` is set where the cell is a user's own.
        layer: a layer of the cell.
    """
    if isinstance(layer.cell, Own):
        settings.program = to_text(trace(layer.cell))
