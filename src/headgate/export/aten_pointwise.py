"""Torch's operations on each element, as ONNX."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from headgate.export.aten import Call, entry
from headgate.export.pointwise import Pointwise

_SAME = {  # of one or two values, in the dtype of the result
    "Abs": ("abs.default",),
    "Ceil": ("ceil.default",),
    "Cos": ("cos.default",),
    "Div": ("div.Tensor",),
    "Erf": ("erf.default",),
    "Exp": ("exp.default",),
    "Floor": ("floor.default",),
    "Log": ("log.default",),
    "Max": ("maximum.default",),
    "Min": ("minimum.default",),
    "Mul": ("mul.Tensor",),
    "Neg": ("neg.default",),
    "Pow": ("pow.Tensor_Tensor", "pow.Tensor_Scalar"),
    "Reciprocal": ("reciprocal.default",),
    "Relu": ("relu.default",),
    "Sigmoid": ("sigmoid.default",),
    "Sign": ("sign.default",),
    "Sin": ("sin.default",),
    "Sqrt": ("sqrt.default",),
    "Tanh": ("tanh.default",),
}
_COMPARE = {
    "Equal": ("eq.Tensor", "eq.Scalar"),
    "Greater": ("gt.Tensor", "gt.Scalar"),
    "GreaterOrEqual": ("ge.Tensor", "ge.Scalar"),
    "Less": ("lt.Tensor", "lt.Scalar"),
    "LessOrEqual": ("le.Tensor", "le.Scalar"),
}
_LOGIC = {
    "And": ("logical_and.default", "bitwise_and.Tensor", "__and__.Tensor"),
    "Not": ("logical_not.default", "bitwise_not.default"),
    "Or": ("logical_or.default", "bitwise_or.Tensor", "__or__.Tensor"),
    "Xor": ("logical_xor.default", "bitwise_xor.Tensor", "__xor__.Tensor"),
}


def _same(op: str, call: Call, *values: Any) -> str:
    return call.add(op, *call.operands(values, call.dtype))


def _compare(op: str, call: Call, one: Any, other: Any) -> str:
    given = call.node.args[1]
    dtype = torch.result_type(call.meta(), getattr(given, "meta", {}).get("val", other))
    return call.add(op, *call.operands((one, other), dtype))


def _logic(op: str, call: Call, *values: Any) -> str:
    return call.add(op, *call.operands(values, torch.bool))


for _form, _names in ((_same, _SAME), (_compare, _COMPARE), (_logic, _LOGIC)):
    for _op, _targets in _names.items():
        entry(*_targets)(partial(_form, _op))


@entry("add.Tensor")
def _add(call: Call, one: Any, other: Any, alpha: float = 1) -> str:
    return _weighted("Add", call, one, other, alpha)


@entry("sub.Tensor")
def _sub(call: Call, one: Any, other: Any, alpha: float = 1) -> str:
    return _weighted("Sub", call, one, other, alpha)


@entry("rsub.Scalar")
def _rsub(call: Call, one: Any, other: Any, alpha: float = 1) -> str:
    if alpha != 1:
        raise call.refuse("alpha is not 1")
    return call.add("Sub", *reversed(call.operands((one, other), call.dtype)))


def _weighted(op: str, call: Call, one: Any, other: Any, alpha: float) -> str:
    first, second = call.operands((one, other), call.dtype)
    if alpha != 1:
        second = call.add("Mul", second, call.graph.scalar(alpha, call.dtype))
    return call.add(op, first, second)


@entry("ne.Tensor", "ne.Scalar")
def _different(call: Call, one: Any, other: Any) -> str:
    return call.add("Not", _compare("Equal", call, one, other))


@entry("rsqrt.default")
def _rsqrt(call: Call, x: str) -> str:
    return call.add("Reciprocal", call.add("Sqrt", *call.operands((x,), call.dtype)))


@entry("gelu.default")
def _gelu(call: Call, x: str, approximate: str = "none") -> str:
    if approximate != "none":
        raise call.refuse("of gelu the exact form is known, not the approximate one")
    return Pointwise(call.graph, call.dtype)("gelu", x)


@entry("elu.default")
def _elu(call: Call, x: str, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> str:
    if input_scale != 1:
        raise call.refuse("elu scales what it reads")
    found = call.add("Elu", x, alpha=float(alpha))
    return found if scale == 1 else call.add("Mul", found, call.graph.scalar(scale, call.dtype))


@entry("leaky_relu.default")
def _leaky_relu(call: Call, x: str, slope: float = 0.01) -> str:
    return call.add("LeakyRelu", x, alpha=float(slope))


@entry("hardtanh.default")
def _hardtanh(call: Call, x: str, low: float = -1, high: float = 1) -> str:
    return _clamp(call, x, low, high)


@entry("softplus.default")
def _softplus(call: Call, x: str, beta: float = 1, threshold: float = 20) -> str:
    if beta != 1:
        raise call.refuse("softplus has a beta")
    return Pointwise(call.graph, call.dtype)("softplus", x)


@entry("silu.default", "hardsigmoid.default", "square.default")
def _named(call: Call, x: str) -> str:
    name = str(call.node.target).split(".")[1]
    return Pointwise(call.graph, call.dtype)(name, x)


@entry("log1p.default")
def _log1p(call: Call, x: str) -> str:
    return call.add("Log", call.add("Add", x, call.graph.scalar(1.0, call.dtype)))


@entry("clamp.default", "clamp.Tensor", "clamp_min.default", "clamp_min.Tensor")
def _clamp(call: Call, x: str, low: Any = None, high: Any = None) -> str:
    for op, bound, place in (("Max", low, 1), ("Min", high, 2)):
        if bound is not None:
            number = bound if isinstance(bound, str) else call.graph.scalar(bound, call.dtype)
            if isinstance(bound, str) and call.meta(place).dtype != call.dtype:
                number = call.cast(bound, call.dtype)
            x = call.add(op, x, number)
    return x


@entry("clamp_max.default")
def _clamp_max(call: Call, x: str, high: Any) -> str:
    return _clamp(call, x, None, high)


@entry("where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar")
def _where(call: Call, condition: str, one: Any, other: Any) -> str:
    _, first, second = call.operands((condition, one, other), call.dtype)
    return call.add("Where", condition, first, second)


@entry("masked_fill.Scalar", "masked_fill.Tensor")
def _masked_fill(call: Call, x: str, mask: str, value: Any) -> str:
    fill = value if isinstance(value, str) else call.graph.scalar(value, call.dtype)
    return call.add("Where", mask, fill, x)


@entry("_to_copy.default", "type_as.default")
def _cast(call: Call, x: str, *rest: Any, **options: Any) -> str:
    return x if call.meta().dtype == call.dtype else call.cast(x, call.dtype)


@entry("alias.default", "clone.default", "detach.default")
def _itself(call: Call, x: str, *rest: Any, **options: Any) -> str:
    return x


@entry("_assert_tensor_metadata.default")
def _nothing(call: Call, *rest: Any, **options: Any) -> None:
    """Tell the compiler something; compute nothing."""
