"""Cells by sizes: training and inference beside torch.nn and every other rival."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from headgate.bench.columns import Column, fixed, percent
from headgate.bench.field import INFERENCE, TRAINING, Field, inference_field, training_field
from headgate.bench.peak import Product, peak, products
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import Problem, inference, problem, training
from headgate.bench.section import CELL, OURS, SHAPE, THREADS, UNSTEADY, Section, identity, over
from headgate.bench.sizes import GATES, Sizes
from headgate.bench.timing import Times, best, geometric_mean, interleave, ratio, unsteady

CELLS = ("lstm", "gru", "rnn")


def measure(plan: Plan, rows: Sequence[Sizes], *, train: bool) -> Iterator[Record]:
    """Measure every cell on every row; a record for each number of threads.

    Args:
        plan: what is asked for.
        rows: the rows.
        train: training; inference otherwise.

    Yields:
        The records.
    """
    for cell in plan.wanted(CELLS):
        for sizes in rows:
            given = problem(cell, sizes)
            skipped = over(plan.limit, _ours(given, train=train))
            if skipped:
                yield {**identity(cell, sizes), "skipped": skipped}
                continue
            field = (training_field if train else inference_field)(given, plan.threads)
            yield from _row(plan, given, field, train=train)


def _ours(given: Problem, *, train: bool) -> Callable[[], object]:
    if train:
        return training(given.ours, given.x, given.gradient)
    return inference(given.ours, given.x)


def _row(plan: Plan, given: Problem, field: Field, *, train: bool) -> Iterator[Record]:
    gates = GATES[given.cell]
    made = [each for count in plan.threads for each in products(given.sizes, gates, count)]
    everyone = [*field.contestants, *(each.contestant for each in made)]
    times = interleave(sorted(everyone, key=lambda each: each.threads), plan.budget)
    flops = given.sizes.flops(gates, training=train)
    shared = identity(given.cell, given.sizes) | {"flops": flops, "absent": field.absent}
    shared["times"] = {key: taken.to_dict() for key, taken in times.items()}
    for threads in plan.threads:
        found = compare(times, TRAINING if train else INFERENCE, threads)
        found |= _speed(times, made, flops, threads)
        # no more products on more threads: another program has the other cores
        found["unsteady"] |= threads > 1 and found["peak_gflops"] <= peak(times, made, 1)
        yield shared | found


def compare(times: Mapping[str, Times], rivals: Sequence[str], threads: int) -> Record:
    """Set our time on some threads against each rival's best on as many or fewer.

    Args:
        times: the row's.
        rivals: their names.
        threads: ours.

    Returns:
        Milliseconds and ratios; None where a contestant did not take part.
    """
    ours = times[f"ours@{threads}"].median if f"ours@{threads}" in times else None
    found: Record = {"threads": threads, "ours_ms": None if ours is None else 1e3 * ours}
    for rival in rivals:
        reached = best(times, rival, threads)
        seconds, on = reached or (None, None)
        found[f"{rival}_ms"] = None if seconds is None else 1e3 * seconds
        found[f"{rival}_threads"] = on
        found[f"{rival}_ratio"] = ratio(seconds, ours)
    shown = (f"ours@{threads}", f"torch@{found.get('torch_threads')}")
    return found | {"unsteady": unsteady(times[key] for key in shown if key in times)}


def _speed(times: Mapping[str, Times], made: Sequence[Product], flops: int, threads: int) -> Record:
    top = peak(times, made, threads)
    found: Record = {"gflops": None, "peak_gflops": top, "share": None}
    if f"ours@{threads}" in times:
        reached = flops / times[f"ours@{threads}"].median / 1e9
        found |= {"gflops": reached, "share": reached / top}
    return found


def means(records: Sequence[Record], *, rivals: Sequence[str]) -> list[Record]:
    """Average the ratios of each cell and number of threads.

    Args:
        records: the rows.
        rivals: whose ratios.

    Returns:
        A record for each.
    """
    measured = [record for record in records if "skipped" not in record]
    groups = dict.fromkeys((record["cell"], record["threads"]) for record in measured)
    found = []
    for cell, threads in groups:
        own = [r for r in measured if (r["cell"], r["threads"]) == (cell, threads)]
        mean: Record = {"cell": cell, "shape": f"mean of {len(own)}", "threads": threads}
        for name in rivals:
            ratios = [record[f"{name}_ratio"] for record in own]
            mean[f"{name}_ratio"] = geometric_mean(ratios)
            mean[f"{name}_count"] = sum(each is not None for each in ratios)
        found.append(mean)
    return found


def _columns(rivals: Sequence[str]) -> tuple[Column, ...]:
    ratios = [
        Column(f"{rival}_ratio", f"×{rival}", 7, fixed(2)) for rival in rivals if rival != "torch"
    ]
    return (
        CELL,
        SHAPE,
        THREADS,
        OURS,
        Column("torch_ms", "torch", 8, fixed(2)),
        Column("torch_threads", "on", 2),
        Column("torch_ratio", "×torch", 7, fixed(2)),
        *ratios,
        Column("gflops", "GF/s", 6, fixed(1)),
        Column("peak_gflops", "peak", 6, fixed(1)),
        Column("share", "share", 5, percent),
        UNSTEADY,
    )


_EXPLAINED = (
    "T steps, B rows, M inputs, N units; thr: threads of ours",
    "ours, torch: ms, medians of rounds in turn; on: the threads, up to ours, where torch is best",
    "×name: time of name / time of ours, above 1 ours is faster; -: see below the table",
    "GF/s: ours, 10⁹ operations of matrix products a second; peak: torch.mm beside the row",
    "~ also where more threads have no higher peak than one: the other cores were not free",
)


def _section(title: str, rivals: tuple[str, ...], *, train: bool) -> Section:
    columns = _columns(rivals)
    keys = {"cell", "shape", "threads", *(f"{rival}_ratio" for rival in rivals)}
    blank = [
        each if each.key in keys else Column("blank", "", each.width, absent="") for each in columns
    ]
    return Section(
        title=title,
        explained=_EXPLAINED,
        columns=columns,
        rivals=rivals,
        measure=partial(measure, train=train),
        summary=partial(means, rivals=rivals),
        means=tuple(blank),
    )


GRID = _section(
    "training: forward, and backward to the input and every parameter", TRAINING, train=True
)
INFERENCES = _section("inference: forward alone, no gradient", INFERENCE, train=False)
