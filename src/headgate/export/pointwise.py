"""The operations of a program as nodes of ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from headgate.equations.notation import EPSILON
from headgate.export.graph import Graph

Write = Callable[..., str]


class Pointwise:
    """Writes one operation on values of one dtype.

    Args:
        graph: where the nodes go.
        dtype: of the values and numbers.
    """

    def __init__(self, graph: Graph, dtype: torch.dtype = torch.float32) -> None:
        self.graph, self.dtype = graph, dtype

    def __call__(self, op: str, *args: str | float) -> str:
        """Write an operation.

        Args:
            op: a key of ``program.operations.EVERY``.
            *args: names of values, or numbers.

        Returns:
            The name of the result.
        """
        names = [arg if isinstance(arg, str) else self.number(arg) for arg in args]
        return WRITERS[op](self, *names)

    def number(self, value: float) -> str:
        """Hold a number as the values are.

        Args:
            value: the number.

        Returns:
            Its name.
        """
        return self.graph.scalar(value, self.dtype)

    def node(self, op: str, *args: str, **attributes: Any) -> str:
        """Write one node of ONNX.

        Args:
            op: ONNX's operator.
            *args: names of values.
            **attributes: the node's.

        Returns:
            The name of the result.
        """
        return self.graph.add(op, *args, **attributes)


def _node(op: str, **attributes: Any) -> Write:
    return partial(_one, op, attributes)


def _one(op: str, attributes: dict[str, Any], w: Pointwise, *args: str) -> str:
    return w.node(op, *args, **attributes)


def _gelu(w: Pointwise, x: str) -> str:
    cut = w.node("Erf", w.node("Mul", x, w.number(math.sqrt(0.5))))
    half = w.node("Mul", x, w.number(0.5))
    return w.node("Mul", half, w.node("Add", cut, w.number(1.0)))


def _silu(w: Pointwise, x: str) -> str:
    return w.node("Mul", x, w.node("Sigmoid", x))


def _square(w: Pointwise, x: str) -> str:
    return w.node("Mul", x, x)


def _softplus(w: Pointwise, x: str) -> str:
    # log(1 + exp(x)) without exp of a large number, whichever way a runtime writes Softplus
    tail = w.node("Exp", w.node("Neg", w.node("Abs", x)))
    return w.node("Add", w.node("Relu", x), w.node("Log", w.node("Add", tail, w.number(1.0))))


def _hardtanh(w: Pointwise, x: str) -> str:
    return w.node("Clip", x, w.number(-1.0), w.number(1.0))


def _normalize(w: Pointwise, v: str, mean: str, scale: str) -> str:
    return w.node("Mul", w.node("Sub", v, mean), scale)


def _row(w: Pointwise, values: tuple[str, ...]) -> str:
    return values[0] if len(values) == 1 else w.node("Concat", *values, axis=-1)


def _average(w: Pointwise, x: str) -> str:
    return w.node("ReduceMean", x, w.graph.ints(-1), keepdims=1)


def _mean(w: Pointwise, *values: str) -> str:
    return _average(w, _row(w, values))


def _scale(w: Pointwise, *values: str) -> str:
    row = _row(w, values)
    apart = w.node("Sub", row, _average(w, row))
    variance = _average(w, w.node("Mul", apart, apart))
    deviation = w.node("Sqrt", w.node("Add", variance, w.number(EPSILON)))
    return w.node("Reciprocal", deviation)


def _masked(w: Pointwise, value: str, mask: str) -> str:
    hidden = w.node("Equal", mask, w.number(0.0))
    return w.node("Where", hidden, w.number(0.0), w.node("Mul", value, mask))


WRITERS: dict[str, Write] = {
    "abs": _node("Abs"),
    "add": _node("Add"),
    "cos": _node("Cos"),
    "div": _node("Div"),
    "elu": _node("Elu"),
    "exp": _node("Exp"),
    "gelu": _gelu,
    "hardsigmoid": _node("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hardtanh": _hardtanh,
    "leaky_relu": _node("LeakyRelu", alpha=0.01),
    "log": _node("Log"),
    "masked": _masked,
    "maximum": _node("Max"),
    "mean": _mean,
    "minimum": _node("Min"),
    "mul": _node("Mul"),
    "neg": _node("Neg"),
    "normalize": _normalize,
    "pow": _node("Pow"),
    "relu": _node("Relu"),
    "scale": _scale,
    "sigmoid": _node("Sigmoid"),
    "silu": _silu,
    "sin": _node("Sin"),
    "softplus": _softplus,
    "softsign": _node("Softsign"),
    "sqrt": _node("Sqrt"),
    "square": _square,
    "sub": _node("Sub"),
    "tanh": _node("Tanh"),
}
