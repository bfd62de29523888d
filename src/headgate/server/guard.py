"""What every request passes: a token, a bound on its body and on its time, a line in the log."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import itertools
import json
import logging
import secrets
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headgate.server.deadline import Deadline
from headgate.server.desk import Desk
from headgate.server.metrics import Metrics
from headgate.server.problems import DEFECT, RETRY, ProblemError

OPEN = ("/healthz", "/readyz")
"""What is read without a token, and has an answer at all times: a balancer asks there."""
CONNECTION = "headgate.connection"
"""Where a scope's extensions have its ``Connection``."""
HEADERS = 16 << 10
"""Bytes that the first line and the headers of a request may have."""
_PAGE = "/page/"  # a browser sends no token for a page and its files, which hold no secret
_READS = ("GET", "HEAD")  # their bodies are not waited for
_CLOSE = {"Connection": "close"}
LONG = f"the first line and the headers of a request have at most {HEADERS} bytes"
"""What is answered where they have more."""
_PROCESS, _NUMBERS = secrets.token_hex(6), itertools.count(1)
log = logging.getLogger("headgate.server")


@dataclass
class Connection:
    """What a request's connection is like.

    Args:
        abort: cuts it.
        crowded: whether more connections are open than may be.
        broken: whether the body of the request turned out to be no HTTP.
        gone: whether the client has left.
    """

    abort: Callable[[], None] = lambda: None
    crowded: bool = False
    broken: bool = False
    gone: bool = False


