"""Layers and directions of one cell, run in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from headgate.kernels import Run, scan
from headgate.program import Program

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Stack:
    """How a stack is run.

    Args:
        program: the cell.
        dropout: the probability that a unit between two layers is zero; 0 in evaluation.
        residual: each layer from the second on adds its input to its output.
    """

    program: Program
    dropout: float = 0.0
    residual: bool = False

    def run(  # noqa: PLR0913 - a run in time is the things that define it
        self,
        x: Tensor,
        weights: Sequence[Sequence[Weights]],
        states: tuple[Tensor, ...],
        given: Sequence[Sequence[Weights]] | None = None,
        *,
        lengths: Tensor | None = None,
        trace: bool = False,
        checkpoint: bool = False,
    ) -> Run:
        """Run every layer in both its directions.

        Args:
            x: the input, [T, B, M].
            weights: for each layer, for each of its one or two directions, the parameters.
            states: the states before the first step, each [D, B, N].
            given: for each layer, for each direction, what the program reads beside its input.
            lengths: the steps of each row, [B]; all T where None.
            trace: whether to keep every gate and state.
            checkpoint: keep √T states for the gradient and compute the others again.

        Returns:
            The last layer's outputs, [T, B, N · directions]; the states at the rows' ends,
            each [D, B, N]; the trace, each [D, T, B, N].
        """
        go = partial(scan, self.program, lengths=lengths, trace=trace, checkpoint=checkpoint)
        runs: list[Run] = []
        for layer, directions in enumerate(weights):
            source = functional.dropout(x, self.dropout) if layer and self.dropout else x
            first = len(runs)
            for reverse, parameters in enumerate(directions):
                before = tuple(state[first + reverse] for state in states)
                own = given[layer][reverse] if given else None
                runs.append(go(source, parameters, before, reverse=bool(reverse), given=own))
            sides = [run.outputs for run in runs[first:]]
            outputs = torch.cat(sides, -1) if len(sides) > 1 else sides[0]
            x = outputs + x if self.residual and layer else outputs
        last = tuple(torch.stack(parts) for parts in zip(*(r.states for r in runs), strict=True))
        traces = [run.trace for run in runs if run.trace]
        kept = (
            {name: torch.stack([t[name] for t in traces]) for name in traces[0]} if trace else None
        )
        return Run(x, last, kept)
