"""The equation's own Python function at every step: no graph, so that a debugger can stop in it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from headgate.errors import CellError
from headgate.kernels.protocol import Run
from headgate.program import eager
from headgate.program.graph import Program


def run(
    program: Program,
    x: Tensor,
    weights: Mapping[str, Tensor],
    states: tuple[Tensor, ...],
    *,
    trace: bool,
    given: Mapping[str, Tensor],
) -> Run:
    """Run a cell as plain Python.

    Args:
        program: the cell.
        x: the input, [T, B, M].
        weights: the parameters by name.
        states: the state before the first step, each [B, N].
        trace: must be False: only a graph knows its gates by name.
        given: must be empty: the function that a user wrote knows no modifiers.

    Returns:
        The outputs and the last state.

    Raises:
        CellError: a trace was asked for.
    """
    if trace:
        raise CellError("the eager kernel has no trace; print the values in the step instead")
    outputs = []
    for step in x:
        states = eager.step(program, step, weights, states)
        outputs.append(states[0])
    return Run(torch.stack(outputs), states)
