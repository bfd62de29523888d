"""The operations a program may hold: how each is run, and how it is written."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from headgate.equations.notation import EPSILON, normalize


@dataclass(frozen=True)
class Operation:
    """A pointwise operation, or one over a row.

    Args:
        run: the torch function.
        text: how it is written, with {0} and {1} for its arguments.
        latex: the same for LaTeX.
        binds: how tightly it binds, so that brackets stand only where they must.
        names: what else in torch means the same.
    """

    run: Callable[..., Any]
    text: str
    latex: str
    binds: int = 9
    names: tuple[Any, ...] = ()

    @property
    def arity(self) -> int:
        """How many values it takes."""
        return 2 if "{1}" in self.text else 1


def _normalize(v: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    return (v - mean) * scale


def _masked(value: Tensor, mask: Tensor) -> Tensor:
    # not a product: what a zero hides may be NaN
    return torch.where(mask == 0, 0.0, value * mask)


def _mean(*values: Tensor) -> Tensor:
    return torch.cat(values, -1).mean(-1, keepdim=True)


def _scale(*values: Tensor) -> Tensor:
    return (torch.cat(values, -1).var(-1, correction=0, keepdim=True) + EPSILON).rsqrt()


def _function(run: Any, text: str, latex: str, *names: Any) -> Operation:
    return Operation(run, f"{text}({{0}})", f"{latex}\\left({{0}}\\right)", 9, names)


def _named(run: Any, name: str, *names: Any) -> Operation:
    return _function(run, name, rf"\operatorname{{{{{name}}}}}", *names)


OPERATIONS: dict[str, Operation] = {
    "add": Operation(operator.add, "{0} + {1}", "{0} + {1}", 1, (torch.add,)),
    "sub": Operation(operator.sub, "{0} - {1}", "{0} - {1}", 1, (torch.sub, torch.subtract)),
    "mul": Operation(operator.mul, "{0} ⊙ {1}", r"{0} \odot {1}", 3, (torch.mul, torch.multiply)),
    "div": Operation(operator.truediv, "{0} / {1}", "{0} / {1}", 3, (torch.div, torch.divide)),
    "pow": Operation(operator.pow, "{0}^{1}", "{0}^{{{1}}}", 5, (torch.pow,)),
    "neg": Operation(operator.neg, "-{0}", "-{0}", 2, (torch.neg, torch.negative)),
    "maximum": Operation(torch.maximum, "max({0}, {1})", r"\max({0}, {1})"),
    "minimum": Operation(torch.minimum, "min({0}, {1})", r"\min({0}, {1})"),
    "abs": Operation(torch.abs, "|{0}|", "|{0}|", 9, (operator.abs, torch.absolute)),
    "sqrt": Operation(torch.sqrt, "√({0})", r"\sqrt{{{0}}}"),
    "exp": _function(torch.exp, "exp", r"\exp"),
    "log": _function(torch.log, "log", r"\log"),
    "square": Operation(torch.square, "{0}²", "{0}^2", 5),
    "sigmoid": _function(torch.sigmoid, "σ", r"\sigma", functional.sigmoid, torch.special.expit),
    "tanh": _function(torch.tanh, "tanh", r"\tanh", functional.tanh),
    "sin": _function(torch.sin, "sin", r"\sin"),
    "cos": _function(torch.cos, "cos", r"\cos"),
    "relu": _named(torch.relu, "relu", functional.relu),
    "elu": _named(functional.elu, "elu"),
    "gelu": _named(functional.gelu, "gelu"),
    "hardsigmoid": _named(functional.hardsigmoid, "hardsigmoid"),
    "hardtanh": _named(functional.hardtanh, "hardtanh"),
    "leaky_relu": _named(functional.leaky_relu, "leaky_relu"),
    "silu": _named(functional.silu, "silu"),
    "softplus": _named(functional.softplus, "softplus"),
    "softsign": _named(functional.softsign, "softsign"),
    "normalize": _named(_normalize, "norm", normalize),
}

# What a graph holds and no equation writes: over all units of a row, of all arguments together, the
# mean and 1 / √(variance + 1e-5); a value hidden where the mask is zero.
EVERY: dict[str, Operation] = OPERATIONS | {
    "mean": _named(_mean, "mean"),
    "scale": _named(_scale, "scale"),
    "masked": Operation(_masked, "{0} ⊙ {1}", r"{0} \odot {1}", 3),
}

NAMES: dict[Any, str] = {
    function: name
    for name, operation in OPERATIONS.items()
    for function in (operation.run, *operation.names)
}
COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum"})
