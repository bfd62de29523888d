"""The states of recurrent layers as what goes into a graph and comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from headgate.export.parts import Input
from headgate.export.stream import NEXT
from headgate.layers import GRU, LSTM, RNN, Recurrent
from headgate.layers.recurrent import States

Layers = Recurrent | RNN | LSTM | GRU


def states_in(layers: Layers) -> tuple[Input, ...]:
    """Give the states before the first step as inputs.

    Args:
        layers: the layers.

    Returns:
        An input for each state, [layers · directions, B, N], by the state's name.
    """
    depth = layers.num_layers * (1 + layers.bidirectional)
    sizes = zip(layers.program.states, layers.state_sizes(), strict=True)
    return tuple(Input(name, (depth, "B", size)) for name, size in sizes)


def states_out(layers: Layers) -> tuple[str, ...]:
    """Give the names of the states after the last step.

    Args:
        layers: the layers.

    Returns:
        The names, in the order of the states.
    """
    return tuple(f"{name}{NEXT}" for name in layers.program.states)


def states_at_first(layers: Recurrent) -> dict[str, Any]:
    """Give the states that a sequence begins with.

    Args:
        layers: of one direction.

    Returns:
        For each state its numbers, [layers, N], as lists.
    """
    found = {}
    for name, size in zip(layers.program.states, layers.state_sizes(), strict=True):
        learned = getattr(layers, f"initial_{name}", None)
        first = torch.zeros(layers.num_layers, size) if learned is None else learned
        found[name] = first.tolist()
    return found


def as_state(states: Sequence[Tensor]) -> States:
    """Join states as layers take them.

    Args:
        states: each [layers, B, N].

    Returns:
        The only one, or a tuple.
    """
    return states[0] if len(states) == 1 else tuple(states)


def as_row(state: States) -> tuple[Tensor, ...]:
    """Part states as a graph gives them.

    Args:
        state: as layers give it.

    Returns:
        Each state.
    """
    return (state,) if isinstance(state, Tensor) else tuple(state)
