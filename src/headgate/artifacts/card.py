"""The model card: what was trained, on what, how well, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write_card(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Write README.md from a run.

    Args:
        config: the configuration of the model.
        metrics: what is in metrics.json.

    Returns:
        The card as Markdown.
    """
    data, training = config["data"], metrics["training"]
    lines = [
        f"# {config['task']}: {_columns(data)}",
        "",
        f"A recurrent network ({config['settings']['cell']}, {training['parameters']:,} "
        f"parameters), trained with headgate {config['headgate']}.",
        "",
        "## How good it is",
        "",
        *_scores(metrics),
        "",
        "Intervals are 95 %. The test part was looked at once, after all was chosen on the "
        "validation part.",
        "",
        *_notes(metrics),
        "## What it learned from",
        "",
        f"- {data['source']} (SHA-256 {data['sha256'][:16]}…): {data['rows']} rows; "
        f"train {data['train']}, validation {data['valid']}, test {data['test']}; seed "
        f"{config['plan']['seed']}",
        f"- {training['seconds']:.0f} s, {training['steps']} steps, ended by: {training['reason']}",
        *(f"- doctor: {sentence}" for sentence in training.get("doctor", ())),
        "",
        "## How to use it",
        "",
        "```python",
        "import headgate as hg",
        "",
        "model = hg.load('.')",
        "print(model.predict('…'))",
        "```",
        "",
        "## Limits",
        "",
        "It knows texts like those it learned from. On others its scores say nothing, and its "
        "probabilities are not calibrated.",
        "",
    ]
    return "\n".join(lines)


def _columns(data: Mapping[str, Any]) -> str:
    target = "" if data["target"] is None else f" → {data['target']}"
    return f"{data['input']}{target}"


def _notes(metrics: Mapping[str, Any]) -> list[str]:
    notes = [f"- {note}" for note in metrics.get("notes", [])]
    return [*notes, ""] if notes else []


def _scores(metrics: Mapping[str, Any]) -> list[str]:
    if not metrics.get("test"):
        return ["There was no test part."]
    lines = ["| score | value | interval | best baseline |", "|---|---|---|---|"]
    for name, score in metrics["test"].items():
        baseline = "" if score["baseline"] is None else f"{score['baseline']:.3f}"
        lines.append(
            f"| {name} | {score['value']:.3f} | {score['low']:.3f} to {score['high']:.3f} "
            f"| {baseline} |"
        )
    return lines
