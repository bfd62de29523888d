"""WebSockets of rough clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket as sockets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.kept import KINDS
from tests.rough import MARKER, exchange, head, heard, only, overheard, until
from tests.served import Client, bare, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from headgate.server.limits import Limits
from headgate.server.session_routes import Acts

BODY = 20_000
Lines = list[dict[str, Any]]
HANDSHAKE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec_websocket_version": 13,
    "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def lines() -> Iterator[Lines]:
    with overheard() as lines:
        yield lines


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, lines: Lines) -> Iterator[Client]:
    models = {"m": bare(KINDS["generate"].make())}
    limits = Limits(body=BODY, seconds=1.0)
    with serving(models, tmp_path_factory.mktemp("sockets"), limits) as client:
        yield client


@pytest.fixture
def session(client: Client) -> str:
    client.close()
    return client.begin()


def opened(client: Client, session: str, **how: Any) -> ClientConnection:
    return connect(f"ws://{client.host}:{client.port}{session}/socket", **how)


def said(socket: ClientConnection, message: str | bytes) -> Any:
    socket.send(message)
    return json.loads(socket.recv(timeout=30))


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("", 400),
        (b"", 400),
        ("{", 400),
        ("[" * 9000, 400),
        ("1" * 9000, 400),
        (b"\xff\xfe\x80\x00", 400),
        (bytes(range(256)), 400),
        (MARKER, 400),
        ("null", 422),
        ("[]", 422),
        (f'{{"do": "{MARKER}"}}', 422),
        ('{"do": ["step"]}', 422),
        ('{"do": "state", "more": 1}', 422),
        ('{"do": "__class__"}', 422),
        ('{"do": "card"}', 422),
        ('{"do": "delete"}', 422),
        ("{}", 422),
        ('{"input": "w", "do": "step", "do": "rewind"}', 422),
        ('{"input": ["\\ud800"]}', 422),
        (f'{{"input": ["w"], "{MARKER}": 1}}', 422),
        ('{"input": ["w"], "\\udfff": 1}', 422),
        ('{"input": [NaN]}', 422),
        ('{"input": ["w"], "at": 99}', 409),
        ('{"do": "rewind", "steps": 99}', 409),
        ('{"do": "place", "state": "!"}', 422),
        ('{"do": "place", "state": "gASVAAAAAA=="}', 409),
    ],
)
def test_messages_of_all_kinds(
    client: Client, session: str, message: str | bytes, status: int
) -> None:
    with opened(client, session) as socket:
        found = said(socket, message)["problem"]
        assert found["status"] == status, found
        assert said(socket, '{"input": ["w"]}')["position"] == 1
        assert said(socket, b'{"input": ["w"], "last": true}')["position"] == 2


def test_a_message_that_is_too_large_closes(client: Client, session: str) -> None:
    for piece in (b"x" * (BODY + 1), ["x" * BODY, "x"], [""] * 5000):
        with opened(client, session) as socket:
            with contextlib.suppress(ConnectionClosed):  # it may close before the last piece
                socket.send(piece)  # type: ignore[arg-type]
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=30)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
    with opened(client, session) as socket:
        assert said(socket, "x" * BODY)["problem"]["status"] == 400
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


def test_what_is_no_session_is_refused_before_it_opens(client: Client, session: str) -> None:
    for path in ("/v1/sessions/none", "/v1/sessions/%00", f"/v1/sessions/{MARKER}", "/v1/models"):
        with pytest.raises(InvalidStatus) as refused:
            opened(client, path)
        assert refused.value.response.status_code in (403, 404)
    sent = head(path="/v1/sessions/none/socket", **HANDSHAKE)
    assert only(exchange(client, sent)).status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"sec_websocket_key": "short"},
        {"sec_websocket_key": f"{MARKER}\xff"},
        {"sec_websocket_version": 12},
        {"content_length": 3},
        {"transfer_encoding": "chunked"},
        {"method": "POST"},
        {"x": "y" * 9000},
        {f"x{n}": MARKER for n in range(200)},
    ],
)
def test_what_is_no_handshake_is_refused(client: Client, session: str, wrong: Any) -> None:
    sent = head(**{"path": f"{session}/socket", **HANDSHAKE, **wrong})
    found = only(exchange(client, sent))
    assert found.status == 400
    assert MARKER not in str(found)


def test_a_session_that_is_deleted_while_its_socket_is_open(client: Client, session: str) -> None:
    with opened(client, session) as socket:
        assert said(socket, '{"input": ["w"]}')["position"] == 1
        assert client.ask("DELETE", session).status == 204
        assert said(socket, '{"input": ["w"]}')["problem"]["status"] == 404


def plain(client: Client, session: str) -> sockets.socket:
    """A WebSocket whose client does nothing by itself."""
    plug = client.socket()
    plug.sendall(head(path=f"{session}/socket", **HANDSHAKE))
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        said += plug.recv(1)
    assert said.startswith(b"HTTP/1.1 101")
    return plug


def framed(message: bytes, opcode: int = 1) -> bytes:
    """A frame as a client sends it, masked with zeros."""
    assert len(message) < 126
    return bytes([0x80 | opcode, 0x80 | len(message)]) + bytes(4) + message


def flood(plug: sockets.socket, piece: bytes) -> int:
    """Send, and read nothing, until the other side takes no more; how many bytes it took."""
    plug.settimeout(0.3)
    taken = 0
    try:
        while taken < 1 << 30:
            taken += plug.send(piece)
    except OSError:
        pass
    plug.settimeout(60)
    return taken


@pytest.mark.parametrize("frame", [framed(b"x" * 100, 9), framed(b'{"input": ["' + b"x" * 90)])
def test_who_does_not_read_is_not_read(client: Client, session: str, frame: bytes) -> None:
    with plain(client, session) as plug:
        plug.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 65536)
        assert flood(plug, frame * 1000) < 64 << 20  # what the buffers of both sides hold
    client.close()
    assert client.begin()


def test_a_client_that_answers_no_ping_is_cut_off(client: Client, session: str) -> None:
    with plain(client, session) as plug:
        said = heard(plug)
    assert said.startswith(b"\x89\x04")
    assert b"keepalive ping timeout" in said


def test_a_client_whose_pong_lies_behind_its_messages_stays(
    client: Client, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty messages that wait take longer than the answer to a ping may take."""
    real = Acts.step

    async def slowly(*given: Any) -> Any:
        await asyncio.sleep(0.2)
        return await real(*given)

    monkeypatch.setattr(Acts, "step", slowly)
    with opened(client, session) as socket:
        for _ in range(20):
            socket.send('{"input": ["w"]}')
        found = [json.loads(socket.recv(timeout=30))["position"] for _ in range(20)]
    assert found == [*range(1, 21)]


def test_a_client_that_goes_in_the_middle_leaves_nothing(
    client: Client, session: str, lines: Lines
) -> None:
    before = len(lines)
    for sent in (b"", framed(b"{")[:3], framed(b'{"input": ["w"]}') * 50, b"\xff\xff\xff"):
        with plain(client, session) as plug:
            plug.sendall(sent)
    until(lambda: sum(each.get("method") == "WEBSOCKET" for each in lines[before:]) >= 4)
    assert all("error" not in each for each in lines[before:])


def test_a_defect_closes_the_socket_and_says_nothing(
    client: Client, session: str, lines: Lines, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError(MARKER)

    before = len(lines)
    with opened(client, session) as socket, monkeypatch.context() as patch:
        patch.setattr(Acts, "step", broken)
        with pytest.raises(ConnectionClosed) as closed:
            said(socket, json.dumps({"input": [MARKER]}))
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "")
    until(lambda: any(each.get("status") == 500 for each in lines[before:]))
    assert [each["error"] for each in lines[before:] if "error" in each] == ["RuntimeError"]
    assert MARKER not in str(capfd.readouterr())
    assert client.ask("GET", session).json["position"] == 0
