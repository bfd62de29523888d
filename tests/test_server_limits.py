"""A server takes on what it can, stops what nobody waits for, and ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kept import KINDS
from tests.rough import (
    MARKER,
    answer,
    exchange,
    head,
    heard,
    only,
    overheard,
    posted,
    until,
    waiting,
)
from tests.served import Client, bare, running, serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from headgate.errors import HeadgateError
from headgate.model import Model
from headgate.server.deadline import Deadline
from headgate.server.limits import Limits
from headgate.server.run import Server
from headgate.server.session_routes import Acts
from headgate.tasks.continuation import Chooser

SAY = posted("/v1/predict", b'{"model": "w", "inputs": ["warm"]}')


@contextlib.contextmanager
def served(folder: Path, **limits: Any) -> Iterator[Client]:
    models = {"m": bare(KINDS["generate"].make()), "w": bare(KINDS["classify texts"].make())}
    with overheard(), serving(models, folder, Limits(**limits)) as client:
        yield client


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Predictions wait for the event."""
    event, real = threading.Event(), Model.predict

    def predict(*given: Any) -> Any:
        event.wait(30)
        return real(*given)

    monkeypatch.setattr(Model, "predict", predict)
    yield event
    event.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each token of a completion takes its time."""
    real = Chooser.choose

    def choose(*given: Any) -> Any:
        time.sleep(0.01)
        return real(*given)

    monkeypatch.setattr(Chooser, "choose", choose)


def writing(**asked: Any) -> bytes:
    whole = {"model": "m", "prompt": "wa", "max_tokens": 4000, **asked}
    return posted("/v1/completions", json.dumps(whole).encode())


def test_a_full_queue_asks_to_come_again(tmp_path: Path, held: threading.Event) -> None:
    with served(tmp_path, queue=3) as client:
        plugs = [client.socket() for _ in range(3)]
        for plug in plugs:
            plug.sendall(SAY)
        until(lambda: waiting(client) == 3)
        found = client.ask("POST", "/v1/predict", {"model": "w", "inputs": [MARKER]})
        assert found.status == 429
        assert int(found.headers["retry-after"]) >= 1
        assert found.headers["content-type"] == "application/problem+json"
        held.set()
        for plug in plugs:
            assert answer(plug).status == 200
            plug.close()
        until(lambda: waiting(client) == 0)


def test_an_answer_that_takes_too_long_is_given_up(tmp_path: Path, held: threading.Event) -> None:
    with served(tmp_path, seconds=0.3) as client:
        found = client.ask("POST", "/v1/predict", {"model": "w", "inputs": ["warm"]})
        assert (found.status, found.headers["retry-after"]) == (503, "1")
        held.set()
        client.close()
        assert client.post("/v1/predict", {"model": "w", "inputs": ["warm"]})


def test_more_connections_than_there_may_be(tmp_path: Path) -> None:
    with served(tmp_path, connections=10, seconds=2.0) as client:
        session = client.begin(model="m")
        assert client.ask("GET", "/healthz").status == 200
        plugs = [client.socket() for _ in range(9)]  # and the client's own
        until(lambda: client.ask("GET", "/healthz").status == 200)
        with client.socket() as plug:
            plug.sendall(head("GET", "/v1/models"))
            found = only([answer(plug)])
            assert (found.status, found.headers["retry-after"]) == (503, "1")
        with client.socket() as plug:
            plug.sendall(head("GET", "/healthz"))
            assert answer(plug).status == 200
        address = f"ws://{client.host}:{client.port}{session}/socket"
        with pytest.raises(Exception, match="503"):
            connect(address)
        many = [client.socket() for _ in range(30)]
        assert heard(many[-1]) == b""  # closed at once, not by its time
        for plug in [*plugs, *many]:
            plug.close()
        client.close()
        until(lambda: only(exchange(client, head(connection="close"))).status == 200)
        with connect(address) as talk:
            talk.send('{"do": "state"}')
            assert "state" in json.loads(talk.recv())


def test_work_stops_when_its_client_goes(tmp_path: Path, slow: None, held: Any) -> None:
    with served(tmp_path) as client:
        sent = [writing(), writing(stream=True), writing(prompt=["wa", "lo", "d"]), SAY, SAY]
        plugs = [client.socket() for _ in sent]
        for plug, each in zip(plugs, sent, strict=True):
            plug.sendall(each)
        until(lambda: waiting(client) == 7)
        for plug in plugs:
            plug.close()
        held.set()
        until(lambda: waiting(client) == 0, seconds=10)  # to the end it would take 40 s
        assert client.ask("GET", "/healthz").status == 200


@contextlib.contextmanager
def ending(folder: Path, **limits: Any) -> Iterator[tuple[Client, Server, threading.Thread]]:
    """A server that the test ends, as a signal does."""
    models = {"m": bare(KINDS["generate"].make())}
    with overheard(), running(models, folder, Limits(**limits)) as found:
        yield found


def test_who_does_not_read_a_long_answer_is_cut_off(tmp_path: Path) -> None:
    with ending(tmp_path, seconds=1.0) as (client, server, _):
        with socket.socket(fileno=os.dup(server.servers[0].sockets[0].fileno())) as listens:
            listens.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)  # of all that come
        with client.socket() as plug:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            plug.sendall(writing(stream=True, echo=True, n=16, prompt="wa" * (1 << 13)))
            cut = b'{method="POST",path="/v1/completions",status="499"} 1.0'
            until(lambda: cut in client.ask("GET", "/metrics").body)
            said = heard(plug)
        assert said.startswith(b"HTTP/1.1 200")
        assert b"[DONE]" not in said


def test_what_was_begun_is_finished_before_the_server_ends(tmp_path: Path, slow: None) -> None:
    with ending(tmp_path) as (client, server, thread):
        session = client.begin(model="m")
        address = f"ws://{client.host}:{client.port}{session}/socket"
        with client.socket() as plug, client.socket() as idle, connect(address) as talk:
            talk.send('{"input": ["w"]}')
            assert json.loads(talk.recv())["position"] == 1
            plug.sendall(writing(stream=True, max_tokens=100))
            until(lambda: waiting(client) == 1)
            server.handle_exit(15, None)
            assert client.problem("GET", "/readyz")[0] == 503
            client.close()
            assert closed(talk) == 1012
            assert heard(idle) == b""
            for path, status in (("/readyz", 503), ("/v1/models", 503), ("/healthz", 200)):
                found = exchange(client, head(path=path, connection="close"))
                assert only(found).status == status
            said = heard(plug)
            assert said.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
            assert said.count(b'"text":') > 50
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[Any], threading.Event]]:
    """Steps wait for the event; what has come as far as that is in the list."""
    came, event, real = [], threading.Event(), Acts.step

    async def step(*given: Any) -> Any:
        came.append(given)
        while not event.is_set():
            await asyncio.sleep(0.01)
        return await real(*given)

    monkeypatch.setattr(Acts, "step", step)
    yield came, event
    event.set()


def test_a_message_that_was_begun_is_answered_before_the_server_ends(
    tmp_path: Path, gate: tuple[list[Any], threading.Event]
) -> None:
    came, opens = gate
    with ending(tmp_path) as (client, server, thread):
        session = client.begin(model="m")
        address = f"ws://{client.host}:{client.port}{session}/socket"
        with connect(address) as talk, connect(address) as idle:
            for _ in range(3):
                talk.send('{"input": ["w"]}')
            until(lambda: bool(came))
            server.handle_exit(15, None)
            assert closed(idle) == 1012
            opens.set()
            assert json.loads(talk.recv(timeout=30))["position"] == 1
            assert closed(talk) == 1012
        thread.join(20)
        assert not thread.is_alive()
    assert len(came) == 1  # what had not begun was not done


def closed(talk: ClientConnection) -> int:
    """Why the server closes, which says nothing else before."""
    with pytest.raises(ConnectionClosed) as found:
        talk.recv(timeout=30)
    assert found.value.rcvd is not None
    return found.value.rcvd.code


def test_a_client_that_hangs_does_not_keep_a_server(tmp_path: Path, slow: None) -> None:
    with ending(tmp_path, seconds=0.5) as (client, server, thread):
        session = client.begin(model="m")
        sent = [writing(stream=True), writing(), b"", b"GET /", SAY[:-3]]
        plugs = [client.socket() for _ in sent]
        for plug, each in zip(plugs, sent, strict=True):
            plug.sendall(each)
        address = f"ws://{client.host}:{client.port}{session}/socket"
        with connect(address) as talk:
            talk.send("[1]")
            assert "problem" in json.loads(talk.recv())
            server.handle_exit(15, None)
            thread.join(20)
            assert not thread.is_alive()
        for plug in plugs:
            plug.close()


def test_what_takes_too_long_to_end_is_told_so(tmp_path: Path, slow: None, gate: Any) -> None:
    with ending(tmp_path, seconds=30.0) as (client, server, thread):
        server._desk.limits.__dict__["seconds"] = 0.2  # of the end alone
        session = client.begin(model="m")
        address = f"ws://{client.host}:{client.port}{session}/socket"
        with client.socket() as plug, connect(address) as talk:
            plug.sendall(writing())
            talk.send('{"input": ["w"]}')
            until(lambda: waiting(client) == 1 and bool(gate[0]))
            server.handle_exit(15, None)
            assert only([answer(plug)]).status == 503
            assert closed(talk) == 1012
        thread.join(20)
        assert not thread.is_alive()


async def _nested(outer: float, inner: float) -> str:
    try:
        with Deadline(outer):
            try:
                with Deadline(inner):
                    await asyncio.sleep(30)
            except TimeoutError:
                return "inner"
    except TimeoutError:
        return "outer"
    return "none"


def test_a_deadline_in_a_deadline() -> None:
    assert asyncio.run(_nested(5, 0.01)) == "inner"
    assert asyncio.run(_nested(0.01, 5)) == "outer"


def test_a_deadline_that_is_kept_and_one_that_is_cancelled() -> None:
    async def kept() -> int:
        with Deadline(0.01):
            pass
        await asyncio.sleep(0.05)
        with pytest.raises(ValueError, match="own"), Deadline(5):
            raise ValueError("own")
        return 1

    async def cancelled() -> str:
        async def waits() -> None:
            with Deadline(5):
                await asyncio.sleep(30)

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        return "finished"

    assert asyncio.run(kept()) == 1
    assert asyncio.run(cancelled()) == "cancelled"


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": float("inf")}, {"seconds": float("nan")}, {"seconds": 0.0}, {"idle": -1.0},
     {"queue": 0}, {"connections": 0}, {"rewind": -1}, {"forget": 0.0}],
)  # fmt: skip
def test_bounds_that_are_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(HeadgateError, match=next(iter(wrong))):
        Limits(**wrong)
