"""Cells side by side: how much of a gradient each lets back through time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.inspection.drawing import QUALITATIVE, columns_of, laid_out, pad, strip, table
from headgate.inspection.gradients_drawing import add_line, log_scale
from headgate.inspection.passes import Layers
from headgate.inspection.stepwise import gradients_of, run_stepwise
from headgate.inspection.view import Labels, View, graphs


@dataclass(frozen=True, eq=False)
class CellGradients(View):
    """The gradient of a fixed projection of the last output, by distance from it.

    Args:
        names: of the cells.
        first: for each cell the norm of the gradient in its first state, which is its output,
            0, 1, … steps before the last; the mean over rows; float64, [cells, T].
        whole: the same of all its states together.
    """

    title = "Gradients of cells"

    names: tuple[str, ...]
    first: Float[Tensor, "_ T"]
    whole: Float[Tensor, "_ T"]

    @property
    def ratios(self) -> Tensor:
        """Each cell's gradient at the first step, as a share of that at the last, of both kinds."""
        return torch.stack([each[:, -1] / each[:, 0] for each in (self.first, self.whole)], 1)

    def arrays(self) -> Mapping[str, Tensor]:
        """Give the norms by distance, and what is left at the first step."""
        return {"first": self.first, "whole": self.whole, "ratio": self.ratios}

    def labels(self) -> Labels:
        """Give the names of the cells, and of the columns of the ratios."""
        return {"cells": self.names, "ratio": ("first", "whole")}

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Draw a line of bars a cell, and what is left at the first step."""
        columns, steps = columns_of(width), self.first.shape[1]
        margin = max(map(len, self.names)) + 1
        logs, low, high = log_scale(self.first)
        cells = min(max(columns - margin, 1), steps)
        head = (
            f"‖∂L/∂h‖ from the last of {steps} steps on the left back to the first; "
            f"█ {10**high:.0e}, blank below {10**low:.0e}"
        )
        at = torch.linspace(0, steps - 1, cells).round().long()
        bars = [
            pad(name, margin) + strip(line[at], low=low, high=high, colour=colour).rstrip()
            for name, line in zip(self.names, logs, strict=True)
        ]
        rows = [
            [name, *(f"{value:.1e}" for value in values)]
            for name, values in zip(self.names, self.ratios.tolist(), strict=True)
        ]
        heads = ["first ÷ last step", "in the output", "in all states"]
        return "\n".join([*wrap(head, columns), "", *bars, "", *table(rows, heads)])

    def figure(self) -> Any:
        """Draw a line a cell over distance, on a scale of powers of ten."""
        drawn = graphs().Figure()
        for number, (name, line) in enumerate(zip(self.names, self.first, strict=True)):
            add_line(drawn, name, line, {"color": QUALITATIVE[number % len(QUALITATIVE)]})
        drawn.update_layout(
            xaxis={"title": "steps before the last"},
            yaxis={"title": "‖∂L/∂h‖", "type": "log", "exponentformat": "power"},
        )
        return laid_out(drawn, title=self.title)


def compare_gradients(
    layers: Mapping[str, Layers], *, length: int = 100, rows: int = 8, seed: int = 0
) -> CellGradients:
    """Compare how the gradient goes back through time in layers of one size.

    All read the same normal random sequences; L is a random projection of their last output.

    Args:
        layers: by name, of the same input and output sizes.
        length: steps of a sequence.
        rows: sequences, over which the mean is taken.
        seed: of the sequences and the projection.

    Returns:
        The view.

    Raises:
        DataError: there are no layers, no steps or no rows.
        ShapeError: the layers differ in size.

    Example:
        >>> from headgate.layers import Recurrent
        >>> found = compare_gradients({"gru": Recurrent("gru", 2, 4)}, length=6)
        >>> found.first.shape
        torch.Size([1, 6])
    """
    if not layers or length < 1 or rows < 1:
        raise DataError(
            "one cell, step and row at least are compared, not "
            f"{len(layers)} cells, {length} steps, {rows} rows"
        )
    chance = torch.Generator().manual_seed(seed)
    sizes = {each.input_size for each in layers.values()}
    if len(sizes) > 1:
        raise ShapeError(f"cells side by side read one input, but these read {sorted(sizes)}")
    x = torch.randn(length, rows, sizes.pop(), generator=chance, dtype=torch.float64)
    weight: Tensor | None = None
    found: list[tuple[Tensor, Tensor]] = []
    for each in layers.values():
        # in float64: over a hundred steps a gradient can fall below the least of float32
        run = run_stepwise(copy.deepcopy(each).cpu().double(), x)
        last = run.outputs[-1]
        weight = weight if weight is not None else torch.randn(last.shape[1:], generator=chance)
        if last.shape[1:] != weight.shape:
            raise ShapeError(
                f"cells side by side have outputs of one size, not {last.shape[1]} "
                f"and {len(weight)}"
            )
        got, _ = gradients_of(run, (last @ weight.double()).sum(), each.program.states)
        found.append(_by_distance(list(got.values())))
    first, whole = (torch.stack(part) for part in zip(*found, strict=True))
    return CellGradients(tuple(layers), first, whole)


def _by_distance(states: list[Float[Tensor, "D T B _"]]) -> tuple[Tensor, Tensor]:
    """The mean norm over rows of the first state's gradient and of all states', last step first."""
    squares = [state.square().sum((0, 3)) for state in states]
    norms = squares[0].sqrt(), torch.stack(squares).sum(0).sqrt()
    return norms[0].mean(1).flip(0), norms[1].mean(1).flip(0)
