"""Torch's sums, products and layers, as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from headgate.export import runs
from headgate.export.aten import Call, entry, positive
from headgate.program.parameters import names_of
from headgate.program.portable import from_text


@entry("linear.default")
def _linear(call: Call, x: str, weight: str, bias: str | None = None) -> str:
    found = call.add("MatMul", x, call.add("Transpose", weight, perm=[1, 0]))
    return found if bias is None else call.add("Add", found, bias)


@entry("matmul.default", "mm.default", "bmm.default", "mv.default", "dot.default")
def _matmul(call: Call, one: str, other: str) -> str:
    return call.add("MatMul", one, other)


@entry("addmm.default", "baddbmm.default")
def _addmm(call: Call, bias: str, one: str, other: str, beta: float = 1, alpha: float = 1) -> str:
    if (beta, alpha) != (1, 1):
        raise call.refuse("it is scaled")
    return call.add("Add", bias, call.add("MatMul", one, other))


@entry("embedding.default")
def _embedding(call: Call, table: str, ids: str, *rest: Any) -> str:
    return call.add("Gather", table, ids, axis=0)


@entry("softmax.int", "log_softmax.int")
def _softmax(call: Call, x: str, axis: int, *rest: Any) -> str:
    op = "LogSoftmax" if "log" in str(call.node.target) else "Softmax"
    return call.add(op, x, axis=positive(axis, call.meta().dim()))


@entry(
    "sum.dim_IntList", "sum.default", "mean.dim", "mean.default", "amax.default", "amin.default",
    "prod.dim_int", "logsumexp.default", "any.dim", "all.dim",
)  # fmt: skip
def _reduce(call: Call, x: str, axes: Any = None, keep: bool = False, **options: Any) -> str:
    name = str(call.node.target).split(".")[1]
    op, dtype = _REDUCTIONS[name]
    rank = call.meta().dim()
    axes = [axes] if isinstance(axes, int) else axes or list(range(rank))
    (x,) = call.operands((x,), dtype or call.dtype)
    rows = call.graph.ints(*(positive(axis, rank) for axis in axes))
    found = call.add(op, x, rows, keepdims=int(keep))
    return found if dtype is None else call.cast(found, call.dtype)


_REDUCTIONS: dict[str, tuple[str, torch.dtype | None]] = {
    "all": ("ReduceMin", torch.int32),
    "amax": ("ReduceMax", None),
    "amin": ("ReduceMin", None),
    "any": ("ReduceMax", torch.int32),
    "logsumexp": ("ReduceLogSumExp", None),
    "mean": ("ReduceMean", None),
    "prod": ("ReduceProd", None),
    "sum": ("ReduceSum", None),
}


@entry("argmax.default", "argmin.default")
def _arg(call: Call, x: str, axis: int | None = None, keep: bool = False) -> str:
    op = "ArgMax" if "argmax" in str(call.node.target) else "ArgMin"
    if axis is None:
        x, axis = call.add("Reshape", x, call.graph.ints(-1)), 0
    return call.add(op, x, axis=axis, keepdims=int(keep))


@entry("cumsum.default")
def _cumsum(call: Call, x: str, axis: int, **options: Any) -> str:
    (x,) = call.operands((x,), call.dtype)
    place = call.graph.weight(torch.tensor(positive(axis, call.meta().dim())))
    return call.add("CumSum", x, place)


@entry("layer_norm.default")
def _layer_norm(
    call: Call,
    x: str,
    shape: Sequence[int],
    weight: str | None = None,
    bias: str | None = None,
    epsilon: float = 1e-5,
    *rest: Any,
) -> str:
    if weight is None:
        weight = call.graph.weight(torch.ones(*shape, dtype=call.dtype))
    given = [x, weight, *([bias] if bias is not None else [])]
    return call.add("LayerNormalization", *given, axis=-len(shape), epsilon=epsilon)


@entry("conv1d.default", "conv2d.default", "conv3d.default", "convolution.default")
def _convolution(  # noqa: PLR0913 - torch's own arguments
    call: Call,
    x: str,
    weight: str,
    bias: str | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    *rest: Any,
) -> str:
    *transposed, groups = rest or (1,)  # the general one says first whether, and by how much more
    if transposed and transposed[0]:
        raise call.refuse("a transposed convolution")
    return call.add(
        "Conv",
        *[x, weight, *([bias] if bias is not None else [])],
        strides=_each(call, stride),
        pads=_each(call, padding) * 2,
        dilations=_each(call, dilation),
        group=groups,
    )


def _each(call: Call, values: Sequence[int]) -> list[int]:
    """One number for each axis of places."""
    axes = call.meta().dim() - 2
    return list(values) * axes if len(values) == 1 else list(values)


@entry("max_pool1d.default", "max_pool2d.default")
def _max_pool(  # noqa: PLR0913 - torch's own arguments
    call: Call,
    x: str,
    size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil: bool = False,
) -> Any:
    return call.add(
        "MaxPool",
        x,
        kernel_shape=_each(call, size),
        strides=_each(call, stride or size),
        pads=_each(call, padding) * 2,
        dilations=_each(call, dilation),
        ceil_mode=int(ceil),
    )


@entry("adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default")
def _adaptive_mean(call: Call, x: str, sizes: Sequence[int]) -> str:
    """Each axis as a product with a matrix of shares, since ONNX has no pool of other fields."""
    lengths = call.meta().shape[-len(sizes) :]
    if not all(isinstance(each, int) for each in (*sizes, *lengths)):
        raise call.refuse("an adaptive pool over an axis whose length varies")
    *before, last = (_shares(have, want) for have, want in zip(lengths, sizes, strict=True))
    found = call.add("MatMul", x, call.graph.weight(last))
    return call.add("MatMul", call.graph.weight(before[0].T), found) if before else found


def _shares(have: int, want: int) -> torch.Tensor:
    """What each of the old places gives to each new one, [have, want]."""
    found = torch.zeros(have, want)
    for place in range(want):
        begin, end = place * have // want, -(-(place + 1) * have // want)
        found[begin:end, place] = 1 / (end - begin)
    return found


@entry("headgate.scan.default")
def _scan(  # noqa: PLR0913 - the operator's own arguments
    call: Call,
    text: str,
    x: str,
    states: Sequence[str],
    weights: Sequence[str],
    given: Sequence[str],
    lengths: str | None,
    reverse: bool,
    trace: bool,
    *rest: Any,
) -> tuple[str, ...]:
    if trace:
        raise call.refuse("a trace of the gates; export the layers without trace=True")
    program = from_text(text)
    nodes: Any = call.node.args
    known = [call.weights[weight.name] for weight in nodes[3] if weight.name in call.weights]
    if len(known) < len(nodes[3]):
        raise call.refuse("its weights are computed of what goes in")
    steps = nodes[1].meta["val"].shape[0]
    over = runs.Over(x, tuple(states), lengths, steps if isinstance(steps, int) else None, reverse)
    named = dict(zip(names_of(program), known, strict=True))
    return runs.write(call.graph, program, named, over)
