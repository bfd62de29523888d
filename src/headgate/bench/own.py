"""Cells of one's own, as a user writes them, beside the built-in ones: what a name is worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, sigmoid, tanh

from headgate.bench.columns import Column, fixed
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import training
from headgate.bench.section import OURS, SHAPE, UNSTEADY, Section, identity, over
from headgate.bench.sizes import Sizes
from headgate.bench.timing import Contestant, interleave, ratio, unsteady
from headgate.bench.variants import matrix_entries
from headgate.equations import Equation
from headgate.layers import Recurrent


def _memory(x: Any, W: Any, shown: Any, kept: Any) -> Any:
    """The equations of ``lstm`` in another order, under other names."""
    show = sigmoid(W.show(shown) + x.show)
    fresh = tanh(W.fresh(shown) + x.fresh)
    keep = sigmoid(W.keep(shown) + x.keep)
    write = sigmoid(W.write(shown) + x.write)
    kept = write * fresh + kept * keep
    return tanh(kept) * show, kept


def _mixture(x: Any, W: Any, b: Any, past: Any) -> Any:
    """The equations of ``gru`` in another order, under other names."""
    keep = sigmoid(W.keep(past) + x.keep)
    see = sigmoid(W.see(past) + x.see)
    fresh = tanh((W.fresh(past) + b.fresh) * see + x.fresh)
    return (1 - keep) * fresh + past * keep


def _echo(x: Any, W: Any, past: Any) -> Any:
    """The equation of ``rnn`` under other names."""
    return tanh(W.all(past) + x.all)


def _two_phases(x: Any, W: Any, h: Any, fast: Any, slow: Any) -> Any:
    """Three states, and a second phase that multiplies what the first one made."""
    keep = sigmoid(x.keep + W.keep(h))
    fast = keep * fast + (1 - keep) * tanh(x.fresh + W.fresh(h))
    seen = tanh(fast)
    hold = sigmoid(x.hold + W.hold(seen))
    slow = hold * slow + (1 - hold) * tanh(W.settle(seen))
    return sigmoid(x.show + W.show(seen)) * tanh(slow), fast, slow


@dataclass(frozen=True)
class Own:
    """A cell that a user might write.

    Args:
        name: what it is called in the table.
        cell: the built-in one that it stands beside, a key of ``CELLS``.
        step: its equations.
        same: whether they are the built-in's.
    """

    name: str
    cell: str
    step: Callable[..., Any]
    same: bool = True

    def layer(self, sizes: Sizes) -> Recurrent:
        """Build the layer, from its equation on.

        Args:
            sizes: the row.

        Returns:
            The layer.
        """
        return Recurrent(Equation(self.step), sizes.inputs, sizes.units)


OWN_CELLS = (
    Own("lstm, renamed and reordered", "lstm", _memory),
    Own("gru, renamed and reordered", "gru", _mixture),
    Own("rnn, renamed", "rnn", _echo),
    Own("two phases, three states", "lstm", _two_phases, same=False),
)


def measure(plan: Plan, rows: Sequence[Sizes]) -> Iterator[Record]:
    """Measure every own cell's training on one thread, each in turn with the built-in one.

    Args:
        plan: what is asked for.
        rows: the rows.

    Yields:
        A record for each cell and row.
    """
    wanted = plan.wanted(list(dict.fromkeys(own.cell for own in OWN_CELLS)))
    for sizes in rows:
        for own in OWN_CELLS:
            if own.cell in wanted:
                yield _record(plan, own, sizes)


def _record(plan: Plan, own: Own, sizes: Sizes) -> Record:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(sizes.steps, sizes.rows, sizes.inputs, requires_grad=True)
        gradient = torch.randn(sizes.steps, sizes.rows, sizes.units)
        layer, builtin = own.layer(sizes), Recurrent(own.cell, sizes.inputs, sizes.units)
    contestants = [
        Contestant("ours", training(layer, x, gradient)),
        Contestant("builtin", training(builtin, x, gradient)),
    ]
    record = identity(own.cell, sizes) | {"own": own.name, "same": own.same}
    skipped = over(plan.limit, contestants[0].call)
    if skipped:
        return record | {"skipped": skipped}
    times = interleave(contestants, plan.budget)
    ours, theirs = times["ours@1"].median, times["builtin@1"].median
    return record | {
        "threads": 1,
        "ours_ms": 1e3 * ours,
        "builtin_ms": 1e3 * theirs,
        "relative": ratio(ours, theirs),
        "work": matrix_entries(layer) / matrix_entries(builtin),
        "first_ms": 1e3 * first_call(own, sizes, x, gradient),
        "unsteady": unsteady(times.values()),
        "times": {key: taken.to_dict() for key, taken in times.items()},
    }


def first_call(own: Own, sizes: Sizes, x: Tensor, gradient: Tensor) -> float:
    """Time a cell from its equation to the end of its first step of training, on one thread.

    Args:
        own: the cell; nothing that was found out about it before is used again.
        sizes: the row.
        x: the input, [T, B, M].
        gradient: what backward starts from, [T, B, N].

    Returns:
        Seconds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            start = time.perf_counter()
            training(own.layer(sizes), x, gradient)()
            return time.perf_counter() - start
    finally:
        torch.set_num_threads(threads)


OWN = Section(
    title="own: training on one thread, cells of one's own beside the built-in ones",
    explained=(
        "ours, builtin: ms of the own and of the built-in cell, medians of rounds in turn",
        "×: own / built-in; work: operations of its matrix products / those of the built-in",
        "first: ms from the equation to the end of the first step of training, once",
    ),
    columns=(
        Column("own", "cell", 28, left=True),
        SHAPE,
        OURS,
        Column("builtin_ms", "builtin", 8, fixed(2)),
        Column("relative", "×", 6, fixed(2)),
        Column("work", "work", 6, fixed(2)),
        Column("first_ms", "first", 8, fixed(1)),
        UNSTEADY,
    ),
    measure=measure,
)
