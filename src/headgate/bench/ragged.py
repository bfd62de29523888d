"""Rows of different lengths: what a valid step costs, and what a packed sequence takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from headgate.bench.columns import Column, fixed
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import Problem, disagreement, problem, training
from headgate.bench.section import CELL, SHAPE, UNSTEADY, Section, identity, over
from headgate.bench.sizes import Sizes
from headgate.bench.timing import Contestant, interleave, ratio, unsteady

CELLS = ("lstm", "gru", "rnn")


def draw_lengths(sizes: Sizes) -> Tensor:
    """Draw lengths uniformly from a quarter of the steps to all of them.

    Args:
        sizes: the row.

    Returns:
        Lengths, [B]; the same ones at every call.
    """
    drawn = torch.Generator().manual_seed(0)
    least = max(1, sizes.steps // 4)
    return torch.randint(least, sizes.steps + 1, (sizes.rows,), generator=drawn)


def packed(layer: nn.RNNBase, x: Tensor, lengths: Tensor, gradient: Tensor) -> Callable[[], object]:
    """Make a step of training on a packed sequence; packing is part of it, unpacking is not.

    Args:
        layer: torch.nn's layer.
        x: the input, [T, B, M], which wants a gradient.
        lengths: the steps of each row, [B].
        gradient: what backward starts from, [Σ lengths, N].

    Returns:
        The call; it gives the gradients.
    """
    wanted = [x, *layer.parameters()]

    def call() -> object:
        sequence = pack_padded_sequence(x, lengths, enforce_sorted=False)
        return torch.autograd.grad(layer(sequence)[0].data, wanted, gradient)

    return call


def measure(plan: Plan, rows: Sequence[Sizes]) -> Iterator[Record]:
    """Measure training on one thread: ours ragged, ours with every row full, torch.nn packed.

    Args:
        plan: what is asked for.
        rows: the rows.

    Yields:
        A record for each cell and row.
    """
    for cell in plan.wanted(CELLS):
        for sizes in rows:
            given, lengths = problem(cell, sizes), draw_lengths(sizes)
            ours = training(given.ours, given.x, given.gradient, lengths=lengths)
            record = identity(cell, sizes) | {"lengths": lengths.tolist()}
            skipped = over(plan.limit, ours) or _disagreement(given, lengths)
            yield record | (
                {"skipped": skipped} if skipped else _measured(plan, given, lengths, ours)
            )


def _measured(plan: Plan, given: Problem, lengths: Tensor, ours: Callable[[], object]) -> Record:
    steps, full = int(lengths.sum()), given.sizes.steps * given.sizes.rows
    gradient = given.gradient.flatten(0, 1)[:steps]
    contestants = [
        Contestant("torch", packed(given.theirs, given.x, lengths, gradient)),
        Contestant("ours", ours),
        Contestant("full", training(given.ours, given.x, given.gradient)),
    ]
    times = interleave(contestants, plan.budget)
    medians = {name: times[f"{name}@1"].median for name in ("torch", "ours", "full")}
    per_step = {"ours_ns": 1e9 * medians["ours"] / steps, "full_ns": 1e9 * medians["full"] / full}
    return {
        "threads": 1,
        "valid_share": steps / full,
        **per_step,
        "relative": ratio(per_step["ours_ns"], per_step["full_ns"]),
        "torch_ns": 1e9 * medians["torch"] / steps,
        "torch_ratio": ratio(medians["torch"], medians["ours"]),
        "unsteady": unsteady(times.values()),
        "times": {key: taken.to_dict() for key, taken in times.items()},
    }


def _disagreement(given: Problem, lengths: Tensor) -> str | None:
    with torch.no_grad():
        sequence = pack_padded_sequence(given.x, lengths, enforce_sorted=False)
        wanted = pad_packed_sequence(given.theirs(sequence)[0], total_length=given.sizes.steps)[0]
        return disagreement(given.ours(given.x, lengths=lengths)[0], wanted)


RAGGED = Section(
    title="ragged: training on one thread, lengths uniform from T/4 to T",
    explained=(
        "ours, torch: ns for a valid step of one row, torch.nn on a packed sequence",
        "full: ns for a step of ours where every row has T steps; ours/full: 1 is no loss",
        "×torch: time of torch.nn / time of ours, above 1 ours is faster",
    ),
    columns=(
        CELL,
        SHAPE,
        Column("ours_ns", "ours", 8, fixed(0)),
        Column("full_ns", "full", 8, fixed(0)),
        Column("relative", "ours/full", 9, fixed(2)),
        Column("torch_ns", "torch", 8, fixed(0)),
        Column("torch_ratio", "×torch", 7, fixed(2)),
        UNSTEADY,
    ),
    measure=measure,
)
