"""The measure of the recurrent layers: its sections, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from headgate.bench import sizes
from headgate.bench.cells import CELLS_ALONE
from headgate.bench.field import missing
from headgate.bench.grid import GRID, INFERENCES
from headgate.bench.machine import describe
from headgate.bench.own import OWN
from headgate.bench.plan import Plan, Record
from headgate.bench.ragged import RAGGED
from headgate.bench.report import FORMAT, Printer, Say
from headgate.bench.section import Section
from headgate.bench.trace import TRACE
from headgate.bench.variants import VARIANTS
from headgate.equations import CELLS
from headgate.errors import UnknownNameError

SECTIONS: dict[str, Section] = {
    "grid": GRID,
    "variants": VARIANTS,
    "cells": CELLS_ALONE,
    "own": OWN,
    "ragged": RAGGED,
    "trace": TRACE,
    "inference": INFERENCES,
}


def check_names(sections: Sequence[str], cells: Sequence[str]) -> None:
    """Check what is asked for before anything is measured.

    Args:
        sections: names of sections.
        cells: names of cells.

    Raises:
        UnknownNameError: one of them is not known.
    """
    for kind, names, known in (("section", sections, SECTIONS), ("cell", cells, CELLS)):
        for name in names:
            if name not in known:
                raise UnknownNameError(kind, name, known)


def begin(plan: Plan) -> dict[str, Any]:
    """Begin a report: the machine and what is asked for.

    Args:
        plan: what is asked for.

    Returns:
        The report, plain values; it says that it is not complete.
    """
    asked = {**asdict(plan), "cells": None if plan.cells is None else sorted(plan.cells)}
    asked["threads"] = list(plan.threads)
    return {
        "format": FORMAT,
        "target": "layers",
        "complete": False,
        "machine": describe(),
        "plan": asked,
        "sections": {},
    }


def run(report: dict[str, Any], plan: Plan, names: Sequence[str], say: Say) -> None:
    """Measure sections into a report, printing each row as soon as it is there.

    Args:
        report: what `begin` gave; it has every row that was measured, also after an error.
        plan: what is asked for.
        names: the sections, keys of ``SECTIONS``.
        say: prints a line.
    """
    machine = report["machine"]
    sets = ", ".join(machine["instruction_sets"]) or "no native part"
    say(f"{machine['cpu']}, {machine['cores']} cores; torch {machine['torch']}; headgate: {sets}")
    for name in names:
        _run(report, plan, name, say)
    report["complete"] = True


def _run(report: dict[str, Any], plan: Plan, name: str, say: Say) -> None:
    section = SECTIONS[name]
    absent = {rival: reason for rival in section.rivals if (reason := missing(rival))}
    records: list[Record] = []
    written = report["sections"][name] = {"absent": absent, "rows": records, "means": []}
    printer = Printer(section, say)
    printer.begin(absent)
    for record in section.measure(plan, sizes.ROWS[name]):
        records.append(record)
        printer.row(record)
    if not records:
        say(f"  no cell of this section is among {', '.join(sorted(plan.cells or ()))}")
    written["means"] = section.summary(records) if section.summary is not None else []
    printer.end(written["means"], absent)
