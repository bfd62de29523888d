"""headgate demo: dates in many languages to ISO 8601, from nothing to a model seen into."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.screen import heading, in_colour, say, table
from headgate.cli.serve import need_server
from headgate.errors import OutputError, OutputExistsError

if TYPE_CHECKING:
    from headgate.model import Model

COUNT = 40_000
MINUTES = 3.0
SETTINGS: dict[str, Any] = {
    "epochs": 8,
    "hidden_size": 128,
    "embedding_size": 64,
    "dropout": 0.1,
    "label_smoothing": 0.0,
}
UNSEEN = {  # written by hand: the training never sees them
    "21 Nov 2026": "2026-11-21",
    "2026년 11월 21일 토요일": "2026-11-21",
    "le 21 novembre 2026": "2026-11-21",
    "令和8年11月21日": "2026-11-21",
    "21 de noviembre de 2026": "2026-11-21",
    "Samstag, 21. November 2026": "2026-11-21",
    "11/21/2026": "2026-11-21",
    "3.4.2026": "2026-04-03",
    "March 3rd, 1999": "1999-03-03",
    "1º de maio de 2031": "2031-05-01",
}
SHOWN = "le 21 novembre 2026"
INTRO = (
    "A row is a character that the model wrote, a column one that it read. The stronger the "
    "colour of a cell, the more the model looked there when it wrote.\n\n"
    "None of these dates is in the data that it learned from."
)


def demo(
    *,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="A new directory. [default: headgate-demo]"),
    ] = None,
    minutes: Annotated[
        float, typer.Option(metavar="M", help="Minutes of training at most.")
    ] = MINUTES,
    count: Annotated[int, typer.Option(metavar="N", min=20, help="Dates to learn from.")] = COUNT,
    seed: Annotated[int, typer.Option(metavar="N", help="The seed of all chance.")] = 42,
    web: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Then open a page in the browser, with this date in it."),
    ] = None,
) -> None:
    """Train a translator of dates, and see what it looks at."""
    # Long: each option of the command is an argument.
    if web is not None:
        need_server()
    place = _make(Path(out) if out is not None else _free("headgate-demo"))
    data = place / "dates.csv"
    languages = _write_dates(data, count=count, seed=seed)
    typer.echo(f"{count} dates in {languages} languages, written to {data}")

    from headgate.model import train

    model = train(
        data,
        input="written",
        target="iso",
        task="translate",
        out=place / "model",
        say=say,
        minutes=minutes,
        seed=seed,
        **SETTINGS,
    )
    _show_score(model)
    _show_translations(model)
    _show_attention(model, place / "attention.html")
    _say_what_next(place)
    if web is not None:
        from headgate.cli.inspect_web import open_page

        typer.echo()
        open_page("dates", model, [web])


def _make(place: Path) -> Path:
    try:
        place.mkdir(parents=True)
    except FileExistsError:
        raise OutputExistsError(
            f"{place} is there already and was not touched: name another place with --out"
        ) from None
    except OSError as error:
        raise OutputError(f"{place} cannot be made: {error.strerror}") from error
    return place


def _free(name: str) -> Path:
    """Find a name that is free: headgate-demo, headgate-demo-2 and so on."""
    place, number = Path(name), 2
    while place.exists():
        place, number = Path(f"{name}-{number}"), number + 1
    return place


def _write_dates(path: Path, *, count: int, seed: int) -> int:
    """Write dates, none of which is one of those that are tried afterwards."""
    from headgate.data.dates import generate

    kept = {" ".join(text.split()).casefold() for text in UNSEEN}
    drawn = generate(count + len(UNSEEN), seed=seed)
    pairs = [pair for pair in drawn if pair.written.casefold() not in kept][:count]
    try:
        with open(path, "x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["written", "iso", "language"])
            writer.writerows(pairs)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror}") from error
    return len({pair.language for pair in pairs})


def _show_score(model: Model) -> None:
    score = model.metrics["test"]["exact_match"]
    heading("The score")
    typer.echo(
        f"{score['value']:.1%} of the dates kept for the test are exactly right\n"
        f"(95 % interval {score['low']:.1%} to {score['high']:.1%}); "
        f"the best baseline gets {score['baseline']:.1%}."
    )


def _show_translations(model: Model) -> None:
    heading("Dates written by hand, none of them in dates.csv")
    found = map(str, model.predict(list(UNSEEN)))
    rows = [
        (written, given, "" if given == iso else f"wrong: {iso}")
        for (written, iso), given in zip(UNSEEN.items(), found, strict=True)
    ]
    table(["written", "translated", ""], rows)


def _show_attention(model: Model, page: Path) -> None:
    from headgate.inspection.attention import alignment_line
    from headgate.inspection.attention_html import as_html
    from headgate.inspection.attention_text import as_text

    heading(f"What each character looked at: {SHOWN}")
    maps: dict[str, Any] = {text: model.inspect(text).attention for text in UNSEEN}
    typer.echo(as_text(maps[SHOWN], colour=in_colour()))
    typer.echo(f"\n{alignment_line(maps[SHOWN])}")
    text = as_html([*maps.values()], title="Dates: what the model looked at", intro=INTRO)
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{page} could not be written: {error.strerror}") from error


def _say_what_next(place: Path) -> None:
    heading("What is where")
    typer.echo(f"{place}/dates.csv       the data")
    typer.echo(f"{place}/model           the model, its scores and its card")
    typer.echo(f"{place}/attention.html  what it looked at; open it in a browser")
    heading("What to try next")
    typer.echo(f"headgate translate {place}/model --attention '7 Jan 2001'")
    typer.echo(f"headgate inspect {place}/model --web --text '7 Jan 2001'")
    typer.echo("headgate cells lstm --set peephole=true")
    typer.echo("headgate train YOUR.csv --input COLUMN --target COLUMN")
