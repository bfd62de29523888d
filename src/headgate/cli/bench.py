"""headgate bench: layers and streams timed beside their rivals, on this machine."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from headgate.cli.whole import check_places, write_whole
from headgate.errors import DataError

Target = Annotated[
    str | None,
    typer.Argument(
        metavar="TARGET", help="What is measured: layers or stream.", show_default=False
    ),
]
Sections = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Of grid,variants,cells,own,ragged,trace,inference (layers) or single,batch (stream)."
        " [default: all]",
    ),
]
Cells = Annotated[
    str | None, typer.Option("--cell", metavar="NAMES", help="These cells only: lstm,gru.")
]
Quick = Annotated[bool, typer.Option("--quick", help="A first look: few rounds, no slow row.")]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write every figure there, too.")
]


def bench(
    target: Target = None,
    *,
    sections: Sections = None,
    cell: Cells = None,
    quick: Quick = False,
    report: Json = None,
) -> None:
    """Measure this installation beside its rivals."""
    from headgate.bench import targets
    from headgate.bench.plan import plan_for

    if target is None:
        known = " or ".join(targets.TARGETS)
        raise DataError(f"name what is to be measured: headgate bench {known}")
    cells, names = _names(cell), _names(sections)
    targets.check_names(target, names, cells)
    check_places(report)
    plan = plan_for(cells, quick=quick)
    whole = targets.begin(target, plan)
    try:
        targets.run(whole, plan, names, _say_now)
    finally:  # Ctrl-C, too: what was measured so far is worth having
        if report is not None:
            write_whole(
                report, json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            )
            _say_now(f"\n{'all' if whole['complete'] else 'what was measured so far'}: {report}")


def _names(text: str | None) -> list[str]:
    """Read names with commas between them."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _say_now(line: str) -> None:
    """Print a line at once, also into a pipe."""
    typer.echo(line)
    typer.get_text_stream("stdout").flush()
