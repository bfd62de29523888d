"""What was seen as files: a page that works offline, and every array as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from headgate.cli.whole import write_whole
from headgate.inspection.trace import Inspection
from headgate.inspection.view import View
from headgate.model import Model

Seen = Sequence[tuple[Inspection, Sequence[View]]]


def write_json(path: str, model: Model, seen: Seen) -> None:
    """Write every array of every view.

    Args:
        path: a new file.
        model: what was looked into.
        seen: each input with its views.

    Raises:
        OutputError: it cannot be written.
    """
    inputs = [
        {"tokens": list(found.tokens), "layers": list(found.passes)}
        | {"views": [view.to_dict() for view in views]}
        for found, views in seen
    ]
    whole = {"task": model.config["task"], "data": model.config["data"]["input"], "inputs": inputs}
    write_whole(path, json.dumps(whole, ensure_ascii=False, allow_nan=False) + "\n")


def write_page(path: str, title: str, model: Model, seen: Seen) -> None:
    """Write one page with a figure for each view.

    Args:
        path: a new file.
        title: of the page.
        model: what was looked into.
        seen: each input with its views.

    Raises:
        OutputError: it cannot be written.
        MissingExtraError: plotly is not installed.
    """
    from headgate.inspection.report import report

    write_whole(path, report(seen, title=title, intro=_said(model)))


def _said(model: Model) -> str:
    """Say in a sentence or two what the model is and how good it is."""
    scores: dict[str, Any] = model.metrics.get("test", {})
    known = ", ".join(
        f"{name} {score['value']:.4g} ({score['low']:.4g} to {score['high']:.4g})"
        for name, score in list(scores.items())[:3]
    )
    settings = model.task.settings
    layers = f"{settings.cell}, {settings.num_layers} × {settings.hidden_size} units"
    return f"Task {model.task.name}; {layers}." + (f" On its test part: {known}." if known else "")
