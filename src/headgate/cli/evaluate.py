"""headgate evaluate: a model's scores on rows that it has not learned from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.options import Encoding, ModelPath, Quoting
from headgate.cli.predict import Input
from headgate.cli.screen import table
from headgate.cli.whole import check_places, write_whole

if TYPE_CHECKING:
    from headgate.data.columns import Table
    from headgate.model import Model


def evaluate(  # noqa: PLR0913  (a command's options are its arguments)
    model: ModelPath,
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="Rows as in training.", show_default=False),
    ],
    *,
    report: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the scores there, too.")
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="int8: judge the stream of bytes, and what it loses."),
    ] = None,
    input: Input = None,
    target: Annotated[
        str | None, typer.Option(metavar="COL", help="The target column. [default: as in training]")
    ] = None,
    encoding: Encoding = None,
    quoting: Quoting = None,
) -> None:
    """Judge a model on a file, beside a baseline."""
    check_places(report)
    from headgate.model import load

    loaded = load(model)
    named = {"input": input, "target": target}
    rows = _read(loaded, data, encoding=encoding, quoting=quoting, **named)
    found = loaded.evaluate(rows, quantize=quantize, **named)
    typer.echo(f"{len(rows)} rows of {data}\n")
    _show(found)
    if report is not None:
        scores = {name: score.to_dict() for name, score in found.scores.items()}
        whole = {"data": Path(data).name, "rows": len(rows), "quantize": quantize}
        whole |= {"scores": scores}
        whole |= {"baselines": found.baselines, "notes": found.notes}
        write_whole(report, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def _read(loaded: Model, data: str, **named: str | None) -> Table:
    from headgate.data.origin import overridden, read_parts

    return read_parts(data, overridden(loaded.config["data"], **named), one="test")["test"]


def _show(found: Any) -> None:
    rows = [
        [
            name,
            _number(score.value),
            f"{_number(score.low)} to {_number(score.high)}",
            "" if score.baseline is None else _number(score.baseline),
            _rival(name, score.baseline, found.baselines),
        ]
        for name, score in found.scores.items()
    ]
    table(["score", "value", "95 % interval", "baseline", "which"], rows, right=(1, 2, 3))
    if found.notes:
        typer.echo()
    for note in found.notes:
        typer.echo(note)


def _rival(name: str, value: float | None, baselines: dict[str, dict[str, float]]) -> str:
    """Name the baseline that the figure beside a score is of."""
    if value is None:
        return ""
    return next((rival for rival, own in baselines.items() if own.get(name) == value), "")


def _number(value: float) -> str:
    """Scores end at 1 or, as BLEU, at 100."""
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.2f}"
