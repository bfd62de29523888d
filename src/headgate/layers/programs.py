"""The programs of layers: those made alike share one, with its plans and all else known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from headgate.equations import CELLS, Equation, equation
from headgate.layers.noise import Noise
from headgate.program import Program, modifiers, trace
from headgate.program.graph import once
from headgate.program.own import BUILT_IN

# each for as long as a layer has it: no program outlives the last layer that it belongs to
_TRACED: WeakValueDictionary[tuple[object, ...], Program] = WeakValueDictionary()
_PLAIN = (bool, float, int, str, type(None))


def traced(cell: str | Equation | Program, options: Mapping[str, Any], *, bias: bool) -> Program:
    """Trace a cell, or find what it was traced to for another layer.

    Args:
        cell: a key of ``CELLS``, an equation, or a program, which is its own answer.
        options: the cell's own.
        bias: whether the blocks have biases.

    Returns:
        The program; nobody changes it.

    Raises:
        UnknownNameError: the cell or its option is not known.
        CellError: the equation holds what a graph cannot.
    """
    if isinstance(cell, Program):
        return cell
    key = _key(cell, options, bias=bias)
    found = None if key is None else _TRACED.get(key)
    if found is None:
        found = trace(equation(cell, **options), bias=bias)
        if key is not None:
            _TRACED[key] = found
    return found


def _key(
    cell: str | Equation, options: Mapping[str, Any], *, bias: bool
) -> tuple[object, ...] | None:
    """What a program follows from, or None: only of a cell of ours is it known to be the same."""
    values = options.values()
    if not isinstance(cell, str) or cell not in BUILT_IN:
        return None
    if any(type(value) not in _PLAIN for value in values):
        return None
    # in writing 1 and 1.0 differ, as do 0.0 and -0.0
    return cell, CELLS[cell], bias, *((name, repr(options[name])) for name in sorted(options))


@once
def layer_normed(program: Program) -> Program:
    """Put layer norm into a program.

    Args:
        program: the cell.

    Returns:
        The program.
    """
    return modifiers.layer_norm(program)


def modified(
    program: Program, noise: Noise, *, training: bool, resets: bool, learned: bool
) -> Program:
    """Put into a program what changes from run to run.

    Args:
        program: the cell.
        noise: the modifiers that draw.
        training: whether the run draws, or takes the mean.
        resets: whether rows begin anew.
        learned: whether they do so from learned states.

    Returns:
        The program.
    """
    if not resets and not noise.zoneout and not (noise.recurrent_dropout and training):
        return program
    rates, dropped = tuple(noise.zoneout.items()), bool(noise.recurrent_dropout)
    wish = (rates, dropped, training, resets, learned)
    found = _modified(program)
    if wish not in found:
        new = noise.modify(program, training=training)
        found[wish] = modifiers.resets(new, learned=learned) if resets else new
    return found[wish]


@once
def _modified(program: Program) -> dict[tuple[object, ...], Program]:
    """Hold what was made of a program, as it is asked for."""
    return {}
