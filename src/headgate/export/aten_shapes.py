"""Torch's operations on axes and places, as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headgate.export.aten import Call, entry, positive

_END = 2**62


@entry("sym_size.int")
def _length(call: Call, x: str, axis: int) -> str:
    axis = positive(axis, call.meta().dim())
    length = call.add("Shape", x, start=axis, end=axis + 1)
    return call.add("Squeeze", length, call.graph.ints(0))


@entry("view.default", "_unsafe_view.default")
def _view(call: Call, x: str, sizes: Sequence[Any], *rest: Any) -> str:
    return call.add("Reshape", x, call.shape(sizes), allowzero=1 if 0 in sizes else None)


@entry("expand.default")
def _expand(call: Call, x: str, sizes: Sequence[Any], **options: Any) -> str:
    return call.add("Expand", x, call.shape([1 if size == -1 else size for size in sizes]))


@entry("repeat.default")
def _repeat(call: Call, x: str, counts: Sequence[Any]) -> str:
    missing = len(counts) - call.meta().dim()
    if missing:
        x = call.add("Unsqueeze", x, call.graph.ints(*range(missing)))
    return call.add("Tile", x, call.shape(counts))


@entry("permute.default")
def _permute(call: Call, x: str, axes: Sequence[int]) -> str:
    rank = call.meta().dim()
    return call.add("Transpose", x, perm=[positive(axis, rank) for axis in axes])


@entry("t.default")
def _turn(call: Call, x: str) -> str:
    return call.add("Transpose", x, perm=list(reversed(range(call.meta().dim()))))


@entry("transpose.int")
def _transpose(call: Call, x: str, one: int, other: int) -> str:
    rank = call.meta().dim()
    order = list(range(rank))
    one, other = positive(one, rank), positive(other, rank)
    order[one], order[other] = other, one
    return call.add("Transpose", x, perm=order)


@entry("unsqueeze.default")
def _unsqueeze(call: Call, x: str, axis: int) -> str:
    return call.add("Unsqueeze", x, call.graph.ints(positive(axis, call.result.dim())))


@entry("squeeze.dim", "squeeze.dims")
def _squeeze(call: Call, x: str, axes: Any) -> str:
    given = call.meta()
    axes = [positive(a, given.dim()) for a in ([axes] if isinstance(axes, int) else axes)]
    ones = [axis for axis in axes if given.shape[axis] == 1]
    return call.add("Squeeze", x, call.graph.ints(*ones)) if ones else x


@entry("cat.default")
def _cat(call: Call, parts: Sequence[str], axis: int = 0) -> str:
    tensors: Any = call.node.args[0]
    whole = [
        part if each.meta["val"].dtype == call.dtype else call.cast(part, call.dtype)
        for part, each in zip(parts, tensors, strict=True)
    ]
    return call.add("Concat", *whole, axis=positive(axis, call.result.dim()))


@entry("stack.default")
def _stack(call: Call, parts: Sequence[str], axis: int = 0) -> str:
    place = positive(axis, call.result.dim())
    raised = [call.add("Unsqueeze", part, call.graph.ints(place)) for part in parts]
    return call.add("Concat", *raised, axis=place)


@entry("split_with_sizes.default", "split.Tensor")
def _split(call: Call, x: str, sizes: Any, axis: int = 0) -> tuple[str, ...]:
    axis = positive(axis, call.meta().dim())
    lengths = [part.shape[axis] for part in call.result]
    if not all(isinstance(length, int) for length in lengths):
        raise call.refuse("the lengths of the parts vary")
    hints = ["part"] * len(lengths)
    return call.graph.several("Split", (x, call.graph.ints(*lengths)), hints, axis=axis)


@entry("unbind.int")
def _unbind(call: Call, x: str, axis: int = 0) -> tuple[str, ...]:
    axis = positive(axis, call.meta().dim())
    return tuple(
        call.add("Gather", x, call.graph.weight(np.array(place)), axis=axis)
        for place in range(len(call.result))
    )


@entry("slice.Tensor")
def _slice(
    call: Call, x: str, axis: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> str:
    start, end = 0 if start is None else start, _END if end is None else end
    if (start, step) == (0, 1) and isinstance(end, int) and end >= _END // 2:
        return x
    if isinstance(end, int):
        end = min(end, _END)
    axis = positive(axis, call.meta().dim())
    return call.add(
        "Slice", x, call.row(start), call.row(end), call.graph.ints(axis), call.graph.ints(step)
    )


@entry("select.int")
def _select(call: Call, x: str, axis: int, place: Any) -> str:
    return call.add("Gather", x, call.length(place), axis=positive(axis, call.meta().dim()))


@entry("flip.default")
def _flip(call: Call, x: str, axes: Sequence[int]) -> str:
    axes = [positive(axis, call.meta().dim()) for axis in axes]
    many = len(axes)
    ends = call.graph.ints(*[-_END] * many), call.graph.ints(*axes), call.graph.ints(*[-1] * many)
    return call.add("Slice", x, call.graph.ints(*[-1] * many), *ends)


@entry("index.Tensor")
def _index(call: Call, x: str, places: Sequence[str | None]) -> str:
    at = [axis for axis, place in enumerate(places) if place is not None]
    if at != list(range(len(at))):
        if len(at) != 1:
            raise call.refuse("several axes are indexed that are not the first ones")
        return call.add("Gather", x, str(places[at[0]]), axis=at[0])
    given: Any = call.node.args[1]
    metas = [given[axis].meta["val"] for axis in at]
    if any(meta.dtype == torch.bool for meta in metas):
        raise call.refuse("a mask chooses elements, whose number is not known")
    if len(at) == 1:
        return call.add("Gather", x, str(places[0]), axis=0)
    if len({str(tuple(meta.shape)) for meta in metas}) > 1:
        raise call.refuse("indices of several shapes stand side by side")
    raised = [call.add("Unsqueeze", str(places[axis]), call.graph.ints(-1)) for axis in at]
    return call.add("GatherND", x, call.add("Concat", *raised, axis=-1))


@entry("index_select.default")
def _index_select(call: Call, x: str, axis: int, places: str) -> str:
    return call.add("Gather", x, places, axis=positive(axis, call.meta().dim()))


@entry("gather.default")
def _gather(call: Call, x: str, axis: int, places: str, **options: Any) -> str:
    return call.add("GatherElements", x, places, axis=positive(axis, call.meta().dim()))


@entry("pad.default")
def _pad(call: Call, x: str, pads: Sequence[Any], *rest: Any) -> str:
    value = next((each for each in rest if not isinstance(each, str) and each is not None), 0)
    if rest and isinstance(rest[0], str) and rest[0] != "constant":
        raise call.refuse(f"padding of the kind {rest[0]!r}")
    rank = call.meta().dim()
    low, high = [0] * rank, [0] * rank
    for place in range(len(pads) // 2):
        low[rank - 1 - place], high[rank - 1 - place] = pads[2 * place : 2 * place + 2]
    return call.add("Pad", x, call.shape([*low, *high]), call.graph.scalar(value, call.dtype))


@entry("new_zeros.default", "zeros.default")
def _zeros(call: Call, *given: Any, **options: Any) -> str:
    return _filled(call, given[-1], 0)


@entry("new_ones.default", "ones.default")
def _ones(call: Call, *given: Any, **options: Any) -> str:
    return _filled(call, given[-1], 1)


@entry("new_full.default", "full.default")
def _full(call: Call, *given: Any, **options: Any) -> str:
    return _filled(call, given[-2], given[-1])


def _filled(call: Call, sizes: Sequence[Any], value: Any) -> str:
    fill = call.graph.scalar(value, call.dtype)
    return call.add("Expand", fill, call.shape(sizes)) if len(sizes) else fill


@entry("zeros_like.default", "ones_like.default", "full_like.default")
def _like(call: Call, x: str, value: Any = None, **options: Any) -> str:
    fill = 1 if "ones" in str(call.node.target) else value or 0
    return call.add("Expand", call.graph.scalar(fill, call.dtype), call.add("Shape", x))


@entry("arange.default", "arange.start", "arange.start_step")
def _arange(call: Call, *given: Any, **options: Any) -> str:
    start, end, step = (0, *given, 1) if len(given) == 1 else (*given, 1)[:3]
    whole = call.add("Range", call.length(start), call.length(end), call.length(step))
    return whole if call.dtype == torch.int64 else call.cast(whole, call.dtype)
