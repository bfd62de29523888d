"""Streams: the time of a step beside torch.nn, ONNX Runtime, and the machine's limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from headgate.bench.columns import Column, significant
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import Problem, problem
from headgate.bench.section import CELL, SHAPE, UNSTEADY, Section, identity, over
from headgate.bench.sizes import Sizes
from headgate.bench.stream_field import WAYS, chunks, stream_field
from headgate.bench.stream_limit import limit_of, step_flops
from headgate.bench.stream_steps import ours, timed_steps
from headgate.bench.timing import Times, geometric_mean, interleave, ratio, unsteady

CELLS = ("lstm", "gru", "rnn")
LAYERS = (1, 2)
RATIOS = ("torch_ratio", "onnx_ratio", "ours_limits", "chunk_limits", "int8_ratio")


def measure(plan: Plan, rows: Sequence[Sizes]) -> Iterator[Record]:
    """Measure every cell on every row with one layer and with two, on one thread.

    Args:
        plan: what is asked for.
        rows: the rows; T of each is a chunk.

    Yields:
        A record for each.
    """
    for cell in plan.wanted(CELLS):
        for layers in LAYERS:
            for sizes in rows:
                given = problem(cell, sizes, layers)
                count = timed_steps(step_flops(given.theirs, sizes))
                named = {**identity(cell, sizes), "layers": layers, "threads": 1}
                skipped = over(plan.limit, ours(given).call(count))
                if skipped:
                    yield named | {"skipped": skipped}
                    continue
                yield named | _row(plan, given, count)


def _row(plan: Plan, given: Problem, count: int) -> Record:
    field = stream_field(given, count)
    limit = limit_of(given.cell, given.theirs, given.sizes, count)
    times = interleave([*field.contestants, *limit.contestants], plan.budget)
    found = limit.compare(times)
    return {
        "absent": field.absent,
        "timed_steps": count,
        "timed_chunks": chunks(given, count),
        **found,
        **compare(times, count, chunks(given, count) * given.sizes.steps, found["limit_us"]),
        "times": {key: each.to_dict() for key, each in times.items()},
    }


def compare(times: Mapping[str, Times], count: int, chunked: int, limit: float) -> Record:
    """Set our steps beside those of each rival's better way, and beside the limit.

    Args:
        times: the row's.
        count: steps of a timed call, one by one.
        chunked: steps of a timed call of chunks.
        limit: microseconds.

    Returns:
        Microseconds of a step and ratios; None where a contestant did not take part.
    """
    steps = {name: _microseconds(times, name, count) for name in ("ours", "int8")}
    steps["chunk"] = _microseconds(times, "chunk", chunked)
    found: Record = {f"{name}_us": taken for name, taken in steps.items()}
    shown = list(steps)
    for rival, ways in WAYS.items():
        reached = {name: _microseconds(times, name, count) for name in ways}
        present = {name: taken for name, taken in reached.items() if taken is not None}
        way = min(present, key=present.__getitem__, default=None)
        shown += [] if way is None else [way]
        found |= {f"{name}_us": taken for name, taken in reached.items()}
        found[f"{rival}_us"] = steps[rival] = None if way is None else present[way]
        found[f"{rival}_way"] = way
    return found | {
        "torch_ratio": ratio(steps["torch"], steps["ours"]),
        "onnx_ratio": ratio(steps["onnx"], steps["ours"]),
        "ours_limits": ratio(steps["ours"], limit),
        "chunk_limits": ratio(steps["chunk"], limit),
        "int8_ratio": ratio(steps["ours"], steps["int8"]),
        "unsteady": unsteady(times[f"{name}@1"] for name in shown if f"{name}@1" in times),
    }


def _microseconds(times: Mapping[str, Times], name: str, steps: int) -> float | None:
    """Give the time of one step."""
    key = f"{name}@1"
    return 1e6 * times[key].median / steps if key in times else None


def means(records: Sequence[Record]) -> list[Record]:
    """Average the ratios of each cell and number of layers.

    Args:
        records: the rows.

    Returns:
        A record for each.
    """
    measured = [record for record in records if "skipped" not in record]
    found = []
    for cell, layers in dict.fromkeys((record["cell"], record["layers"]) for record in measured):
        own = [r for r in measured if (r["cell"], r["layers"]) == (cell, layers)]
        mean: Record = {"cell": cell, "layers": layers, "shape": f"mean of {len(own)}"}
        for name in RATIOS:
            values = [record[name] for record in own]
            mean[name] = geometric_mean(values)
            mean[f"{name}_count"] = sum(each is not None for each in values)
        found.append(mean)
    return found


def _initial(way: str) -> str:
    return way[0]


_COLUMNS = (
    CELL,
    Column("layers", "L", 1),
    SHAPE,
    Column("ours_us", "step", 5, significant),
    Column("chunk_us", "chunk", 5, significant),
    Column("int8_us", "int8", 5, significant),
    Column("torch_us", "torch", 5, significant),
    Column("torch_way", "", 1, _initial, absent=""),
    Column("onnx_us", "onnx", 5, significant),
    Column("onnx_way", "", 1, _initial, absent=""),
    Column("limit_us", "limit", 5, significant),
    Column("torch_ratio", "×torch", 6, significant),
    Column("onnx_ratio", "×onnx", 5, significant),
    Column("ours_limits", "s/lim", 5, significant),
    Column("chunk_limits", "c/lim", 5, significant),
    Column("int8_ratio", "×int8", 5, significant),
    UNSTEADY,
)
_MEANS = tuple(
    each
    if each.key in {"cell", "layers", "shape", *RATIOS}
    else Column("blank", "", each.width, absent="")
    for each in _COLUMNS
)
_EXPLAINED = (
    "L layers, T steps of a chunk, B rows, M inputs, N units; float32; one thread",
    "µs a step, medians of rounds in turn: step, int8: Stream.step, a call from Python for each,",
    "into memory that is kept, with float32 and with int8 weights; chunk: T steps in one call of",
    "Stream.steps",
    "torch: the better of the cells of torch.nn in a row (c) and its layer with T = 1 (l), in",
    "inference mode; onnx: the better of session.run (r) and IO binding (b), states in and out",
    "limit of a step: the greater of weights, 4 bytes each without biases, / the fastest reading",
    "of a buffer of their size by one core, again and again (sum, sum of float64, amax or mv of",
    "torch), and operations of the products / the peak of torch.mm; a chunk can fall below it, as",
    "it reads its input weights once for all its steps",
    "×name: time of name / time of step; s/lim, c/lim: step and chunk / limit; ×int8: step / int8",
)


def _section(title: str) -> Section:
    return Section(
        title=title,
        explained=_EXPLAINED,
        columns=_COLUMNS,
        rivals=tuple(WAYS),
        measure=measure,
        summary=means,
        means=_MEANS,
    )


SECTIONS: dict[str, Section] = {
    "single": _section("single: one stream, a step at a time"),
    "batch": _section("batch: streams that are stepped together"),
}
