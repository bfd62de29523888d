"""A server in this process, and a client that says what it heard."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headgate.model import Model
from headgate.server.desk import Desk
from headgate.server.limits import Limits
from headgate.server.run import Door, Server, configured
from headgate.server.store import Store


@dataclass(frozen=True)
class Heard:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks a server, over a connection that is kept."""

    def __init__(self, address: str, token: str | None = None) -> None:
        found = urlsplit(address)
        assert found.hostname is not None
        assert found.port is not None
        self.host, self.port = found.hostname, found.port
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Heard:
        """Ask; a body that is not bytes is sent as JSON."""
        whole = {**self.headers, **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            whole.setdefault("Content-Type", "application/json")
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            self._connection.request(method, path, body, whole)
            answer = self._connection.getresponse()
            found = Heard(answer.status, dict(answer.headers), answer.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.will_close:
            self.close()
        return found

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """Ask for what is given as JSON."""
        heard = self.ask("POST", path, {} if body is None else body)
        assert heard.status == status, heard
        return heard.json

    def begin(self, **asked: Any) -> str:
        """Begin a session; give its path."""
        return f"/v1/sessions/{self.post('/v1/sessions', asked, 201)['id']}"

    def problem(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Ask for what is refused; give the status and what is said."""
        heard = self.ask(method, path, body)
        assert heard.headers["content-type"] == "application/problem+json", heard
        assert heard.json["status"] == heard.status
        return heard.status, heard.json["detail"]

    def socket(self) -> socket.socket:
        """Connect, and say nothing."""
        return socket.create_connection((self.host, self.port), timeout=60)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def bare(task: Any) -> Model:
    """A model of a task that came from no file."""
    return Model(task, {"data": {"input": "x", "target": None}}, {}, [])


@contextlib.contextmanager
def serving(
    models: Mapping[str, Model],
    folder: Path,
    limits: Limits | None = None,
    token: str | None = None,
) -> Iterator[Client]:
    """Serve models in a thread; at the end the server ends as by a signal."""
    with running(models, folder, limits, token) as (client, _, _):
        yield client


@contextlib.contextmanager
def running(
    models: Mapping[str, Model],
    folder: Path,
    limits: Limits | None = None,
    token: str | None = None,
) -> Iterator[tuple[Client, Server, threading.Thread]]:
    """Serve models, and give the server with its thread, too: a test may end it."""
    store = Store(folder)
    desk = Desk(models, store, limits or Limits(), guarded=token is not None)
    there = threading.Event()
    address: list[str] = []

    def say(text: str) -> None:
        address.append(text)
        there.set()

    server = Server(configured(desk, Door(port=0, token=token)), desk, say)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        assert there.wait(60)
        client = Client(address[0], token)
        yield client, server, thread
        client.close()
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
        store.close()
