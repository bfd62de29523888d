"""The training that experiments share: a fixed number of steps, fresh rows at each."""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from headgate.equations import Equation, equation

OPEN = 4.0  # the bias of a gate that begins open: σ(4) = 0.982 of a state is left after a step


def fit(network: nn.Module, loss: Callable[[], Tensor], *, steps: int, rate: float) -> None:
    """Train with Adam; over the last third of the steps the rate falls to zero.

    Args:
        network: what learns.
        loss: draws fresh rows and gives their loss.
        steps: how many.
        rate: the learning rate at the beginning.
    """
    weights = list(network.parameters())
    adam = torch.optim.Adam(weights, rate)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = rate * min(1.0, 3 * (steps - step) / steps)
        adam.zero_grad()
        loss().backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        adam.step()


def size_of(network: nn.Module) -> int:
    """Count the parameters of a network.

    Args:
        network: any.

    Returns:
        How many numbers it learns.
    """
    return sum(weight.numel() for weight in network.parameters())


def smallest(build: Callable[[int], nn.Module], size: int, *, step: int = 1) -> int:
    """Find the width at which a network has as many parameters as another.

    Args:
        build: from a width to the network; a wider one has more parameters.
        size: the parameters of the other one.
        step: between two widths.

    Returns:
        The least width with ``size`` parameters or more.
    """
    most = 1
    while size_of(build(step * most)) < size:
        most *= 2
    found = bisect_left(range(most), size, key=lambda count: size_of(build(step * (count + 1))))
    return step * (found + 1)


@functools.cache
def opened(cell: str, bias: float = OPEN) -> Equation:
    """Give a cell whose gates begin so that it keeps its state.

    The gate that keeps has a bias of its own and the one that writes the negative (Tallec &
    Ollivier 2018).

    Args:
        cell: rnn, which has no gate and stays as it is, lstm or gru.
        bias: of the gate that keeps.

    Returns:
        The equation.
    """
    biases: Mapping[str, Mapping[str, float]] = {
        "rnn": {},
        "lstm": {"forget": bias, "input": -bias},
        "gru": {"update": bias},
    }
    return replace(equation(cell), initial=biases[cell])
