"""headgate study: experiments that show a law of recurrent networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.whole import check_places, write_whole
from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.study.finding import Finding

Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="An experiment, or all of them: all.", show_default=False),
]
Out = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write it as one page: a new .html file.")
]
Figure = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write the figure alone: a new .svg file.")
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="The seed of all chance.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="Seconds each: shows that it runs, not the law.")
]


def study(
    name: Name = None,
    *,
    out: Out = None,
    figure: Figure = None,
    seed: Seed = 0,
    quick: Quick = False,
) -> None:
    """Make an experiment that shows a law of recurrent networks."""
    _check(name, figure)
    check_places(out, figure)
    if name is None:
        _list(out, figure)
        return
    from headgate.study.finding import Setting
    from headgate.study.page import as_html
    from headgate.study.running import run
    from headgate.study.table import STUDIES

    setting = Setting(seed, quick, _progress)
    found: dict[str, Finding] = {}
    for each in STUDIES if name == "all" else [name]:
        found[each] = run(each, setting)
        _show(found[each], first=len(found) == 1)
    if out is not None:
        commands = {each: _command(each, seed=seed, quick=quick) for each in found}
        write_whole(out, as_html(found, commands))
        typer.echo(f"\nthe page: {out}")
    if figure is not None:
        from headgate.study.figure import as_svg

        write_whole(figure, as_svg(found[str(name)]) + "\n")
        typer.echo(f"\nthe figure: {figure}")


def _check(name: str | None, figure: str | None) -> None:
    if name == "all" and figure is not None:
        raise DataError(
            "--figure writes the figure of one experiment: name one, or write a page of all with "
            "--out study.html"
        )


def _list(*places: str | None) -> None:
    from headgate.inspection.drawing import table
    from headgate.study.table import STUDIES

    if any(place is not None for place in places):
        raise DataError(
            f"name the experiment that is to be written: all, {', '.join(STUDIES)}; "
            "headgate study all --out study.html"
        )
    rows: Sequence[Sequence[str]] = [[name, each.question] for name, each in STUDIES.items()]
    typer.echo("\n".join(table(rows)))
    typer.echo("\nheadgate study NAME makes one, in a minute or two; all of them: ")
    typer.echo("headgate study all --out study.html")


def _show(finding: Finding, *, first: bool) -> None:
    from headgate.study.page import as_text

    typer.echo(("" if first else "\n\n") + as_text(finding))
    typer.get_text_stream("stdout").flush()


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _command(name: str, *, seed: int, quick: bool) -> str:
    """Write what measures a finding again."""
    return f"headgate study {name} --seed {seed}{' --quick' * quick}"
