"""Whatever is sent, the answer has the right status, and the server lives."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from tests.kept import KINDS
from tests.rough import (
    MARKER,
    answer,
    answers,
    exchange,
    head,
    heard,
    only,
    overheard,
    posted,
    until,
)
from tests.served import Client, bare, serving
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from headgate.model import Model
from headgate.server.guard import is_here
from headgate.server.limits import Limits
from headgate.tasks.continuation import Chooser

TOKEN = "0123456789abcdef"
BODY = 20_000
Lines = list[dict[str, Any]]


def models() -> dict[str, Model]:
    return {"m": bare(KINDS["generate"].make()), "w": bare(KINDS["classify texts"].make())}


@pytest.fixture(scope="module")
def lines() -> Iterator[Lines]:
    with overheard() as lines:
        yield lines


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, lines: Lines) -> Iterator[Client]:
    limits = Limits(body=BODY, seconds=1.0)
    with serving(models(), tmp_path_factory.mktemp("open"), limits) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, lines: Lines) -> Iterator[Client]:
    limits = Limits(body=BODY, seconds=1.0)
    with serving(models(), tmp_path_factory.mktemp("guarded"), limits, TOKEN) as client:
        yield client


@pytest.fixture(autouse=True)
def lives(client: Client) -> Iterator[None]:
    """After each test a good client is served."""
    yield
    client.close()
    assert client.post("/v1/predict", {"model": "w", "inputs": ["warm"]})["predictions"]


WRONG = ["", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}"]
WRONG += [TOKEN, f"Bearer {TOKEN.upper()}", f"Bearer {MARKER}\xff\xe9", f"Bearer x {TOKEN}"]


@pytest.mark.parametrize("given", WRONG)
def test_a_wrong_token_is_refused(guarded: Client, given: str) -> None:
    sent = head(authorization=given, connection="close")
    found = only(exchange(guarded, sent))
    assert found.status == 401
    assert found.headers["www-authenticate"] == "Bearer"
    handshake = {"upgrade": "websocket", "sec_websocket_version": 13, "connection": "Upgrade"}
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    sent = head(path="/v1/sessions/x/socket", authorization=given, **handshake,
                sec_websocket_key=key)  # fmt: skip
    assert only(exchange(guarded, sent)).status == 401


def test_a_token_is_wanted_but_for_health(guarded: Client) -> None:
    bare = Client(f"http://{guarded.host}:{guarded.port}")
    for path in ("/healthz", "/readyz"):
        assert bare.ask("GET", path).status == 200
    for path in ("/v1/models", "/metrics", "/openapi.json", f"/{MARKER}", "/healthz/../metrics"):
        assert bare.problem("GET", path)[0] == 401
        assert guarded.ask("GET", path).status in (200, 404)
    for path in ("/", "/page/x", "/healthz"):  # refused before its body comes
        with guarded.socket() as plug:
            plug.sendall(head("POST", path, content_length=9))
            assert only([answer(plug)]).status == 401
    bare.close()
    for scheme in ("bearer", "BEARER"):
        sent = head(authorization=f"{scheme} {TOKEN}", connection="close", host="example.org")
        assert only(exchange(guarded, sent)).status == 200
    session = guarded.begin(model="m")
    address = f"ws://{guarded.host}:{guarded.port}{session}/socket"
    with pytest.raises(InvalidStatus, match="401"):
        connect(address)
    with connect(address, additional_headers=guarded.headers) as socket:
        socket.send('{"do": "state"}')
        assert "state" in json.loads(socket.recv())


@pytest.mark.parametrize(
    "headers",
    [
        {"host": f"{MARKER}.example.org"},
        {"host": "localhost.example.org"},
        {"host": "[x"},
        {"host": ""},
        {"origin": f"https://{MARKER}.example.org"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://[x"},
    ],
)
def test_a_page_of_another_site_is_refused(client: Client, headers: dict[str, str]) -> None:
    assert only(exchange(client, head(connection="close", **headers))).status == 403
    address = f"ws://{client.host}:{client.port}/v1/sessions/{MARKER}/socket"
    if "origin" in headers:
        with pytest.raises(InvalidStatus, match="403"):
            connect(address, additional_headers={"Origin": headers["origin"]})


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "127.0.0.2", "LOCALHOST"])
def test_a_page_of_this_machine_is_served(client: Client, host: str) -> None:
    found = exchange(client, head(connection="close", host=host, origin=f"http://{host}"))
    assert only(found).status == 200
    assert is_here("127.0.0.2")
    assert not is_here("0.0.0.0")


def test_a_huge_body_is_refused_before_it_comes(client: Client) -> None:
    for length in (str(BODY + 1), "9" * 18):
        with client.socket() as plug:
            plug.sendall(head("POST", "/v1/predict", content_length=length))
            assert only([answer(plug)]).status == 413
    sent = head("POST", "/v1/predict", content_length=BODY + 1, expect="100-continue")
    found = only(exchange(client, sent))
    assert (found.status, found.headers["connection"]) == (413, "close")


def test_a_client_that_sends_a_huge_body_reads_why_it_is_refused(client: Client) -> None:
    huge = MARKER.encode() * (1 << 19)  # more than all buffers between the two
    for _ in range(2):
        status, said = client.problem("POST", "/v1/predict", huge)
        assert status == 413
        assert str(BODY) in said
        assert client.ask("GET", "/healthz").status == 200  # over the same connection
    chunk = f"{BODY:x}\r\n".encode() + b"x" * BODY + b"\r\n"
    sent = head("POST", "/v1/predict", transfer_encoding="chunked")
    found = exchange(client, sent, chunk, chunk, b"0\r\n\r\n", head(connection="close"))
    assert [each.status for each in found] == [413, 200]


@pytest.mark.parametrize(
    "sent",
    [
        head("POST", "/v1/predict", transfer_encoding="chunked") + b"zz\r\n",
        head("POST", "/v1/predict", transfer_encoding="chunked") + b"3\r\nabcdef\r\n",
        head("POST", "/v1/predict", transfer_encoding="chunked") + b"-3\r\nabc\r\n",
        head("POST", "/v1/predict", transfer_encoding="chunked", content_length=3),
        head("POST", "/v1/predict", transfer_encoding=MARKER),
        head("POST", "/v1/predict", content_length=-1),
        head("POST", "/v1/predict", content_length="1_0"),
        head("POST", "/v1/predict", content_length="3, 4"),
        head("POST", "/v1/predict", content_length="9" * 5000),
        head(content_length="3")[:-2] + b"Content-Length: 4\r\n\r\n",
        head()[:-2] + b"Host: localhost\r\n\r\n",
        head()[:-2] + b"\x00bad: x\r\n\r\n",
        head()[:-2] + f"{MARKER}\r\n\r\n".encode(),
        b"GET /v1/models HTTP/1.1\r\n\r\n",
        f"GET /{MARKER}\r\n\r\n".encode(),
        f"{MARKER} {MARKER} {MARKER}\r\n\r\n".encode(),
        b"GET  /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/mod\xc3\xa9ls HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"\r\n",
        b"\r\n" * 3 + b"?\r\n\r\n",
        b"\xff\xfe\n\n",
    ],
)
def test_what_is_no_http_is_answered_by_a_problem_document(client: Client, sent: bytes) -> None:
    found = only(exchange(client, sent))
    assert found.status == 400
    assert found.headers["connection"] == "close"
    assert len(found.headers["x-request-id"]) == 20


def test_headers_that_are_too_long_are_refused(client: Client) -> None:
    whole = (head(path="/" + MARKER * 3000), head(x=MARKER * 3000))  # read at once
    for sent in (*whole, head(path="/" + MARKER * 100_000), head(x=MARKER * 100_000)):
        assert only(exchange(client, sent)).status == 431
    many = {f"x{n}": MARKER for n in range(500)}
    assert only(exchange(client, head(connection="close", **many))).status == 200


def test_a_step_whose_body_is_cut_off_is_not_taken(client: Client, lines: Lines) -> None:
    session = client.begin(model="m")
    with client.socket() as plug:
        plug.sendall(posted(f"{session}/step", b'{"input": ["w"]}', content_length=17))
    chunked = head("POST", f"{session}/step", content_type="application/json",
                   transfer_encoding="chunked")  # fmt: skip
    with client.socket() as plug:
        plug.sendall(chunked + b'10\r\n{"input": ["w"]}\r\n')
    found = exchange(client, chunked, b'10\r\n{"input": ["w"]}\r\n', b"?\r\n\r\n")
    assert only(found).status == 400
    assert client.ask("GET", session).json["position"] == 0
    assert [each for each in lines if each["status"] == 499]


def test_slow_clients_are_cut_off(client: Client) -> None:
    body = b'{"model": "w", "inputs": ["warm"]}'
    slow = [head("POST", "/v1/predict", content_length=9), posted("/v1/predict", body)[:-1]]
    slow += [head("POST", "/v1/predict", transfer_encoding="chunked") + b"1\r\nx\r\n"]
    mute = [b"", b"G", head()[:-2], head("GET", "/healthz")[:-1]]
    plugs = [client.socket() for _ in [*slow, *mute]]
    for plug, sent in zip(plugs, [*slow, *mute], strict=True):
        plug.sendall(sent)
    assert [only(answers(heard(plug))).status for plug in plugs[:3]] == [408, 408, 408]
    assert [heard(plug) for plug in plugs[3:]] == [b""] * len(mute)
    for plug in plugs:
        plug.close()


def test_a_body_that_is_refused_and_drips_on_ends(client: Client) -> None:
    with client.socket() as plug:
        plug.sendall(head("POST", "/v1/predict", content_length="9" * 15))
        assert only(answers(drip(plug))).status == 413


def drip(plug: socket.socket) -> bytes:
    """Send byte by byte until the server closes; give what it said."""
    plug.settimeout(0.05)
    said = b""
    while True:
        try:
            plug.sendall(b"x")
            piece = plug.recv(4096)
        except TimeoutError:
            continue
        except OSError:
            return said
        if not piece:
            return said
        said += piece


def test_half_open_connections_by_the_hundred_disturb_nobody(client: Client) -> None:
    plugs = [client.socket() for _ in range(300)]
    for number, plug in enumerate(plugs):
        plug.sendall(
            [b"", b"POST /v1/pre", head("POST", "/v1/predict", content_length=5)][number % 3]
        )
    for _ in range(20):
        assert client.post("/v1/predict", {"model": "w", "inputs": ["warm"]})["predictions"]
    for plug in plugs:
        assert all(each.status == 408 for each in answers(heard(plug)))
        plug.close()


def test_requests_that_come_at_once_are_answered_in_order(client: Client) -> None:
    body = b'{"model": "w", "inputs": ["warm"]}'
    each = posted("/v1/predict", body) + head("GET", "/nothing") + head("DELETE", "/v1/models")
    found = exchange(client, each * 20 + head(connection="close"))
    assert [one.status for one in found] == [200, 404, 405] * 20 + [200]
    old = exchange(client, b"GET /v1/models HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert only(old).status == 200
    assert only(exchange(client, b"GET /v1/models HTTP/1.0\r\n\r\n")).status == 403


DEEP = 9_000
NUMBER = b"1" + b"0" * 5000
WRITE, SAY = "/v1/completions", "/v1/predict"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (WRITE, b"", 422),
        (WRITE, b"\xff\xfe\x80", 400),
        (WRITE, b"[" * DEEP, 400),
        (WRITE, b"[" * DEEP + b"]" * DEEP, 400),
        (WRITE, b'{"a":' * 3000, 400),
        (WRITE, b"null", 422),
        (WRITE, b'{"model": "m", "prompt": "wa", "max_tokens": ' + NUMBER + b"}", 400),
        (WRITE, b'{"model": "m", "prompt": "wa", "max_tokens": NaN}', 422),
        (WRITE, b'{"model": "m", "prompt": "wa", "temperature": Infinity}', 422),
        (WRITE, b'{"model": "m", "prompt": "wa", "temperature": 1e999}', 422),
        (WRITE, b'{"model": "m", "prompt": "wa", "seed": 1e30}', 422),
        (WRITE, b'{"model": "m", "prompt": "wa", "prompt": "\\ud800"}', 422),
        (WRITE, b'{"model": "m", "prompt": "wa", "\\ud800": 1}', 422),
        (WRITE, b'{"model": "m", "prompt": "wa", "echo": true, "user": "\\udfff"}', 200),
        (WRITE, b'{"model": "m", "prompt": "wa", "stop": "\\udfff"}', 422),
        (WRITE, b'{"model": "\\ud800"}', 404),
        (WRITE, b'{"model": "m", "prompt": "' + MARKER.encode() + b'"}', 422),
        (WRITE, b'{"model": "' + MARKER.encode() + b'", "prompt": "wa"}', 404),
        (WRITE, b'{"model": "../../etc/passwd"}', 404),
        (SAY, b'{"model": "w", "inputs": ["\\ud800"]}', 422),
        (SAY, b'{"model": "w", "inputs": [NaN]}', 422),
        (SAY, b'{"model": "w", "inputs": [' + NUMBER[:4000] + b"]}", 422),
        (SAY, b'{"model": "w", "inputs": ' + b"[" * 900 + b"]" * 900 + b"}", 422),
        (SAY, b'{"model": "w", "inputs": ["' + MARKER.encode() + b'"]}', 200),
        (SAY, b'{"model": "w", "inputs": ["warm"], "' + MARKER.encode() + b'": 1}', 422),
        (SAY, b'{"model": "w", "inputs": ["\\u0000"]}', 200),
    ],
)
def test_bodies_of_all_kinds(client: Client, path: str, body: bytes, status: int) -> None:
    found = client.ask("POST", path, body)
    assert found.status in ((status, 422) if status == 400 else (status,)), found
    if status >= 400:
        assert found.headers["content-type"] == "application/problem+json"
        assert found.json["status"] == found.status


def test_paths_and_methods_of_all_kinds(client: Client) -> None:
    for path in ("%00", "a%2fb", "..%2f..%2fetc%2fpasswd", "%ff%fe", "%ED%A0%80", MARKER, "%"):
        for rest in ("", "/state"):
            assert client.problem("GET", f"/v1/sessions/{path}{rest}")[0] == 404
        assert client.problem("GET", f"/v1/models/{path}")[0] == 404
        assert client.problem("POST", f"/v1/sessions/{path}/step", {"input": ["w"]})[0] == 404
        assert client.ask("GET", f"/v1/models?{path}={MARKER}").status == 200
    for path in ("/v1/sessions/../models", "//v1/models", "http://localhost/v1/models", "*"):
        assert only(exchange(client, head(path=path, connection="close"))).status == 404
    for method in ("OPTIONS", "TRACE", "PATCH", "CONNECT", MARKER.upper()):
        assert client.problem(method, "/v1/models")[0] == 405
    assert client.ask("HEAD", "/v1/models").body == b""
    for kind in ("text/plain", f"application/{MARKER}", "", "application/json, text/plain"):
        found = client.ask("POST", "/v1/predict", b"{}", {"Content-Type": kind})
        assert found.status in (415, 422)
    found = client.ask("GET", "/healthz", headers={"X-Request-ID": MARKER, "Upgrade": MARKER})
    assert MARKER not in str(found)


def test_a_defect_is_answered_without_what_it_says(
    client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError(MARKER)

    with monkeypatch.context() as patch:
        patch.setattr(Model, "predict", broken)
        found = client.ask("POST", "/v1/predict", {"model": "w", "inputs": [MARKER]})
    assert found.status == 500
    assert found.headers["content-type"] == "application/problem+json"
    assert MARKER.encode() not in found.body
    name = found.headers["x-request-id"]
    until(lambda: lines[-1].get("request") == name)
    [told] = [each for each in lines if each.get("request") == name and "error" in each]
    assert told["error"] == "RuntimeError"
    assert "test_server_guard.py:" in told["at"][-1]
    assert set(told) == {"request", "error", "at"}
    assert client.ask("GET", "/healthz").status == 200
    assert MARKER not in str(capfd.readouterr())


def test_a_defect_in_the_middle_of_an_answer_cuts_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    real, calls = Chooser.choose, [0]

    def broken(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] > 5:
            raise RuntimeError(MARKER)
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(Chooser, "choose", broken)
        body = {"model": "m", "prompt": ["wa", "l"], "max_tokens": 50, "stream": True}
        sent = posted("/v1/completions", json.dumps(body).encode())
        with client.socket() as plug:
            plug.sendall(sent)
            said = heard(plug)
    assert said.startswith(b"HTTP/1.1 200")
    assert b"[DONE]" not in said
    assert not said.endswith(b"0\r\n\r\n")
    assert MARKER not in str(capfd.readouterr())


def test_each_request_has_a_line_and_nobody_s_texts(client: Client, lines: Lines) -> None:
    name = client.ask("GET", "/healthz").headers["x-request-id"]
    until(lambda: lines[-1]["request"] == name)
    before = len(lines)
    names = [client.ask("GET", f"/v1/models/{MARKER}").headers["x-request-id"] for _ in range(3)]
    until(lambda: lines[-1]["request"] == names[-1])
    new = lines[before:]
    assert [each["request"] for each in new] == names
    assert len(set(names)) == 3
    for each in new:
        assert set(each) == {"request", "method", "path", "status", "seconds"}
        assert (each["method"], each["path"], each["status"]) == ("GET", "/v1/models/{model}", 404)
