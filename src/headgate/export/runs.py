"""A run over time as nodes of ONNX: its own operator, a ``Scan``, or a single step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from headgate.export import operators
from headgate.export.graph import Graph, Value, number_of
from headgate.export.step import Step
from headgate.program.graph import Program


@dataclass(frozen=True)
class Over:
    """What a run goes over.

    Args:
        x: the input, [T, B, M].
        states: the states before the first step, each [B, N].
        lengths: the steps of each row, [B] of int64; all where None.
        steps: T, where it is known.
        reverse: from each row's last step to its first.
    """

    x: str
    states: tuple[str, ...]
    lengths: str | None = None
    steps: int | None = None
    reverse: bool = False


def write(
    graph: Graph, program: Program, weights: Mapping[str, Tensor], over: Over
) -> tuple[str, ...]:
    """Write a run over time.

    Args:
        graph: where the nodes go.
        program: the cell.
        weights: the parameters by name.
        over: what it goes over.

    Returns:
        The name of the outputs, [T, B, N], zero past each row's end, and of each state after the
        last step, [B, N].
    """
    operator = operators.find(program, weights) if weights else None
    if operator is not None:
        return _operator(graph, operator, over)
    step = Step(program, weights)
    if over.steps == 1 and over.lengths is None:
        return _single(graph, step, over)
    return _scan(graph, step, over)


def _operator(graph: Graph, operator: operators.Operator, over: Over) -> tuple[str, ...]:
    names = {key: graph.weight(value, key) for key, value in operator.weights.items()}
    lengths = "" if over.lengths is None else _int32(graph, over.lengths)
    axis = graph.ints(0)
    before = [graph.add("Unsqueeze", state, axis, hint="before") for state in over.states]
    given = [over.x, names["W"], names["R"], names.get("B", ""), lengths, *before]
    given += [names["P"]] if "P" in names else []
    while not given[-1]:
        given.pop()
    wanted = ["outputs", *("last" for _ in over.states)]
    outputs, *last = graph.several(
        operator.name,
        given,
        wanted,
        hidden_size=operator.weights["R"].shape[2],
        direction="reverse" if over.reverse else "forward",
        **operator.attributes,
    )
    squeezed = graph.add("Squeeze", outputs, graph.ints(1))
    return squeezed, *(graph.add("Squeeze", each, axis) for each in last)


def _int32(graph: Graph, lengths: str) -> str:
    return graph.add("Cast", lengths, to=number_of(torch.int32))


def _single(graph: Graph, step: Step, over: Over) -> tuple[str, ...]:
    axis = graph.ints(0)
    inputs = step.project(graph, graph.add("Squeeze", over.x, axis))
    last = step.write(graph, inputs, over.states)
    return graph.add("Unsqueeze", last[0], axis), *last


def _scan(graph: Graph, step: Step, over: Over) -> tuple[str, ...]:
    """Write a Scan: what every step reads of the input is multiplied before it."""
    projected = step.project(graph, over.x)
    blocks = tuple(projected)
    valid = () if over.lengths is None else (_valid(graph, over.x, over.lengths),)
    inner = Graph(graph)

    def value(hint: str, dtype: torch.dtype) -> Value:
        return Value(inner.name(hint), dtype, (None, None))

    before = [value(state, step.dtype) for state in step.program.states]
    pieces = [value(block, step.dtype) for block in blocks]
    masks = [value("valid", torch.bool) for _ in valid]
    named = dict(zip(blocks, (each.name for each in pieces), strict=True))
    old = tuple(each.name for each in before)
    new = step.write(inner, named, old)
    shown = new[0]
    for mask in masks:
        shown = inner.add("Where", mask.name, shown, inner.scalar(0.0, step.dtype))
        new = tuple(inner.add("Where", mask.name, *pair) for pair in zip(new, old, strict=True))
    # a body's results are values of their own, each named once
    ends = [inner.add("Identity", name, hint="end") for name in (*new, shown)]
    outputs = [Value(name, step.dtype, (None, None)) for name in ends]
    scanned = [*projected.values(), *valid]
    found = graph.several(
        "Scan",
        [*over.states, *scanned],
        [*("last" for _ in over.states), "outputs"],
        body=inner.body("step", [*before, *pieces, *masks], outputs),
        num_scan_inputs=len(scanned),
        scan_input_directions=[int(over.reverse)] * len(scanned),
        scan_output_directions=[int(over.reverse)],
    )
    return found[-1], *found[:-1]


def _valid(graph: Graph, x: str, lengths: str) -> str:
    """Where a row has a step, [T, B, 1]."""
    zero, one = graph.weight(torch.tensor(0)), graph.weight(torch.tensor(1))
    steps = graph.add("Squeeze", graph.add("Shape", x, start=0, end=1), graph.ints(0))
    time = graph.add("Unsqueeze", graph.add("Range", zero, steps, one), graph.ints(1))
    return graph.add("Unsqueeze", graph.add("Less", time, lengths), graph.ints(2))
