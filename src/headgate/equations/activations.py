"""The functions a cell or an output may be given by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from headgate.errors import UnknownNameError

Activation = Callable[[Any], Any]


def identity(a: Any) -> Any:
    """Return its argument: the linear activation.

    Args:
        a: any value.

    Returns:
        The same value.
    """
    return a


ACTIVATIONS: dict[str, Activation] = {
    "elu": functional.elu,
    "exp": torch.exp,
    "gelu": functional.gelu,
    "hardsigmoid": functional.hardsigmoid,
    "hardtanh": functional.hardtanh,
    "leaky_relu": functional.leaky_relu,
    "linear": identity,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "sin": torch.sin,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "tanh": torch.tanh,
}


def lookup(name: str | Activation) -> Activation:
    """Look an activation up by name; a function is its own answer.

    Args:
        name: a key of ``ACTIVATIONS``, or a function of torch operations.

    Returns:
        The function.

    Raises:
        UnknownNameError: the name is not in the table.
    """
    if callable(name):
        return name
    if name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


def choose(option: str, value: Any, choices: dict[Any, Any]) -> Any:
    """Look the value of an option up among its choices.

    Args:
        option: the option's name, for the message.
        value: what the user gave.
        choices: what each value stands for.

    Returns:
        The choice.

    Raises:
        UnknownNameError: the value is not among the choices.
    """
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise UnknownNameError(f"{option} =", value, map(str, choices)) from None
