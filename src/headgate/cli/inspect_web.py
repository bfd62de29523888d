"""The page of a model, with an input in it: a server for it alone, and a browser."""

from __future__ import annotations

import json
import tempfile
import threading
import webbrowser
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import typer

from headgate.cli.serve import ended_by_signals, need_server
from headgate.errors import DataError
from headgate.model import Model

_FILES = ("audio", "image", "video", "music")
_MOST = 2  # inputs that stand beside each other
_STEPS = 20_000  # as many as a text may have characters
_BROWSERS = 64  # connections of one user, which any process may have
_HEARD = 6000  # characters of an address that a server reads: what is longer goes past it
_LONGEST = 100_000  # characters of an address that a browser is started with


def open_page(name: str, model: Model, inputs: Sequence[Any]) -> None:
    """Serve the page on this machine alone until Ctrl-C, and open it in a browser.

    Args:
        name: of the model.
        model: the model.
        inputs: up to two, which then stand beside each other.

    Raises:
        DataError: there are more, or one cannot stand in an address.
        MissingExtraError: a package of the server is not installed.
    """
    need_server()
    from headgate.server.limits import Limits
    from headgate.server.run import Door, serve

    if inputs and model.task.reads in _FILES:
        raise DataError("the model reads files: leave the input out, and choose one on the page")
    if "/" in name or not name.isprintable():
        name = "model"
    view = view_of(name, inputs)

    def say(address: str) -> None:
        typer.echo(f"{name} at {address}/{view}")
        typer.echo("Ctrl-C ends.")
        threading.Thread(target=_browse, args=(f"{address}/{view}",), daemon=True).start()

    with tempfile.TemporaryDirectory(prefix="headgate-") as folder, ended_by_signals():
        limits = Limits(steps=_STEPS, connections=_BROWSERS)
        serve({name: model}, Door(port=0), sessions=folder, limits=limits, say=say)


def view_of(name: str, inputs: Sequence[Any]) -> str:
    """Write inputs as the end of the page's address.

    Args:
        name: of the model.
        inputs: as ``Model.predict`` takes them: texts or series.

    Returns:
        What follows the last slash.

    Raises:
        DataError: there are more than two, or one cannot stand in an address.

    Example:
        >>> view_of("mood", ["a warm film"])
        '?model=mood&text=a+warm+film'
    """
    if len(inputs) > _MOST:
        raise DataError(f"the page shows {_MOST} inputs beside each other, and {len(inputs)} came")
    known = {"model": name}
    for key, given in zip(("text", "beside"), inputs, strict=False):
        known[key] = _written(given)
    whole = urlencode(known)
    if len(whole) > _LONGEST:
        raise DataError("the input is too long for an address: leave it out, and paste it there")
    return f"{'?' if len(whole) <= _HEARD else '#'}{whole}"


def _written(given: Any) -> str:
    """Write an input as one types it into the page."""
    if isinstance(given, str):
        return given
    if isinstance(given, tuple):
        return " ".join(given)
    numbers = getattr(given, "tolist", None)
    if numbers is None:
        raise DataError("an input of this kind is no text: leave it out, and choose it on the page")
    return json.dumps(_null(numbers()))


def _null(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, list):
        return [_null(each) for each in value]
    return value if value == value else None


def _browse(address: str) -> None:
    """Open a browser with a window; one that runs in this terminal would take it over."""
    try:
        found = webbrowser.get()
        terminal = type(found) is webbrowser.GenericBrowser
        if not terminal:
            found.open(address)
    except webbrowser.Error:  # there is none: the address was printed
        return
