"""The chain rule of every operation, and the operations that only a gradient holds."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from headgate.program.graph import Node

Value = Node | float

# torch multiplies by the sixth of a 32-bit float, whatever the dtype.
_SIXTH = torch.tensor(1 / 6, dtype=torch.float32).item()
# Above it torch's softplus is its argument.
_THRESHOLD = 20.0


# From the name of an operation and its arguments to its value, 0.0 where that is always zero.
Make = Callable[..., Value]
# From the gradient of a node's value to that of each of its arguments. The gradient of a number
# is never looked at.
Rule = Callable[[Make, Node, Node], tuple[Value, ...]]


def _step(v: Tensor) -> Tensor:
    # NaN is neither below nor at zero: a maximum hands its gradient on to both sides, as torch's
    return torch.where(v < 0, 0.0, torch.where(v == 0, 0.5, 1.0)).to(v.dtype)


def _sigmoid_backward(d: Tensor, y: Tensor) -> Tensor:
    return d * ((1 - y) * y)


def _tanh_backward(d: Tensor, y: Tensor) -> Tensor:
    return d * (1 - y * y)


def _relu_backward(d: Tensor, y: Tensor) -> Tensor:
    return torch.where(y <= 0, 0.0, d)


def _elu_backward(d: Tensor, y: Tensor) -> Tensor:
    return torch.where(y > 0, d, d * (y + 1))


def _hardsigmoid_backward(d: Tensor, y: Tensor) -> Tensor:
    return torch.where((y > 0) & (y < 1), d * _SIXTH, 0.0)


def _hardtanh_backward(d: Tensor, y: Tensor) -> Tensor:
    return torch.where((y > -1) & (y < 1), d, 0.0)


def _leaky_relu_backward(d: Tensor, y: Tensor) -> Tensor:
    return torch.where(y > 0, d, 0.01 * d)


def _softplus_backward(d: Tensor, y: Tensor) -> Tensor:
    return torch.where(y > _THRESHOLD, d, -torch.expm1(-y) * d)


def _silu_backward(d: Tensor, a: Tensor) -> Tensor:
    s = torch.sigmoid(a)
    return d * (s * (1 + a * (1 - s)))


def _gelu_backward(d: Tensor, a: Tensor) -> Tensor:
    below = 0.5 * (1 + torch.erf(a * math.sqrt(0.5)))
    density = torch.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)
    return d * (below + a * density)


def _softsign_backward(d: Tensor, a: Tensor) -> Tensor:
    return d / (1 + a.abs()).square()


def _normalize_backward(
    d: Tensor, y: Tensor, level: Tensor, along: Tensor, scale: Tensor
) -> Tensor:
    return (d - level - y * along) * scale


# The operations that only a gradient holds, with torch's own results, also at a kink and for NaN;
# where torch has two answers for NaN, as for elu and hardtanh, it is that of its vectors. The
# arguments of NAME_backward are the gradient d of the value y, and y itself or, where y does not
# tell enough, the argument a that y was made of.
BACKWARD: dict[str, Callable[..., Tensor]] = {
    "sign": torch.sign,
    "step": _step,
    "sigmoid_backward": _sigmoid_backward,
    "tanh_backward": _tanh_backward,
    "relu_backward": _relu_backward,
    "elu_backward": _elu_backward,
    "hardsigmoid_backward": _hardsigmoid_backward,
    "hardtanh_backward": _hardtanh_backward,
    "leaky_relu_backward": _leaky_relu_backward,
    "softplus_backward": _softplus_backward,
    "silu_backward": _silu_backward,
    "gelu_backward": _gelu_backward,
    "softsign_backward": _softsign_backward,
    "normalize_backward": _normalize_backward,
}


def _mul(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    left, right = y.args
    return make("mul", d, right), make("mul", d, left)


def _div(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    right = y.args[1]
    return make("div", d, right), make("neg", make("mul", d, make("div", y, right)))


def _pow(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    base, exponent = y.args
    return (
        make("mul", d, _pow_by_base(make, base, exponent)) if isinstance(base, Node) else 0.0,
        make("mul", d, _pow_by_exponent(make, y)) if isinstance(exponent, Node) else 0.0,
    )


def _pow_by_base(make: Make, base: Node, exponent: Value) -> Value:
    if not isinstance(exponent, Node):
        return make("mul", exponent, make("pow", base, exponent - 1))
    # one less, but for an exponent of 0: its gradient is 0, also where the base is 0 or NaN
    less = make("sub", exponent, make("abs", make("sign", exponent)))
    return make("mul", exponent, make("pow", base, less))


def _pow_by_exponent(make: Make, y: Node) -> Value:
    base = y.args[0]
    # of a base 0 the gradient is 0 from the exponent 0 on, where y is at most 1
    finite = make("step", make("sub", 2.0, y))
    if isinstance(base, Node):
        zero = make("sub", 1.0, make("abs", make("sign", base)))
        return make("mul", y, make("log", make("add", base, make("mul", zero, finite))))
    if base == 0:
        return make("mul", y, make("log", finite))
    return make("mul", y, math.log(base) if base > 0 else math.nan)


def _maximum(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    left, right = y.args
    return (
        make("mul", d, make("step", make("sub", left, right))),
        make("mul", d, make("step", make("sub", right, left))),
    )


def _minimum(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    left, right = _maximum(make, d, y)
    return right, left


def _abs(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    return (make("mul", d, make("sign", y.args[0])),)


def _sqrt(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    return (make("div", d, make("mul", 2.0, y)),)


def _square(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    return (make("mul", d, make("mul", 2.0, y.args[0])),)


def _sin(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    return (make("mul", d, make("cos", y.args[0])),)


def _cos(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    return (make("neg", make("mul", d, make("sin", y.args[0]))),)


def _of_value(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    return (make(f"{y.op}_backward", d, y),)


def _of_argument(make: Make, d: Node, y: Node) -> tuple[Value, ...]:
    return (make(f"{y.op}_backward", d, y.args[0]),)


def normalized(
    make: Make, group: tuple[Node, ...], values: tuple[Node, ...], gradients: tuple[Value, ...]
) -> list[Value]:
    """Give the chain rule of values that are normalized together.

    Args:
        make: makes a node.
        group: the values, of equal width, and with them their mean and scale.
        values: the normalized values.
        gradients: that of each normalized value.

    Returns:
        The gradient of each value.
    """
    scale = Node("scale", group)
    share = sum(isinstance(d, Node) for d in gradients) / len(group)
    parts = [(d, y) for d, y in zip(gradients, values, strict=True) if isinstance(d, Node)]
    level = make("mean", *(make("mul", share, d) for d, _ in parts))
    along = make("mean", *(make("mul", share, make("mul", d, y)) for d, y in parts))
    return [
        make("normalize_backward", d, y, level, along, scale)
        if isinstance(d, Node)
        # of a value that is not used itself, the others' mean and scale depend on it all the same
        else make("mul", make("neg", make("add", level, make("mul", y, along))), scale)
        for d, y in zip(gradients, values, strict=True)
    ]


RULES: dict[str, Rule] = {
    "add": lambda make, d, y: (d, d),
    "sub": lambda make, d, y: (d, make("neg", d)),
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "neg": lambda make, d, y: (make("neg", d),),
    "maximum": _maximum,
    "minimum": _minimum,
    "abs": _abs,
    "sqrt": _sqrt,
    "exp": lambda make, d, y: (make("mul", d, y),),
    "log": lambda make, d, y: (make("div", d, y.args[0]),),
    "square": _square,
    "sin": _sin,
    "cos": _cos,
    "sigmoid": _of_value,
    "tanh": _of_value,
    "relu": _of_value,
    "elu": _of_value,
    "hardsigmoid": _of_value,
    "hardtanh": _of_value,
    "leaky_relu": _of_value,
    "softplus": _of_value,
    "silu": _of_argument,
    "gelu": _of_argument,
    "softsign": _of_argument,
    "masked": lambda make, d, y: (make("masked", d, y.args[1]), 0.0),
}
