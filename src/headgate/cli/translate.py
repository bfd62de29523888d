"""headgate translate: texts from the arguments, a pipe or a prompt."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.lines import lines_of
from headgate.cli.options import ModelPath
from headgate.cli.screen import in_colour
from headgate.errors import DataError

if TYPE_CHECKING:
    from headgate.model import Model

_AT_ONCE = 64


Text = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TEXT]...", help="What to translate; else lines of a pipe, or a prompt."
    ),
]
NBest = Annotated[
    int, typer.Option(metavar="N", min=1, help="Translations of each text, best first.")
]
Beam = Annotated[int | None, typer.Option(metavar="N", min=1, help="Hypotheses kept; 1 is greedy.")]
MinLength = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Tokens of a translation at least.")
]
LengthPenalty = Annotated[
    float | None, typer.Option(metavar="A", help="More favours longer translations; 0 none.")
]
CoveragePenalty = Annotated[
    float | None,
    typer.Option(metavar="B", min=0.0, help="More favours those that looked at all of the text."),
]
Drawn = Annotated[bool, typer.Option("--attention", help="Draw what each token looked at.")]


def translate(  # noqa: PLR0913 - each is an option of the command
    model: ModelPath,
    text: Text = None,
    *,
    n_best: NBest = 1,
    beam: Beam = None,
    min_length: MinLength = None,
    length_penalty: LengthPenalty = None,
    coverage_penalty: CoveragePenalty = None,
    attention: Drawn = False,
) -> None:
    """Translate texts; of the search what is not named is as the model was made with."""
    from headgate.model import load

    loaded = load(model)
    if loaded.task.name != "translate":
        raise DataError(
            f"{model} is no translator: its task is {loaded.task.name!r}; "
            f"use: headgate predict {model} DATA"
        )
    given = {
        "beam_width": beam,
        "min_length": min_length,
        "length_penalty": length_penalty,
        "coverage_penalty": coverage_penalty,
    }
    wishes = {name: value for name, value in given.items() if value is not None}
    at_once = 1 if attention or (not text and sys.stdin.isatty()) else _AT_ONCE
    lines = _checked(text) if text else _lines()
    while piece := list(itertools.islice(lines, at_once)):
        for line in _translated(loaded, piece, n_best, wishes):
            typer.echo(line)
        if attention:
            _draw(loaded, piece[0])


def _checked(texts: list[str]) -> Iterator[str]:
    """Give the texts, all of which are to be translated."""
    for row, text in enumerate(texts, start=1):
        if not text.strip():
            raise DataError("the text is empty, so there is nothing to translate", row=row)
        yield text


def _lines() -> Iterator[str]:
    """Give the lines of a pipe, all with a text; of a prompt those that have one."""
    asked = sys.stdin.isatty()
    for row, line in enumerate(lines_of("A text a line; Ctrl-D ends."), start=1):
        if line.strip():
            yield line
        elif not asked:
            raise DataError("the text is empty, so there is nothing to translate", row=row)


def _translated(
    loaded: Model, texts: list[str], n_best: int, wishes: dict[str, Any]
) -> Iterator[str]:
    """Give a line for each text; of several translations a block with their log-probabilities."""
    if n_best == 1 and not wishes:
        yield from (str(each) for each in loaded.predict(texts))
        return
    task: Any = loaded.task
    for text, found in zip(texts, task.search(texts, n_best=n_best, **wishes), strict=True):
        if n_best == 1:
            yield found[0].text
            continue
        yield text
        yield from (f"  {each.log_probability:8.3f}  {each.text}" for each in found)


def _draw(loaded: Model, text: str) -> None:
    from headgate.inspection.attention import alignment_line
    from headgate.inspection.attention_text import as_text

    seen = loaded.inspect(text).attention
    if seen is None:
        raise DataError("this translator has no attention, so there is nothing to draw")
    typer.echo(f"\n{as_text(seen, colour=in_colour())}\n\n{alignment_line(seen)}\n")
