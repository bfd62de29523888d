"""headgate export and verify: a model as ONNX with what runs it, and the proof that it is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.options import ModelPath
from headgate.errors import UnknownNameError

if TYPE_CHECKING:
    from headgate.export.comparison import Compared

FORMATS = ("onnx",)


def export(
    model: ModelPath,
    *,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="The format: onnx.")] = "onnx",
    out: Annotated[str, typer.Option(metavar="DIR", help="A new directory.", show_default=False)],
    stream: Annotated[
        bool, typer.Option("--stream", help="One step, with its states in and out.")
    ] = False,
) -> None:
    """Write a model as ONNX, with a script that runs it without torch and headgate."""
    if to not in FORMATS:
        raise UnknownNameError("format", to, FORMATS)
    from headgate.model import load

    load(model).export(out, stream=stream, source=model)
    size = sum(file.stat().st_size for file in Path(out).iterdir())
    typer.echo(f"saved: {out} ({size / 1e3:,.0f} kB); headgate verify {out} compares it")


def verify(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="What export wrote.", show_default=False)
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The model. [default: the one it was exported from]"),
    ] = None,
) -> None:
    """Compare an exported model with the model itself, at sizes it was not exported with."""
    from headgate.export.facts import exported_from
    from headgate.model import load

    difference = load(model or exported_from(folder)).verify(folder, _say)
    typer.echo(f"largest difference {difference:.1e}")


def _say(found: Compared) -> None:
    sizes = " ".join(f"{axis}={size}" for axis, size in found.sizes.items())
    typer.echo(f"{found.graph:<10} {sizes:<24} {found.difference:.1e}  {found.where}")