class Guard:
    """Stands before an application.

    Args:
        app: the application.
        desk: what is served, with its bounds.
        token: what a request has to show; none where None.
        local: whether only this machine is answered; a request then has to be meant for it, which
            keeps pages of other sites out that a browser here shows.
    """

    def __init__(self, app: ASGIApp, desk: Desk, *, token: str | None, local: bool) -> None:
        self.app, self.desk, self.limits = app, desk, desk.limits
        self._token, self._local = token, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        watched = _Watched(scope, send, self.limits.seconds)
        try:
            await self._answer(scope, receive, watched)
        except _GoneError:
            watched.abort()
        except asyncio.CancelledError:
            if not watched.connection.gone:  # the server ends, and this took too long
                await watched.refuse(_ends(), receive)
                raise
        finally:
            watched.end(self.desk.metrics)

    async def _answer(self, scope: Scope, receive: Receive, watched: _Watched) -> None:
        try:
            self._check(scope, watched.connection)
            if scope["type"] == "http":
                receive = await self._body(scope, receive, watched.connection)
            await self.app(scope, receive, watched.send)
        except ProblemError as problem:
            await watched.refuse(problem, receive)
        except _GoneError:
            raise
        except Exception as error:
            tell_error(error, watched.name)
            await watched.refuse(DEFECT, receive)

    def _check(self, scope: Scope, connection: Connection) -> None:
        heads = [scope["path"].encode(), scope["query_string"], *itertools.chain(*scope["headers"])]
        if sum(map(len, heads)) > HEADERS:  # the parser bounds what comes in several pieces
            raise ProblemError(431, LONG, _CLOSE)
        headers = dict(scope["headers"])
        if self._local and self._token is None:
            _check_local(headers)
        path, reads = scope["path"], scope.get("method") in _READS
        if not (reads and path in OPEN):
            if not (reads and (path == "/" or path.startswith(_PAGE))):
                self._check_token(headers)
            if connection.crowded:
                why = f"{self.limits.connections} connections are open, and no more: come again"
                raise ProblemError(503, why, RETRY | _CLOSE)
            if not self.desk.ready:
                raise _ends()
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and (len(length) > 18 or int(length) > self.limits.body):
            raise self._large(close=b"expect" in headers)
        if b"content-length" in headers and b"transfer-encoding" in headers:
            why = "a body has Content-Length or Transfer-Encoding, and not both"
            raise ProblemError(400, why, _CLOSE)

    def _check_token(self, headers: dict[bytes, bytes]) -> None:
        if self._token is None:
            return
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        same = hmac.compare_digest(given.strip(), self._token.encode())
        if scheme.lower() != b"bearer" or not same:
            raise ProblemError(
                401,
                "a token was wanted: send the header Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )

    def _large(self, *, close: bool = False) -> ProblemError:
        """Refuse a body; what still comes of it is thrown away, so that the client reads this."""
        why = f"a body has at most {self.limits.body} bytes: send less at once"
        return ProblemError(413, why, _CLOSE if close else None)

    async def _body(self, scope: Scope, receive: Receive, connection: Connection) -> Receive:
        """Read the whole body within its bounds, and give what says it again."""
        if scope["method"] in _READS:
            return receive
        try:
            with Deadline(self.limits.seconds):
                whole = await self._read(receive, connection)
        except TimeoutError:
            why = f"the body did not come within {self.limits.seconds:g} seconds"
            raise ProblemError(408, why, _CLOSE) from None
        first: list[Message] = [{"type": "http.request", "body": whole, "more_body": False}]

        async def again() -> Message:
            return first.pop() if first else await receive()

        return again

    async def _read(self, receive: Receive, connection: Connection) -> bytes:
        whole = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":  # what came is not what was meant
                raise _GoneError
            if connection.broken:
                raise ProblemError(400, "the body is no HTTP", _CLOSE)
            whole += message.get("body", b"")
            if len(whole) > self.limits.body:
                raise self._large()
            if not message.get("more_body", False):
                return bytes(whole)


def is_here(name: str) -> bool:
    """Tell whether a name, or an address, is this machine and can be nothing else.

    Args:
        name: of a host.

    Returns:
        Whether it is.

    Example:
        >>> is_here("localhost"), is_here("127.0.0.2"), is_here("localhost.example.org")
        (True, True, False)
    """
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _ends() -> ProblemError:
    return ProblemError(503, "the server ends: come again when it is back", RETRY | _CLOSE)


def _check_local(headers: dict[bytes, bytes]) -> None:
    """Refuse what a page of another site has a browser of this machine send."""
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin")
    try:
        named = [host, urlsplit(origin.decode("latin-1")).netloc] if origin is not None else [host]
        meant = [urlsplit(f"//{each}").hostname or "" for each in named]
    except ValueError:
        meant = [""]
    if not all(map(is_here, meant)):
        raise ProblemError(
            403,
            "this server answers its own machine alone, at http://127.0.0.1 or "
            "http://localhost: for others start it with --host and --token",
        )


class _GoneError(Exception):
    """A client has left, or does not read its answer."""


class _Watched:
    """A request with what is told of it: never a text of the user's."""

    def __init__(self, scope: Scope, send: Send, seconds: float) -> None:
        self.scope, self._send, self._seconds = scope, send, seconds
        self.began, self.status = time.monotonic(), 499  # until it is answered
        self.begun = self.over = False
        self.name = new_name()
        self.connection: Connection = scope.get("extensions", {}).get(CONNECTION) or Connection()

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status, self.begun = message["status"], True
            message["headers"] = [*message["headers"], (b"x-request-id", self.name.encode())]
        elif message["type"] == "websocket.accept":
            self.status, self.begun = 101, True
        elif message["type"] == "http.response.body":
            self.over = not message.get("more_body", False)
        try:
            with Deadline(self._seconds):
                await self._send(message)
        except (TimeoutError, OSError):
            raise _GoneError from None

    async def refuse(self, problem: ProblemError, receive: Receive) -> None:
        """Answer with a problem document, also a WebSocket that is not open yet."""
        answer = problem.response()
        if self.begun:
            await self._break_off(problem.status)
        elif self.scope["type"] == "http":
            await answer(self.scope, receive, self.send)
        else:
            start = {"type": "websocket.http.response.start", "status": problem.status}
            await self.send(start | {"headers": answer.raw_headers})
            await self.send({"type": "websocket.http.response.body", "body": answer.body})

    async def _break_off(self, status: int) -> None:
        """End an answer that is begun: one of HTTP can say in no other way that it failed."""
        if self.over:
            return
        self.status = status
        if self.scope["type"] == "http":
            self.connection.abort()
        else:
            code = 1011 if status == 500 else 1012
            await self.send({"type": "websocket.close", "code": code})

    def abort(self) -> None:
        """Cut the connection of a client that does not read its answer."""
        if self.scope["type"] == "http" and not self.over:
            self.status = 499
        self.connection.abort()

    def end(self, metrics: Metrics) -> None:
        """Count the request, and tell of it."""
        seconds = time.monotonic() - self.began
        route: Any = self.scope.get("route")
        path = getattr(route, "path", "unknown")  # what nobody serves could be anything
        method = self.scope.get("method", "WEBSOCKET")
        method = method if method in _METHODS else "OTHER"
        tell(metrics, method, path, self.status, seconds=seconds, name=self.name)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"}


def new_name() -> str:
    """Name a request.

    Returns:
        The name.
    """
    return f"{_PROCESS}{next(_NUMBERS):08x}"


def tell(
    metrics: Metrics, method: str, path: str, status: int, *, seconds: float, name: str
) -> None:
    """Count a request, and write its line.

    Args:
        metrics: count it.
        method: one that is known.
        path: of a route.
        status: of the answer.
        seconds: that it took.
        name: of the request.
    """
    metrics.request(method, path, status, seconds)
    told = {"request": name, "method": method, "path": path}
    log.info(json.dumps(told | {"status": status, "seconds": round(seconds, 4)}))


def tell_error(error: BaseException | None, request: str | None = None) -> None:
    """Tell where a defect is, without what it says: that may be a user's text.

    Args:
        error: the defect.
        request: the name of the request that met it.
    """
    frames = traceback.extract_tb(error.__traceback__)[-8:] if error is not None else []
    places = [f"{frame.filename}:{frame.lineno}" for frame in frames]
    log.error(json.dumps({"request": request, "error": type(error).__name__, "at": places}))
