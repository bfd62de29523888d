"""What a measure is asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from headgate.bench.timing import QUICK, STANDARD, Budget

Record = dict[str, Any]
"""One row of a table: plain values by name, as they are written to a file."""

LIMIT = 0.1  # seconds


@dataclass(frozen=True)
class Plan:
    """What a measure is asked for.

    Args:
        cells: the cells that are measured; all where None.
        budget: how often a row is measured.
        limit: seconds of a call of ours on one thread beyond which a row is left out.
        threads: the numbers of threads, in rising order; the first is one.
    """

    cells: frozenset[str] | None = None
    budget: Budget = STANDARD
    limit: float | None = None
    threads: tuple[int, ...] = (1,)

    def wanted(self, cells: Sequence[str]) -> list[str]:
        """Pick the cells that are measured.

        Args:
            cells: those that a section can measure.

        Returns:
            The ones that are asked for, in the same order.
        """
        return [cell for cell in cells if self.cells is None or cell in self.cells]


def plan_for(cells: Collection[str] = (), *, quick: bool = False) -> Plan:
    """Make the plan of this process: on one thread, and on as many as torch has.

    Args:
        cells: the cells that are measured; all where empty.
        quick: fewer rounds, and no slow row.

    Returns:
        The plan.
    """
    return Plan(
        cells=frozenset(cells) or None,
        budget=QUICK if quick else STANDARD,
        limit=LIMIT if quick else None,
        threads=tuple(sorted({1, torch.get_num_threads()})),
    )
