"""A chain that is kept running, as an ONNX graph of one step with its states in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headgate.export import runs
from headgate.export.graph import Graph, Value, check_numbers
from headgate.kernels.links import Cell, Link, Lookup, Projection, features_of, tensors_of, width_of

NEXT = "_next"


@dataclass(frozen=True)
class StepGraph:
    """A graph of one step.

    Args:
        model: an ``onnx.ModelProto`` from "x", ids [B] or features [B, M], and the states, each
            [B, N], to "y", [B, V], and the states after the step, whose names end in ``NEXT``.
        initial: each state before the first step, by name, [N].
    """

    model: Any
    initial: dict[str, Tensor]


def stream_to_onnx(links: Sequence[Link]) -> StepGraph:
    """Write the step of a chain.

    Args:
        links: the chain, as ``streaming.parts.links_of`` reads it.

    Returns:
        The graph.

    Raises:
        CellError: a cell has no form in ONNX, or the weights are not of float32.
    """
    check_numbers(tensor for link in links for tensor in tensors_of(link).values())
    graph = Graph()
    first = links[0]
    ids = isinstance(first, Lookup)
    x = Value(graph.name("x"), torch.int64 if ids else torch.float32, _axes(first))
    current, initial, after = x.name, dict[str, Tensor](), dict[str, str]()
    for number, link in enumerate(links):
        if isinstance(link, Lookup):
            current = graph.add("Gather", _held(graph, link.table, "table"), current, axis=0)
        elif isinstance(link, Projection):
            current = _projected(graph, link, current)
        else:
            names = [graph.name(f"{state}_{number}") for state in link.program.states]
            initial |= dict(zip(names, link.initial, strict=True))
            current, last = _stepped(graph, link, current, names)
            after |= dict(zip(names, last, strict=True))
    states = [Value(name, torch.float32, ("B", len(value))) for name, value in initial.items()]
    ends = {"y": current} | {f"{name}{NEXT}": value for name, value in after.items()}
    widths = [width_of(links[-1]), *(len(value) for value in initial.values())]
    results = []
    for (name, source), width in zip(ends.items(), widths, strict=True):
        graph.several("Identity", (source,), (name,))
        results.append(Value(name, torch.float32, ("B", width)))
    made = graph.model([x, *states], results, name="step")
    return StepGraph(made, {name: value.detach().clone() for name, value in initial.items()})


def _axes(first: Link) -> tuple[int | str, ...]:
    return ("B",) if isinstance(first, Lookup) else ("B", features_of(first) or 1)


def _held(graph: Graph, value: Tensor, hint: str) -> str:
    return graph.weight(np.ascontiguousarray(value.detach().cpu().numpy()), hint)


def _projected(graph: Graph, link: Projection, x: str) -> str:
    found = graph.add("MatMul", x, _held(graph, link.weight.T, "weight"))
    return found if link.bias is None else graph.add("Add", found, _held(graph, link.bias, "bias"))


def _stepped(
    graph: Graph, cell: Cell, x: str, states: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """Write a cell's step: what goes on, and its states after it."""
    weights = {name: value.detach().cpu() for name, value in cell.weights.items()}
    step = graph.add("Unsqueeze", x, graph.ints(0))
    over = runs.Over(step, tuple(states), steps=1)
    _, *last = runs.write(graph, cell.program, weights, over)
    shown = last[: cell.outputs]
    found = shown[0] if len(shown) == 1 else graph.add("Concat", *shown, axis=-1)
    return graph.add("Add", found, x) if cell.residual else found, tuple(last)
