"""Rows of different lengths, each paid for its own steps only.

The rows are ordered by length, and time is cut where a row ends: between two cuts every row left
has every step, so a kernel never sees a row that is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from headgate.kernels.protocol import Kernel, Run
from headgate.program.graph import Program

Dense = Callable[[Tensor, tuple[Tensor, ...]], Run]


def over(  # noqa: PLR0913 - a run in time is the things that define it
    kernel: Kernel,
    program: Program,
    x: Tensor,
    weights: Mapping[str, Tensor],
    states: tuple[Tensor, ...],
    *,
    lengths: Tensor | None,
    reverse: bool,
    trace: bool,
    given: Mapping[str, Tensor],
) -> Run:
    """Run a kernel that knows neither lengths nor directions; see ``scan`` for the arguments.

    Args:
        kernel: the kernel.
        program: the cell.
        x: the input, [T, B, M].
        weights: the parameters by name.
        states: the state before the first step, each [B, N].
        lengths: the steps of each row, [B].
        reverse: run from each row's last step to its first.
        trace: whether to keep every named value.
        given: what the program reads beside its input.

    Returns:
        The run, in the order of time.
    """
    # what is given for each step is cut and turned as the input is, a mask as a state is
    masks = {name: value for name, value in given.items() if name.startswith("mask.")}
    steps = {name: value for name, value in given.items() if name not in masks}
    sizes = [x.shape[-1], *(value.shape[-1] for value in steps.values())]
    count, states = len(states), (*states, *masks.values())
    x = torch.cat([x, *steps.values()], -1) if steps else x

    def dense(piece: Tensor, before: tuple[Tensor, ...]) -> Run:
        own, *parts = piece.split(sizes, -1)
        held = dict(zip((*steps, *masks), (*parts, *before[count:]), strict=True))
        found = kernel(program, own, weights, before[:count], trace=trace, given=held)
        return Run(found.outputs, (*found.states, *before[count:]), found.trace)

    found = _turned(dense, x, states, lengths, reverse=reverse)
    return Run(found.outputs, found.states[:count], found.trace)


def _turned(
    dense: Dense,
    x: Tensor,
    states: tuple[Tensor, ...],
    lengths: Tensor | None,
    *,
    reverse: bool,
) -> Run:
    """Run over rows of any length in either direction."""
    x = flip(x, lengths) if reverse else x
    found = dense(x, states) if lengths is None else run(dense, x, states, lengths)
    if not reverse:
        return found
    traced = found.trace and {name: flip(v, lengths) for name, v in found.trace.items()}
    return Run(flip(found.outputs, lengths), found.states, traced)


def run(dense: Dense, x: Tensor, states: tuple[Tensor, ...], lengths: Tensor) -> Run:
    """Run a kernel over rows of different lengths.

    Args:
        dense: the kernel, from steps that every row has and a state to a run.
        x: the input, [T, B, M]; what stands past a row's end is never read.
        states: the state before the first step, each [B, N].
        lengths: the steps of each row, [B], in any order.

    Returns:
        The run: zeros past each row's end, and each row's state at its own end.
    """
    steps, rows = x.shape[:2]
    if not lengths.any():
        return _empty(dense(torch.zeros_like(x[:1]), states), states, steps)
    order = torch.argsort(lengths, descending=True, stable=True).to(x.device)
    states = tuple(state[order] for state in states)
    runs: list[Run] = []
    ended: list[tuple[Tensor, ...]] = []
    for piece, active in _pieces(x[:, order], lengths):
        ended.append(tuple(state[active:] for state in states))
        runs.append(dense(piece, tuple(state[:active] for state in states)))
        states = runs[-1].states
    ended.append(states)
    back = torch.argsort(order)
    last = tuple(torch.cat(parts[::-1])[back] for parts in zip(*ended, strict=True))

    def join(parts: list[Tensor]) -> Tensor:
        whole = torch.cat([functional.pad(p, (0, 0, 0, rows - p.shape[1])) for p in parts])
        return functional.pad(whole, (0, 0, 0, 0, 0, steps - whole.shape[0]))[:, back]

    traces = [run.trace or {} for run in runs]
    trace = {name: join([trace[name] for trace in traces]) for name in traces[0]}
    return Run(join([run.outputs for run in runs]), last, trace or None)


def _empty(run: Run, states: tuple[Tensor, ...], steps: int) -> Run:
    """A batch in which no row has a step: zeros, and the state as it was."""

    def zeros(value: Tensor) -> Tensor:
        return value.new_zeros(steps, *value.shape[1:])

    trace = run.trace and {name: zeros(value) for name, value in run.trace.items()}
    return Run(zeros(run.outputs), states, trace)


def _pieces(x: Tensor, lengths: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Cut time where rows end; x has the longest row first."""
    ends = sorted({length for length in lengths.tolist() if length > 0})
    starts = [0, *ends[:-1]]
    pieces = x[: ends[-1]].split([e - s for s, e in zip(starts, ends, strict=True)])
    for start, piece in zip(starts, pieces, strict=True):
        active = int((lengths > start).sum())
        yield piece[:, :active], active


def flip(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn each row round in time, within its own steps.

    Args:
        x: [T, B, N].
        lengths: the steps of each row, [B]; all T where None.

    Returns:
        The same shape; what stands past a row's end stays where it is.
    """
    if lengths is None:
        return x.flip(0)
    time = torch.arange(x.shape[0], device=x.device)[:, None]
    ends = lengths.to(x.device)
    places = torch.where(time < ends, ends - 1 - time, time)
    return x.gather(0, places[..., None].expand_as(x))
