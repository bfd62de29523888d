"""Clients that do not behave, byte by byte, and a log that has to keep quiet of them."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.served import Client, Heard

MARKER = "Zq7xmark"
"""What is sent everywhere, and must stand in no log."""


def head(method: str = "GET", path: str = "/v1/models", **headers: Any) -> bytes:
    """The beginning of a request; ``content_length=3`` is the header Content-Length."""
    said = {"host": "localhost", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in said.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def posted(path: str, body: bytes, **headers: Any) -> bytes:
    """A whole request of JSON."""
    headers = {"content_type": "application/json", "content_length": len(body), **headers}
    return head("POST", path, **headers) + body


def exchange(client: Client, *pieces: bytes) -> list[Heard]:
    """Send pieces, and give every answer that comes until the server closes."""
    with client.socket() as plug:
        with contextlib.suppress(OSError):  # it may be answered, and closed, before the last
            for piece in pieces:
                plug.sendall(piece)
        return answers(heard(plug))


def heard(plug: socket.socket) -> bytes:
    """Read until the server closes."""
    whole = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := plug.recv(65536):
            whole += piece
    return bytes(whole)


def answer(plug: socket.socket) -> Heard:
    """Read one answer."""
    found = http.client.HTTPResponse(plug)
    found.begin()
    return Heard(found.status, {k.lower(): v for k, v in found.headers.items()}, found.read())


class _Plug:
    def __init__(self, file: io.BufferedReader) -> None:
        self.file = file

    def makefile(self, *_: Any) -> io.BufferedReader:
        return self.file


class _Kept(io.BytesIO):
    def close(self) -> None:
        """Stay open: other answers follow."""


def answers(data: bytes) -> list[Heard]:
    """Take answers apart."""
    file, found = _Kept(data), []
    while file.tell() < len(data):
        answer = http.client.HTTPResponse(_Plug(file))  # type: ignore[arg-type]
        answer.begin()
        body = answer.read()
        found.append(Heard(answer.status, {k.lower(): v for k, v in answer.headers.items()}, body))
    return found


def only(found: list[Heard]) -> Heard:
    """The one answer; a problem document where it is an error."""
    [one] = found
    if one.status >= 400:
        assert one.headers["content-type"] == "application/problem+json", one
        assert one.json["status"] == one.status
    return one


def waiting(client: Client) -> float:
    """How many requests wait for the models."""
    text = client.ask("GET", "/metrics").body.decode()
    return sum(float(each) for each in re.findall(r"^headgate_waiting\{.*\} (.+)$", text, re.M))


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextlib.contextmanager
def overheard() -> Iterator[list[dict[str, Any]]]:
    """Give the server's lines as they come; what any logger says has none of the users' texts."""
    lines: list[dict[str, Any]] = []
    others: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said = logging.Formatter().format(record)
            if record.name == "headgate.server":
                lines.append(json.loads(said))
            elif record.name.startswith(("uvicorn", "asyncio", "websockets", "headgate")):
                others.append(said)
            assert MARKER not in said

    ear, own, root = Ear(), logging.getLogger("headgate.server"), logging.getLogger()
    level = own.level
    own.setLevel(logging.INFO)
    root.addHandler(ear)
    try:
        yield lines
        assert others == []
        assert MARKER not in json.dumps(lines)
    finally:
        root.removeHandler(ear)
        own.setLevel(level)
