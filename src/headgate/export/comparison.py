"""Exported graphs beside the networks that they are of, at sizes they were not exported with."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headgate.errors import MissingExtraError
from headgate.export.parts import Part
from headgate.export.stream import NEXT
from headgate.kernels.links import Lookup, features_of
from headgate.streaming import Stream
from headgate.streaming.parts import links_of

TOLERANCE = 1e-5
"""How far a value may lie from the network's, or where that is over 1 how large a part of it."""
SIZES = ((1, 1), (2, 9), (5, 2), (1, 33))
"""B, and the length of every other axis that varies; graphs are exported with other ones."""
STEPS, ROWS = 24, 4
"""Steps and rows of a stream that are compared."""


@dataclass(frozen=True)
class Compared:
    """One run of a graph beside its network.

    Args:
        graph: its name.
        sizes: the lengths of the axes.
        difference: the largest difference of any value.
        where: the output that has it.
    """

    graph: str
    sizes: Mapping[str, int]
    difference: float
    where: str


def session(path: Path) -> Any:
    """Open a graph in ONNX Runtime on the CPU.

    Args:
        path: its file.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "onnx") from error
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def compare(part: Part, opened: Any) -> Iterator[Compared]:
    """Run a graph and its network on the same inputs.

    Args:
        part: the network with its inputs.
        opened: the session of its graph.

    Yields:
        The difference at each of ``SIZES``.
    """
    for seed, (rows, length) in enumerate(SIZES):
        sizes = part.fitting({axis: rows if axis == "B" else length for axis in part.axes})
        inputs = part.sample(sizes, seed)
        taken = {each.name for each in opened.get_inputs()}
        given = {name: value.numpy() for name, value in inputs.items() if name in taken}
        found = opened.run(list(part.outputs), given)
        yield _farthest(part.name, sizes, part.run(inputs), found)


def compare_steps(chain: Sequence[nn.Module], opened: Any, initial: Mapping[str, Any]) -> Compared:
    """Run the graph of a step beside a stream of several rows.

    Args:
        chain: what each step goes through.
        opened: the session of its graph.
        initial: each state before the first step, by name.

    Returns:
        The largest difference of any step.
    """
    first, stream = links_of(chain)[0], Stream(*chain, rows=ROWS)
    generator, worst = torch.Generator().manual_seed(0), Compared("step", {}, 0.0, "y")
    states = {name: _rows(value) for name, value in initial.items()}
    names = ["y", *(f"{name}{NEXT}" for name in states)]
    for _ in range(STEPS):
        if isinstance(first, Lookup):
            x = torch.randint(0, len(first.table), (ROWS,), generator=generator)
        else:
            x = torch.randn(ROWS, features_of(first) or 1, generator=generator)
        found = opened.run(names, {"x": x.numpy(), **states})
        states = dict(zip(states, found[1:], strict=True))
        here = _farthest("step", {"B": ROWS, "T": STEPS}, {"y": stream.step(x)}, found[:1])
        worst = max(worst, here, key=lambda each: each.difference)
    return worst


def _rows(state: Any) -> Any:
    return torch.as_tensor(state).detach().expand(ROWS, -1).numpy()


def _farthest(
    graph: str, sizes: Mapping[str, int], wanted: Mapping[str, Tensor], found: list[Any]
) -> Compared:
    differences = {
        name: difference(value, torch.from_numpy(got))
        for (name, value), got in zip(wanted.items(), found, strict=True)
    }
    where = max(differences, key=lambda name: differences[name])
    return Compared(graph, dict(sizes), differences[where], where)


def difference(wanted: Tensor, found: Tensor) -> float:
    """Measure how far two results lie apart.

    Args:
        wanted: a result.
        found: another.

    Returns:
        The largest difference of two values, as a part of the wanted one where that is over 1;
        infinite where the shapes differ, or a value is not finite in one of them alone.
    """
    if wanted.shape != found.shape:
        return float("inf")
    if not wanted.numel():
        return 0.0
    one, other = wanted.double(), found.double()
    same = (one == other) | (one.isnan() & other.isnan())
    apart = ((one - other).abs() / one.abs().clamp(min=1)).masked_fill(same, 0.0)
    return float(apart.nan_to_num(nan=float("inf"), posinf=float("inf")).max())
