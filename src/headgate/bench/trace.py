"""What a trace costs in training, and the memory that a forward pass keeps for backward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headgate.bench.columns import Column, fixed, mebibytes
from headgate.bench.memory import kept_bytes
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import Problem, problem, training
from headgate.bench.section import CELL, OURS, SHAPE, UNSTEADY, Section, identity, over
from headgate.bench.sizes import Sizes
from headgate.bench.timing import Contestant, interleave, ratio, unsteady

CELLS = ("lstm", "gru", "rnn")


def measure(plan: Plan, rows: Sequence[Sizes]) -> Iterator[Record]:
    """Measure training on one thread with a trace and without, and the memory of each.

    Args:
        plan: what is asked for.
        rows: the rows.

    Yields:
        A record for each cell and row.
    """
    for cell in plan.wanted(CELLS):
        for sizes in rows:
            given = problem(cell, sizes)
            traced = training(given.ours, given.x, given.gradient, trace=True)
            skipped = over(plan.limit, traced)
            if skipped:
                yield {**identity(cell, sizes), "skipped": skipped}
                continue
            plain = training(given.ours, given.x, given.gradient)
            contestants = [Contestant("ours", plain), Contestant("traced", traced)]
            times = interleave(contestants, plan.budget)
            ours, with_trace = times["ours@1"].median, times["traced@1"].median
            yield identity(cell, sizes) | {
                "threads": 1,
                "ours_ms": 1e3 * ours,
                "traced_ms": 1e3 * with_trace,
                "relative": ratio(with_trace, ours),
                **_kept(given),
                "unsteady": unsteady(times.values()),
                "times": {key: taken.to_dict() for key, taken in times.items()},
            }


def _kept(given: Problem) -> Record:
    """Count what a forward pass keeps for backward: torch.nn's, ours, ours with a trace."""
    free = [given.x, *given.theirs.parameters(), *given.ours.parameters()]
    return {
        "torch_bytes": kept_bytes(lambda: given.theirs(given.x), free=free),
        "ours_bytes": kept_bytes(lambda: given.ours(given.x), free=free),
        "traced_bytes": kept_bytes(lambda: given.ours(given.x, trace=True), free=free),
    }


TRACE = Section(
    title="trace: training on one thread, every gate kept for the eye",
    explained=(
        "ours, traced: ms, medians of rounds in turn; ×: time with a trace / time without",
        "kept: MiB of saved tensors for backward, without parameters and input, of torch.nn, of",
        "ours, and of ours with a trace (the trace itself apart)",
    ),
    columns=(
        CELL,
        SHAPE,
        OURS,
        Column("traced_ms", "traced", 8, fixed(2)),
        Column("relative", "×", 6, fixed(2)),
        Column("torch_bytes", "kept torch", 10, mebibytes),
        Column("ours_bytes", "kept ours", 9, mebibytes),
        Column("traced_bytes", "kept traced", 11, mebibytes),
        UNSTEADY,
    ),
    measure=measure,
)
