"""Connections: of HTTP and of WebSockets, none of which may wait, or fill memory, without end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from headgate.server.guard import CONNECTION, LONG, Connection, new_name, tell
from headgate.server.problems import ProblemError

_PIECES = 4096  # of one message
_END: Any = {"type": "websocket.disconnect", "code": 1012}


class Patient(H11Protocol):
    """HTTP that closes a connection which does not say what it wants."""

    _watch: asyncio.TimerHandle | None = None
    _asks: asyncio.Task[Any] | None = None

    def connection_made(self, transport: Any) -> None:
        """Give the client its time."""
        super().connection_made(transport)
        app, self._own = self.app, Connection(transport.abort)
        most, self.limit_concurrency = self.limit_concurrency or 0, None  # the guard answers

        async def known(scope: Any, receive: Any, send: Any) -> None:
            self._asks = asyncio.current_task()
            self._own.crowded = len(self.connections) > most
            scope["extensions"] = {CONNECTION: self._own}
            await app(scope, receive, send)

        self.app = known
        self._seen: Any = (None,)  # the request before which it waits, in a tuple
        self._later()
        if len(self.connections) > 2 * most:  # there is not even time to say no
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client, and what it asked for."""
        self._stop()
        self._own.gone = True
        super().connection_lost(exc)
        if self._asks is not None and not self._asks.done():
            self._asks.cancel()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Leave the client to the WebSocket, which has its own times."""
        self._stop()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP by a problem document, if an answer is due."""
        long = getattr(sys.exc_info()[1], "error_status_hint", 400) == 431
        problem = ProblemError(431, LONG) if long else ProblemError(400, "the request is no HTTP")
        if self.conn.our_state is h11.IDLE:
            _refuse(self, problem)
        elif self.cycle.response_started:
            self.transport.close()
        else:  # its body: who reads that answers
            self._own.broken, self.cycle.more_body = True, False
            self.cycle.message_event.set()

    def shutdown(self) -> None:
        """End as soon as what was begun is answered."""
        try:
            super().shutdown()
        except h11.LocalProtocolError:  # it is in no state to end in order
            self.transport.abort()

    def _later(self) -> None:
        self._watch = self.loop.call_later(self.config.timeout_keep_alive, self._look)

    def _stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()

    def _look(self) -> None:
        """Close it where no request has come since the last look, and none is being answered."""
        waits = self.cycle is None or self.cycle.response_complete
        now = (self.cycle,) if waits else None
        if waits and now == self._seen:
            self.transport.abort()
            return
        self._seen = now
        self._later()


class Socket(WebSocketsSansIOProtocol):
    """A WebSocket whose client is not read while it does not read."""

    _ends = False

    def connection_made(self, transport: Any) -> None:
        """Know the connection."""
        super().connection_made(transport)
        app, self._own = self.app, Connection(transport.abort)
        self._own.crowded = len(self.connections) > (self.config.limit_concurrency or 0)

        async def known(scope: Any, receive: Any, send: Any) -> None:
            scope["extensions"][CONNECTION] = self._own
            await app(scope, receive, send)

        self.app = known

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._own.gone = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; a handshake comes as a whole, or it is none."""
        super().data_received(data)
        if not (self.handshake_initiated or self.transport.is_closing()):
            self._no_handshake()

    def handle_connect(self, event: Request) -> None:
        """Begin, where the handshake is one."""
        if self.conn.accept(event).status_code == 101:
            super().handle_connect(event)
        else:
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self._no_handshake()

    def _no_handshake(self) -> None:
        _refuse(self, ProblemError(400, "the request is no handshake of a WebSocket"))

    def handle_cont(self, event: Any) -> None:
        """Take a piece of a message; empty ones without end would be no message either."""
        super().handle_cont(event)
        if len(self.frames) > _PIECES:
            self.conn.fail(1009, f"a message has at most {_PIECES} pieces")
            self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Say why it closes, and throw away what still comes, so that the client reads that."""
        if self.close_sent or self.conn.close_sent is None:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_sent.code})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.write_eof()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def pause_writing(self) -> None:
        """Read no more: each ping that is read is answered, whoever reads that."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again, if no message waits."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """Give the next message; none where the server ends, and the last one is answered."""
        message: Any = _END if self._ends else await super().receive()
        if message is _END and not self.close_sent:
            with contextlib.suppress(ClientDisconnected):
                await self.send({"type": "websocket.close", "code": 1012, "reason": ""})
        if not self.writable.is_set():
            self.transport.pause_reading()
        return message

    def keepalive_timeout(self) -> None:
        """Close it, unless the answer to the ping may lie behind messages that wait."""
        if not self.read_paused:
            super().keepalive_timeout()
            return
        self.pong_timer = None
        self.schedule_ping()

    def shutdown(self) -> None:
        """Say that the server ends, as soon as the message that was begun is answered."""
        if self.close_sent:
            super().shutdown()
        self._ends = True
        self.queue.put_nowait(_END)


def _refuse(protocol: Patient | Socket, problem: ProblemError) -> None:
    """Answer what never became a request, and close."""
    answer, name = problem.response(), new_name()
    head = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode(),
        b"connection: close",
    ]
    head += [b": ".join(each) for each in answer.raw_headers]
    head += [b"x-request-id: " + name.encode()]
    protocol.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
    protocol.transport.close()
    guard: Any = protocol.config.app
    tell(guard.desk.metrics, "OTHER", "unknown", problem.status, seconds=0.0, name=name)
