"""headgate serve: models behind HTTP."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.options import Set, settings
from headgate.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from headgate.model import Model

_NEEDS = ("fastapi", "uvicorn", "websockets", "prometheus_client")
_LONGEST = 200  # characters of an example that is shown


def serve(  # noqa: PLR0913 - each is an option of the command
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Model directories; NAME=DIR for another name than the directory's.",
            show_default=False,
        ),
    ],
    *,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; beyond here with a token only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 for any that is free.")
    ] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", envvar="HEADGATE_TOKEN", help="What every request has to show."
        ),
    ] = None,
    sessions: Annotated[
        str, typer.Option(metavar="DIR", help="Where sessions are kept, and found again.")
    ] = "headgate-sessions",
    quantize: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="int8: the matrices of streams as bytes."),
    ] = None,
    set: Set = None,
) -> None:
    """Serve models: predictions, sessions, completions."""
    # Long: each option of the command is an argument.
    need_server()
    places = _named(models)
    from headgate.model import load
    from headgate.server.limits import limits_of
    from headgate.server.run import Door, log_to_stderr, serve

    door, limits = Door(host, port, token), limits_of(settings(set))
    loaded = {name: load(place) for name, place in places.items()}
    log_to_stderr()

    def say(address: str) -> None:
        typer.echo(f"{', '.join(loaded)} at {address}; sessions in {sessions}; Ctrl-C ends.")
        typer.echo(_example(address, loaded, guarded=token is not None))
        typer.echo(f"Every route, with examples for these models: {address}/openapi.json")

    with ended_by_signals():
        serve(loaded, door, sessions=sessions, limits=limits, quantize=quantize, say=say)


def _named(models: list[str]) -> dict[str, str]:
    """Give each model its name: the directory's, or the one before an equals sign."""
    found: dict[str, str] = {}
    for each in models:
        name, equals, place = each.partition("=")
        if not equals or Path(each).exists():
            place, name = each, Path(each).resolve().name
        if name in found:
            raise DataError(
                f"two models would be called {name!r}: name one of them, as other={place}"
            )
        if not name or "/" in name or not name.isprintable():
            raise DataError(
                f"a model cannot be called {name!r}, which stands in no address: name it, as "
                f"mine={place}"
            )
        found[name] = place
    return found


def _example(address: str, models: Mapping[str, Model], *, guarded: bool) -> str:
    """Write a command that asks the first model something it can answer."""
    from headgate.server.examples import completes, input_of

    name, model = next(iter(models.items()))
    asked: dict[str, Any] = {"model": name} if len(models) > 1 else {}
    given = input_of(model)
    if completes(model):
        path, asked = "completions", {**asked, "prompt": given, "max_tokens": 40}
    else:
        path, asked = "predict", {**asked, "inputs": [given]}
    body = shlex.quote(json.dumps(asked, ensure_ascii=False))
    token = ' -H "Authorization: Bearer $HEADGATE_TOKEN"' if guarded else ""
    if given is None or len(body) > _LONGEST:
        return f"Try: curl {address}/v1/models{token}"
    header = "-H 'Content-Type: application/json'"
    return f"Try: curl {address}/v1/{path}{token} {header} -d {body}"


def need_server() -> None:
    """Refuse to begin what serves, where the packages for it are not installed.

    Raises:
        MissingExtraError: one is not.
    """
    for package in _NEEDS:
        if find_spec(package) is None:
            raise MissingExtraError(package, "serve")


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """End well where a signal ends the server, which is raised again when all is put away."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
