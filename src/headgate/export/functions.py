"""The activations of other libraries, as functions of a step.

One that has a name of ours goes by it, so that the cell stays one that is known by name; any other
is written out in the operations that a program holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import relu, sqrt, tanh
from torch.nn.functional import elu, hardsigmoid, hardtanh, softplus

from headgate.equations.activations import Activation
from headgate.errors import CellError, UnknownNameError

Function = str | Activation
"""A key of ``ACTIVATIONS``, or a function of a value of the step."""

_STEEP = 1e30
"""Times the least difference of two numbers near a threshold, this is more than one."""
_SELU = 1.0507009873554805, 1.6732632423543772


def affine(alpha: float, beta: float) -> Function:
    """Give α a + β.

    Args:
        alpha: α.
        beta: β.

    Returns:
        The function.
    """
    return "linear" if (alpha, beta) == (1.0, 0.0) else lambda a: alpha * a + beta


def leaky_relu(alpha: float) -> Function:
    """Give a, or α a where it is negative.

    Args:
        alpha: α.

    Returns:
        The function.
    """
    return "leaky_relu" if _is(alpha, 0.01) else lambda a: relu(a) - alpha * relu(-a)


def thresholded_relu(alpha: float) -> Function:
    """Give a where it is more than α, else 0.

    Args:
        alpha: α.

    Returns:
        The function.
    """
    # a program has no comparison: 0 up to the threshold and 1 from the next number on
    return "relu" if alpha == 0 else lambda a: a * hardtanh(_STEEP * relu(a - alpha))


def scaled_tanh(alpha: float, beta: float) -> Function:
    """Give α tanh(β a).

    Args:
        alpha: α.
        beta: β.

    Returns:
        The function.
    """
    return "tanh" if (alpha, beta) == (1.0, 1.0) else lambda a: alpha * tanh(beta * a)


def hard_sigmoid(alpha: float, beta: float) -> Function:
    """Give α a + β, at least 0 and at most 1.

    Args:
        alpha: α.
        beta: β.

    Returns:
        The function.
    """
    if _is(alpha, 1 / 6) and beta == 0.5:
        return "hardsigmoid"
    return lambda a: 0.5 + 0.5 * hardtanh(2 * alpha * a + (2 * beta - 1))


def scaled_elu(alpha: float) -> Function:
    """Give a, or α (exp(a) - 1) where it is negative.

    Args:
        alpha: α.

    Returns:
        The function.
    """
    return "elu" if alpha == 1 else lambda a: relu(a) + alpha * elu(-relu(-a))


def _is(value: float, known: float) -> bool:
    """Whether a number is another one, perhaps kept in single precision."""
    return bool(np.float32(value) == np.float32(known))


@dataclass(frozen=True)
class _Kind:
    """An activation of ONNX: which of alpha and beta it takes, and what they are if not given."""

    make: Callable[..., Function]
    alpha: tuple[float | None, ...] = ()
    beta: tuple[float | None, ...] = ()


# None: ONNX names no default, or the runtimes have another than its text
_ONNX: dict[str, _Kind] = {
    "Affine": _Kind(affine, (None,), (None,)),
    "Elu": _Kind(scaled_elu, (1.0,)),
    "HardSigmoid": _Kind(hard_sigmoid, (0.2,), (0.5,)),
    "LeakyRelu": _Kind(leaky_relu, (0.01,)),
    "Relu": _Kind(lambda: "relu"),
    "ScaledTanh": _Kind(scaled_tanh, (None,), (None,)),
    "Sigmoid": _Kind(lambda: "sigmoid"),
    "Softplus": _Kind(lambda: "softplus"),
    "Softsign": _Kind(lambda: "softsign"),
    "Tanh": _Kind(lambda: "tanh"),
    "ThresholdedRelu": _Kind(thresholded_relu, (None,)),
}
_LOWER = {name.lower(): name for name in _ONNX}
Called = tuple[str, tuple[float, ...]]
"""An activation of ONNX with its numbers: what two directions are compared by."""


def onnx_calls(
    names: Sequence[str], alphas: Sequence[float], betas: Sequence[float]
) -> list[Called]:
    """Read the activations of a node of ONNX with their numbers.

    Args:
        names: ``activations``; large and small letters are one.
        alphas: ``activation_alpha``: a number for each of them that takes one, and no other.
        betas: ``activation_beta``, likewise.

    Returns:
        For each activation ONNX's name and its numbers.

    Raises:
        UnknownNameError: ONNX has no such activation.
        CellError: a number is missing that has no default.
    """
    lists = {"alpha": iter(alphas), "beta": iter(betas)}
    found: list[Called] = []
    for given in names:
        if given.lower() not in _LOWER:
            raise UnknownNameError("activation of ONNX", given, _ONNX)
        name = _LOWER[given.lower()]
        kind = _ONNX[name]
        wanted = (("alpha", kind.alpha), ("beta", kind.beta))
        numbers = [_next(name, which, lists[which], d) for which, each in wanted for d in each]
        found.append((name, tuple(numbers)))
    return found


def _next(name: str, which: str, values: Iterator[float], default: float | None) -> float:
    value = next(values, default)
    if value is None:
        raise CellError(
            f"{name} has no {which}: the runtimes of ONNX do not agree on a default; write "
            f"activation_{which} into the node"
        )
    return float(value)


def onnx_function(called: Called) -> Function:
    """Give an activation of ONNX as a function.

    Args:
        called: what ``onnx_calls`` read.

    Returns:
        The function, by its name where we have one.
    """
    name, numbers = called
    return _ONNX[name].make(*numbers)


KERAS: dict[str, Function] = {
    # of two names of one function the usual one stands first
    "elu": "elu",
    "celu": "elu",
    "exponential": "exp",
    "gelu": "gelu",
    "hard_sigmoid": "hardsigmoid",
    "hard_silu": lambda a: a * hardsigmoid(a),
    "hard_swish": lambda a: a * hardsigmoid(a),
    "hard_tanh": "hardtanh",
    "leaky_relu": leaky_relu(0.2),
    "linear": "linear",
    "log_sigmoid": lambda a: -softplus(-a),
    "mish": lambda a: a * tanh(softplus(a)),
    "relu": "relu",
    "relu6": lambda a: 6 * hardtanh(relu(a) / 6),
    "selu": lambda a: _SELU[0] * (relu(a) + _SELU[1] * elu(-relu(-a))),
    "sigmoid": "sigmoid",
    "silu": "silu",
    "softplus": "softplus",
    "softsign": "softsign",
    "squareplus": lambda a: (a + sqrt(a * a + 4)) / 2,
    "swish": "silu",
    "tanh": "tanh",
    "tanh_shrink": lambda a: a - tanh(a),
}
KERAS_2: dict[str, Function] = KERAS | {"hard_sigmoid": hard_sigmoid(0.2, 0.5)}
"""What the names meant before Keras 3."""
