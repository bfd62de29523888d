"""headgate doctor: what ails a trained model, and what to do."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.asked import inputs_of
from headgate.cli.options import Encoding, ModelPath
from headgate.cli.screen import say
from headgate.cli.whole import check_places, write_whole
from headgate.errors import DataError

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
    encoding: Encoding = None,
    report: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the findings there, too.")
    ] = None,
) -> None:
    """Look for what ails a trained model: its weights, its training, its gates and gradients."""
    check_places(report)
    from headgate.inspection.checkup import check_history, check_weights
    from headgate.model import load

    loaded = load(model)
    found, radii = check_weights(loaded.task.network)
    found += check_history(loaded.history)
    rows = 0 if data is None else _examined(loaded, data, encoding, found)
    if report is not None:  # before anything is said, as who reads a pipe may leave it
        _write(report, {"findings": [asdict(each) for each in found], "spectral radius": radii})
    for finding in found:
        say(f"{finding.kind}: {finding.sentence}")
    for note in loaded.metrics.get("training", {}).get("doctor", ()):
        say(f"in training: {note}")
    looked = _looked(radii, len(loaded.history), rows)
    say(f"looked at: {looked}" if found else f"nothing found; looked at: {looked}")


def _examined(loaded: Model, data: str, encoding: str | None, found: list[Finding]) -> int:
    """Add what is found with rows of a file, and give how many rows were looked at."""
    from headgate.inspection.doctor import examine

    questions = inputs_of(loaded, data, encoding=encoding)[:_ROWS]
    each: list[Sequence[Finding]] = []
    for number, question in enumerate(questions, 1):
        try:
            each.append(examine(loaded.inspect(_short(question))))
        except DataError as error:
            raise DataError(f"input {number}: {error}", path=data) from error
    found += _common(each)
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
    parts = [f"the weights{between}", _count(validations, "validation")]
    if rows:
        parts.append(f"gates, states and gradients of {_count(rows, 'row')}")
    else:
        parts.append("no rows (name a file to see gates, states and gradients)")
    return "; ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _strict(value: Any) -> Any:
    """Make None of what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _strict(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(path: str, whole: dict[str, Any]) -> None:
    text = json.dumps(_strict(whole), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n")
