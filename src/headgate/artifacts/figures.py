"""The figures of a training as text: its scores as JSON, its history as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any


def metrics_json(metrics: dict[str, Any]) -> str:
    """Write scores as JSON that any reader takes.

    Args:
        metrics: the scores; a number that is not finite, such as a loss before the first step, is
            written as null.

    Returns:
        The text.
    """
    return json.dumps(_strict(metrics), indent=2, ensure_ascii=False, allow_nan=False)


def history_csv(rows: list[dict[str, float]]) -> str:
    """Write a history as CSV.

    Args:
        rows: one for each validation, at least one, all with the same names.

    Returns:
        The text, with a header.

    Example:
        >>> history_rows(history_csv([{"step": 2, "loss": 0.5}]))
        [{'step': 2, 'loss': 0.5}]
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def history_rows(text: str) -> list[dict[str, float]]:
    """Read what ``history_csv`` wrote.

    Args:
        text: the CSV.

    Returns:
        The rows; a whole number as it was written.
    """
    rows = csv.DictReader(io.StringIO(text))
    return [{name: _number(cell) for name, cell in row.items()} for row in rows]


def _strict(value: Any) -> Any:
    """Put null for what JSON has no word for."""
    if isinstance(value, dict):
        return {key: _strict(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(text: str) -> float:
    return int(text) if text.lstrip("-").isdigit() else float(text)
