"""Every cell, and modifiers of some, beside the plain loop in torch over the same step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import torch

from headgate.bench.columns import Column, fixed
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import training
from headgate.bench.section import OURS, SHAPE, UNSTEADY, Section, identity, over
from headgate.bench.sizes import Sizes
from headgate.bench.timing import Contestant, interleave, ratio, unsteady
from headgate.equations import CELLS
from headgate.kernels import using
from headgate.layers import Recurrent

MODIFIED = ("lstm", "gru")
MODIFIERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("layer_norm", {"layer_norm": True}),
    ("zoneout", {"zoneout": 0.1}),
    ("recurrent_dropout", {"recurrent_dropout": 0.1}),
)
"""Each with the arguments of ``Recurrent``; they are measured alone and in pairs."""


@dataclass(frozen=True)
class Modified:
    """A cell with some modifiers, or none.

    Args:
        cell: a key of ``CELLS``.
        labels: the modifiers' names.
        arguments: what ``Recurrent`` takes for them.
    """

    cell: str
    labels: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join((self.cell, *self.labels))

    @property
    def loop(self) -> str:
        """The kernel that is the plain loop.

        It is the equation's own Python or, as that knows no modifiers, the program's operations
        one by one.
        """
        return "reference" if self.labels else "eager"

    def layer(self, sizes: Sizes) -> Recurrent:
        """Build the layer.

        Args:
            sizes: the row.

        Returns:
            The layer.
        """
        return Recurrent(self.cell, sizes.inputs, sizes.units, **self.arguments)


def modified(cell: str) -> list[Modified]:
    """List a cell as it is and, if it is one of ``MODIFIED``, with one modifier and with two.

    Args:
        cell: a key of ``CELLS``.

    Returns:
        What is measured.
    """
    most = 2 if cell in MODIFIED else 0
    found = []
    for count in range(most + 1):
        for chosen in combinations(MODIFIERS, count):
            labels = tuple(label for label, _ in chosen)
            arguments = {name: value for _, own in chosen for name, value in own.items()}
            found.append(Modified(cell, labels, arguments))
    return found


def measure(plan: Plan, rows: Sequence[Sizes]) -> Iterator[Record]:
    """Measure every cell's training on one thread, each in turn with its plain loop.

    Args:
        plan: what is asked for.
        rows: the rows.

    Yields:
        A record for each cell, or cell with modifiers, and row.
    """
    for sizes in rows:
        for cell in plan.wanted(list(CELLS)):
            for each in modified(cell):
                yield _record(plan, each, sizes)


def _record(plan: Plan, each: Modified, sizes: Sizes) -> Record:
    contestants = _contestants(each, sizes)
    record = identity(each.cell, sizes) | {"variant": str(each), "options": each.arguments}
    skipped = over(plan.limit, contestants[0].call)
    if skipped:
        return record | {"skipped": skipped}
    times = interleave(contestants, plan.budget)
    medians = {name.removesuffix("@1"): taken.median for name, taken in times.items()}
    ours = medians["ours"]
    return record | {
        "threads": 1,
        "ours_ms": 1e3 * ours,
        "loop": each.loop,
        "loop_ms": 1e3 * medians["loop"],
        "loop_ratio": ratio(medians["loop"], ours),
        "relative": ratio(ours, medians.get("plain")),
        "unsteady": unsteady(times.values()),
        "times": {key: taken.to_dict() for key, taken in times.items()},
    }


def _contestants(each: Modified, sizes: Sizes) -> list[Contestant]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(sizes.steps, sizes.rows, sizes.inputs, requires_grad=True)
        layer, plain = each.layer(sizes), Modified(each.cell).layer(sizes)
        gradient = torch.randn(sizes.steps, sizes.rows, layer.output_size)
    ours = training(layer, x, gradient)
    made = [Contestant("ours", ours)]
    made += [Contestant("plain", training(plain, x, gradient))] if each.labels else []
    return [*made, Contestant("loop", by(each.loop, ours))]


def by(kernel: str, call: Callable[[], object]) -> Callable[[], object]:
    """Make the same call by another kernel.

    Args:
        kernel: one of ``KERNELS``.
        call: the call.

    Returns:
        The call.
    """

    def run() -> object:
        with using(kernel):
            return call()

    return run


CELLS_ALONE = Section(
    title="cells: training on one thread, beside a plain loop in torch over the same step",
    explained=(
        "ours: ms, median of rounds in turn; loop: ms of the equation's Python at every step or,",
        "with modifiers, of torch's operations at every step; ×loop: time of the loop / ours",
        "×plain: with modifiers, time of ours / time of the same cell without them",
    ),
    columns=(
        Column("variant", "cell", 33, left=True),
        SHAPE,
        OURS,
        Column("loop_ms", "loop", 9, fixed(2)),
        Column("loop_ratio", "×loop", 7, fixed(2)),
        Column("relative", "×plain", 7, fixed(2)),
        UNSTEADY,
    ),
    measure=measure,
)
