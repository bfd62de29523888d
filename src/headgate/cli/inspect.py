"""headgate inspect: what a model does with an input, gate by gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.asked import row_of, text_of
from headgate.cli.options import Encoding, ModelPath
from headgate.cli.screen import heading, in_colour, say
from headgate.cli.whole import check_places
from headgate.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from headgate.inspection.trace import Inspection
    from headgate.inspection.view import View
    from headgate.model import Model

PARTS = ("encoder", "decoder")
_FILES = {"caption": "a picture", "transcribe": "a sound"}  # what an input is a path of


def inspect(  # noqa: PLR0913 - each is an option of the command
    model: ModelPath,
    *,
    text: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="The input; of sounds and pictures a path. May come several times with --html.",
        ),
    ] = None,
    text_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file whose whole text is the input.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="A table whose row --row is the input.")
    ] = None,
    row: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="The row of --data, from 1. [default: 1]"),
    ] = None,
    encoding: Encoding = None,
    view: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this: gates, gradients, memory, attribution, attention. May come again.",
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help='Of this layer only: 1, or "1 reverse".')
    ] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Of this gate or state only. May come again."),
    ] = None,
    part: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a translator: encoder or decoder.")
    ] = None,
    place: Annotated[
        int | None,
        typer.Option(metavar="N", help="The answer that counts, from 0; the last where left out."),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(metavar="REGEX", help="Find the units that follow this pattern in the text."),
    ] = None,
    held_out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Another text, which --query is scored on.")
    ] = None,
    clamp: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="WHAT=X", help="What if: forget=1, h[5]=0, 2.c[3]@7=0. May come again."
        ),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(metavar="N=TOKEN", help="What if token N, from 1, were another: 3=good."),
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page that works offline, too.")
    ] = None,
    web: Annotated[
        bool, typer.Option("--web", help="Open a page in the browser to look into it by hand.")
    ] = False,
    report: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write every array there, too.")
    ] = None,
) -> None:
    """See what a model does with an input: gates, gradients, memory, attention."""
    # Long: each option of the command is an argument.
    check_places(html, report)
    from headgate.cli.inspect_files import write_json, write_page
    from headgate.cli.inspect_views import Wishes
    from headgate.model import load

    loaded = load(model)
    asked = _Asked(tuple(text or ()), text_file, data, row, encoding)
    if web:
        _open(model, loaded, asked, others=bool(view or query or clamp or change or html or report))
        return
    seen = [_part(loaded.inspect(each), part) for each in asked.inputs(loaded)]
    beside = None if held_out is None else text_of(held_out, encoding)
    other = None if beside is None else _part(loaded.inspect(beside), part)
    wishes = Wishes(
        views=tuple(view or ()),
        layer=layer,
        names=tuple(gate or ()),
        place=place,
        queries=tuple(query or ()),
        held_out=other,
        clamps=tuple(clamp or ()),
        changes=tuple(change or ()),
    )
    shown = [(each, wishes.of(each, loaded.inspect)) for each in seen]
    # before anything is drawn, as who reads a pipe may leave it
    if report is not None:
        write_json(report, loaded, shown)
    if html is not None:
        write_page(html, Path(model).resolve().name, loaded, shown)
    for _, views in shown:
        _show(views)
    for path in filter(None, (report, html)):
        say(f"\nwritten: {path}")


def _open(path: str, loaded: Model, asked: _Asked, *, others: bool) -> None:
    """Open the page, with the input where there is one."""
    if others:
        raise DataError("--web shows every view, and writes no file: leave the others out")
    from headgate.cli.inspect_web import open_page

    open_page(Path(path).resolve().name, loaded, asked.inputs(loaded) if asked.any else [])


@dataclass(frozen=True)
class _Asked:
    """The options that say what the input is."""

    texts: tuple[str, ...]
    file: str | None
    data: str | None
    row: int | None
    encoding: str | None

    @property
    def any(self) -> bool:
        return bool(self.texts) or self.file is not None or self.data is not None

    def inputs(self, loaded: Model) -> list[Any]:
        if sum((bool(self.texts), self.file is not None, self.data is not None)) != 1:
            raise DataError(
                "one input is wanted: --text TEXT, --text-file FILE, or --data FILE with --row N"
            )
        if self.row is not None and self.data is None:
            raise DataError("--row is for --data: name a file of rows, or leave it out")
        if self.file is not None:
            kind = _FILES.get(loaded.task.name)
            if kind:
                raise DataError(f"the model reads {kind}, and no text: name its file with --text")
            return [text_of(self.file, self.encoding)]
        if self.data is not None:
            return [row_of(loaded, self.data, self.row or 1, encoding=self.encoding)]
        return [*map(_stored, self.texts)]


def _stored(text: str) -> str:
    """Refuse bytes of the command line that are no UTF-8, but in the name of a file."""
    bad = next((each for each in text if "\ud800" <= each <= "\udfff"), None)
    if bad is not None and not Path(text).exists():
        raise DataError(
            f"--text is to be UTF-8, and {text!a} came: convert it first, for example with iconv"
        )
    return text


def _part(found: Inspection, part: str | None) -> Inspection:
    if part is None or part == "encoder":
        if part and found.decoder is None:
            raise DataError(
                "the model is one network, with no encoder and decoder: leave out --part"
            )
        return found
    if part not in PARTS:
        raise UnknownNameError("part", part, PARTS)
    if found.decoder is None:
        raise DataError("the model is one network, with no encoder and decoder: leave out --part")
    return found.decoder


def _show(views: Sequence[View]) -> None:
    for view in views:
        text = view.as_text(colour=in_colour())
        if not text.startswith(view.title):
            heading(view.title)
        typer.echo(text)
