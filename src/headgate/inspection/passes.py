"""Recurrent layers as what they are made of: one pass for each layer and direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.kernels import Run, scan
from headgate.layers import GRU, LSTM, RNN, Recurrent
from headgate.layers.stack import Weights
from headgate.program import Program

Layers = Recurrent | RNN | LSTM | GRU
States = tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class Pass:
    """One layer in one direction, as it is in evaluation.

    Args:
        number: its place among the passes, from 0.
        layer: the layer, from 0.
        reverse: whether it goes from the last step to the first.
        program: the cell, with the modifiers that evaluation has.
        weights: the parameters by name.
        residual: whether the layer adds its input to its output.
    """

    number: int
    layer: int
    reverse: bool
    program: Program
    weights: Weights
    residual: bool

    @property
    def name(self) -> str:
        """The layer's number from 1, and the direction where it is the second."""
        return f"{self.layer + 1}{' reverse' * self.reverse}"


# From a pass, its input [T, B, M] and its first states, each [B, N], to what it did.
Turn = Callable[[Pass, Tensor, States], Run]


def passes_of(layers: Layers) -> list[list[Pass]]:
    """Take layers apart.

    Args:
        layers: any recurrent layers.

    Returns:
        For each layer the passes of its directions.
    """
    ours = isinstance(layers, Recurrent)
    program = layers.noise.modify(layers.program, training=False) if ours else layers.program
    found: list[list[Pass]] = []
    number = 0
    for layer, directions in enumerate(layers.weights()):
        residual = ours and layers.residual and layer > 0
        found.append([])
        for reverse, weights in enumerate(directions):
            found[-1].append(Pass(number, layer, bool(reverse), program, weights, residual))
            number += 1
    return found


def names_of_passes(layers: Layers) -> tuple[str, ...]:
    """Name the passes of layers.

    Args:
        layers: any recurrent layers.

    Returns:
        D names: "1", "2"; of layers in both directions "1", "1 reverse", "2", "2 reverse".
    """
    return tuple(each.name for sides in passes_of(layers) for each in sides)


def first_states(layers: Layers, rows: int) -> States:
    """Give the states that layers begin from.

    Args:
        layers: any recurrent layers.
        rows: B.

    Returns:
        Each state, [D, B, N]: learned ones, or zeros.
    """
    like = next(layers.parameters())
    depth = layers.num_layers * (1 + layers.bidirectional)
    learned = isinstance(layers, Recurrent) and layers.initial_state == "learned"
    found = []
    for name, size in zip(layers.program.states, layers.state_sizes(), strict=True):
        zeros = like.new_zeros(depth, rows, size)
        found.append(getattr(layers, f"initial_{name}")[:, None] + zeros if learned else zeros)
    return tuple(found)


def run_passes(
    layers: Layers,
    x: Float[Tensor, "T B M"],
    turn: Turn,
    start: States | None = None,
) -> tuple[Float[Tensor, "T B _"], States]:
    """Run layers pass by pass.

    Args:
        layers: any recurrent layers; dropout between them is left out, as in evaluation.
        x: what they read, [T, B, M].
        turn: what runs one pass.
        start: the states to begin from, each [D, B, N]; as the layers begin where None.

    Returns:
        The last layer's outputs, [T, B, N · directions]; the states after the last step, each
        [D, B, N].
    """
    start = first_states(layers, x.shape[1]) if start is None else start
    runs: list[Run] = []
    for sides in passes_of(layers):
        found = [turn(side, x, tuple(state[side.number] for state in start)) for side in sides]
        outputs = torch.cat([run.outputs for run in found], -1)
        x = outputs + x if sides[0].residual else outputs
        runs += found
    last = tuple(torch.stack(states) for states in zip(*(r.states for r in runs), strict=True))
    return x, last


def plain(side: Pass, x: Tensor, states: States) -> Run:
    """Run one pass over all steps at once, as the layers do.

    Args:
        side: the pass.
        x: its input, [T, B, M].
        states: its first states, each [B, N].

    Returns:
        What it did.
    """
    return scan(side.program, x, side.weights, states, reverse=side.reverse)
