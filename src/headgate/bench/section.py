"""What every section of a measure is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from headgate.bench.columns import Column, fixed
from headgate.bench.plan import Plan, Record
from headgate.bench.sizes import Sizes
from headgate.bench.timing import single

Measure = Callable[[Plan, Sequence[Sizes]], Iterator[Record]]
Summary = Callable[[Sequence[Record]], list[Record]]

CELL = Column("cell", "cell", 5, left=True)
SHAPE = Column("shape", "T,B,M,N", 15, left=True)
THREADS = Column("threads", "thr", 3)
OURS = Column("ours_ms", "ours", 8, fixed(2))
UNSTEADY = Column("unsteady", "", 1, lambda on: "~" if on else "", absent="")


@dataclass(frozen=True)
class Section:
    """A part of a measure: a table.

    Args:
        title: what it compares.
        explained: what its columns are, with their units, a line each.
        columns: the columns.
        rivals: who may be absent, and is then named.
        measure: measures the rows, each given as soon as it is done.
        summary: draws the rows together.
        means: the columns of the summary.
    """

    title: str
    explained: tuple[str, ...]
    columns: tuple[Column, ...]
    measure: Measure
    rivals: tuple[str, ...] = ()
    summary: Summary | None = None
    means: tuple[Column, ...] = ()


def identity(cell: str, sizes: Sizes) -> Record:
    """Begin a record.

    Args:
        cell: the cell's name.
        sizes: the row.

    Returns:
        What names the row, for the table and for a file.
    """
    return {
        "cell": cell,
        "shape": str(sizes),
        "steps": sizes.steps,
        "rows": sizes.rows,
        "inputs": sizes.inputs,
        "units": sizes.units,
    }


def over(limit: float | None, call: Callable[[], object]) -> str | None:
    """Say whether a row takes too long for a first look.

    Args:
        limit: seconds; no limit where None.
        call: ours.

    Returns:
        Why the row is left out, or None.
    """
    if limit is None:
        return None
    spent = single(call)
    return None if spent <= limit else f"{1e3 * spent:.0f} ms, more than {1e3 * limit:.0f} ms"
