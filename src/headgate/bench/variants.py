"""Every cell and every option of it, beside the plain LSTM: what a variant costs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from headgate.bench.columns import Column, fixed
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import training
from headgate.bench.section import OURS, SHAPE, UNSTEADY, Section, identity, over
from headgate.bench.sizes import Sizes
from headgate.bench.timing import Contestant, interleave, ratio, unsteady
from headgate.layers import Recurrent

HALF = "half"  # of the units, which a row knows
OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "lstm": {
        "peephole": (True,),
        "coupled": (True,),
        "forget": (False,),
        "projection": (HALF,),
        "candidate": ("sigmoid",),
        "activation": ("linear", "softsign"),
    },
    "gru": {"reset": ("before",), "update": ("write",), "activation": ("softsign",)},
    "mgu": {"activation": ("silu",)},
    "rnn": {"activation": ("relu",)},
    "jordan": {"activation": ("sigmoid",), "output": (HALF,)},
    "indrnn": {"activation": ("tanh",)},
    "janet": {"beta": (0.0,)},
    "ligru": {"activation": ("tanh",)},
    "mlstm": {},
    "rhn": {"depth": (4,), "coupled": (False,)},
    "sru": {},
    "fslstm": {},
    "lem": {"dt": (0.5,)},
}


@dataclass(frozen=True)
class Variant:
    """A cell with at most one option that is not its default.

    Args:
        cell: a key of ``OPTIONS``.
        changed: the option, or none.
    """

    cell: str
    changed: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.cell, *(f"{name}={value}" for name, value in self.changed.items())])

    def layer(self, sizes: Sizes) -> Recurrent:
        """Build the layer.

        Args:
            sizes: the row.

        Returns:
            The layer.
        """
        options: dict[str, Any] = {
            name: sizes.units // 2 if value == HALF else value
            for name, value in self.changed.items()
        }
        return Recurrent(self.cell, sizes.inputs, sizes.units, **options)


def variants(cell: str) -> list[Variant]:
    """List a cell as it is by default, and with one option changed.

    Args:
        cell: a key of ``OPTIONS``.

    Returns:
        The variants.
    """
    options = OPTIONS[cell].items()
    return [
        Variant(cell),
        *(Variant(cell, {name: value}) for name, values in options for value in values),
    ]


def measure(plan: Plan, rows: Sequence[Sizes]) -> Iterator[Record]:
    """Measure every variant's training on one thread, each in turn with the plain LSTM.

    Args:
        plan: what is asked for.
        rows: the rows.

    Yields:
        A record for each variant and row.
    """
    for sizes in rows:
        for cell in plan.wanted(list(OPTIONS)):
            for variant in variants(cell):
                with _quiet():
                    record = _record(plan, variant, sizes)
                yield record


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back torch's remark, among the rows, on how it runs a projection."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="LSTM with projections is not supported")
        yield


def _record(plan: Plan, variant: Variant, sizes: Sizes) -> Record:
    contestants = _contestants(variant, sizes)
    record = identity(variant.cell, sizes) | {"variant": str(variant), "options": variant.changed}
    skipped = over(plan.limit, contestants[0].call)
    if skipped:
        return record | {"skipped": skipped}
    times = interleave(contestants, plan.budget)
    ours, plain = times["ours@1"].median, times["lstm@1"].median
    return record | {
        "threads": 1,
        "ours_ms": 1e3 * ours,
        "lstm_ms": 1e3 * plain,
        "relative": ratio(ours, plain),
        "unsteady": unsteady(times.values()),
        "work": matrix_entries(variant.layer(sizes)) / matrix_entries(Variant("lstm").layer(sizes)),
        "times": {key: taken.to_dict() for key, taken in times.items()},
    }


def matrix_entries(layer: Recurrent) -> int:
    """Count the entries of a layer's weight matrices, which a step multiplies with.

    Args:
        layer: the layer.

    Returns:
        The number.
    """
    return sum(weight.numel() for weight in layer.parameters() if weight.dim() == 2)


def _contestants(variant: Variant, sizes: Sizes) -> list[Contestant]:
    made = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(sizes.steps, sizes.rows, sizes.inputs, requires_grad=True)
        for name, each in (("ours", variant), ("lstm", Variant("lstm"))):
            layer = each.layer(sizes)
            gradient = torch.randn(sizes.steps, sizes.rows, layer.output_size)
            made.append(Contestant(name, training(layer, x, gradient)))
    return made


VARIANTS = Section(
    title="variants: training on one thread, beside our plain LSTM",
    explained=(
        "ours, lstm: ms, medians of rounds in turn; ×lstm: time of the variant / time of the LSTM",
        "work: operations of its matrix products / those of the LSTM; half: N / 2 units",
    ),
    columns=(
        Column("variant", "variant", 26, left=True),
        SHAPE,
        OURS,
        Column("lstm_ms", "lstm", 8, fixed(2)),
        Column("relative", "×lstm", 7, fixed(2)),
        Column("work", "work", 6, fixed(2)),
        UNSTEADY,
    ),
    measure=measure,
)
