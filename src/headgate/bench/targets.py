"""What can be measured: targets of sections, run one after the other into a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from headgate.bench import layers, sizes, stream
from headgate.bench.field import missing
from headgate.bench.machine import describe
from headgate.bench.plan import Plan, Record
from headgate.bench.report import FORMAT, Printer, Say
from headgate.bench.section import Section
from headgate.equations import CELLS
from headgate.errors import UnknownNameError

TARGETS: dict[str, dict[str, Section]] = {"layers": layers.SECTIONS, "stream": stream.SECTIONS}


def check_names(target: str, sections: Sequence[str], cells: Sequence[str]) -> None:
    """Check what is asked for before anything is measured.

    Args:
        target: what is measured.
        sections: names of its sections.
        cells: names of cells.

    Raises:
        UnknownNameError: one of them is not known.
    """
    if target not in TARGETS:
        raise UnknownNameError("target", target, TARGETS)
    for kind, names, known in (("section", sections, TARGETS[target]), ("cell", cells, CELLS)):
        for name in names:
            if name not in known:
                raise UnknownNameError(kind, name, known)


def begin(target: str, plan: Plan) -> dict[str, Any]:
    """Begin a report: the machine and what is asked for.

    Args:
        target: a key of ``TARGETS``.
        plan: what is asked for.

    Returns:
        The report, plain values; it says that it is not complete.
    """
    asked = {**asdict(plan), "cells": None if plan.cells is None else sorted(plan.cells)}
    asked["threads"] = list(plan.threads)
    return {
        "format": FORMAT,
        "target": target,
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
        names: sections of the report's target; all where empty.
        say: prints a line.
    """
    machine = report["machine"]
    sets = ", ".join(machine["instruction_sets"]) or "no native part"
    say(f"{machine['cpu']}, {machine['cores']} cores; torch {machine['torch']}; headgate: {sets}")
    for name in names or TARGETS[report["target"]]:
        _run(report, plan, name, say)
    report["complete"] = True


def _run(report: dict[str, Any], plan: Plan, name: str, say: Say) -> None:
    section = TARGETS[report["target"]][name]
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
