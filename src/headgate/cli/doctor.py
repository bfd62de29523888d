"""headgate doctor: what ails a trained model, and what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.asked import inputs_of
from headgate.cli.options import ModelPath, refuse_existing
from headgate.cli.screen import say
from headgate.errors import OutputError

if TYPE_CHECKING:
    from headgate.inspection.findings import Finding
    from headgate.model import Model

_ROWS = 8  # that are looked at
_LONGEST = 2000  # characters of a text


def doctor(
    model: ModelPath,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Rows as in training: a few are looked at."),
    ] = None,
    *,
    report: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the findings there, too.")
    ] = None,
) -> None:
    """Look for what ails a trained model: its weights, its training, its gates and gradients."""
    refuse_existing(report)
    from headgate.inspection.checkup import check_history, check_weights
    from headgate.model import load

    loaded = load(model)
    found, radii = check_weights(loaded.task.network)
    found += check_history(loaded.history)
    rows = 0 if data is None else _examined(loaded, data, found)
    for finding in found:
        say(f"{finding.kind}: {finding.sentence}")
    for note in loaded.metrics.get("training", {}).get("doctor", ()):
        say(f"in training: {note}")
    looked = _looked(radii, len(loaded.history), rows)
    say(f"looked at: {looked}" if found else f"nothing found; looked at: {looked}")
    if report is not None:
        _write(report, {"findings": [asdict(each) for each in found], "spectral radius": radii})


def _examined(loaded: Model, data: str, found: list[Finding]) -> int:
    """Add what is found with rows of a file, and give how many rows were looked at."""
    from headgate.inspection.doctor import examine

    questions = inputs_of(loaded, data)[:_ROWS]
    found += _common([examine(loaded.inspect(_short(each))) for each in questions])
    return len(questions)


def _common(each: Sequence[Sequence[Finding]]) -> list[Finding]:
    """Keep what is found in half of the rows at least, once."""
    first: dict[tuple[str, str], Finding] = {}
    counts: dict[tuple[str, str], int] = {}
    for findings in each:
        for finding in findings:
            key = finding.kind, finding.where
            first.setdefault(key, finding)
            counts[key] = counts.get(key, 0) + 1
    return [finding for key, finding in first.items() if 2 * counts[key] >= len(each)]


def _short(question: Any) -> Any:
    return question[:_LONGEST] if isinstance(question, str) else question


def _looked(radii: dict[str, float], validations: int, rows: int) -> str:
    """Say what was looked at."""
    between = f", spectral radius {min(radii.values()):.3g}" if radii else ""
    between += f" to {max(radii.values()):.3g}" if len(radii) > 1 else ""
    parts = [f"the weights{between}", f"{validations} validations"]
    if rows:
        parts.append(f"gates, states and gradients of {rows} rows")
    else:
        parts.append("no rows (name a file to see gates, states and gradients)")
    return "; ".join(parts)


def _write(path: str, whole: dict[str, Any]) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror}") from error
