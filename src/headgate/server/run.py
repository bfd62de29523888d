"""Running a server: where it listens, who may ask, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn

from headgate.errors import HeadgateError, OutputError
from headgate.model import Model
from headgate.server.app import create_app
from headgate.server.connections import Patient, Socket
from headgate.server.desk import Desk
from headgate.server.guard import HEADERS, Guard, is_here, tell_error
from headgate.server.limits import Limits
from headgate.server.problems import problem_of
from headgate.server.shortcut import Shortcut
from headgate.server.store import Store

_SHORTEST = 16  # characters of a token
_FILES = 100  # that are open beside those of connections
_LAST = 1  # seconds for what has not ended in its time


class Server(uvicorn.Server):
    """A server that says where it is, and that it is not ready any more as soon as it ends.

    Args:
        config: uvicorn's.
        desk: what is served.
        say: hears the address when it listens.
    """

    def __init__(self, config: uvicorn.Config, desk: Desk, say: Callable[[str], None]) -> None:
        super().__init__(config)
        self._desk, self._say = desk, say

    async def startup(self, sockets: Any = None) -> None:
        """Begin to listen, and say where."""
        asyncio.get_running_loop().set_exception_handler(_unheard)
        await super().startup(sockets)
        if self.started:
            host, port, *_ = self.servers[0].sockets[0].getsockname()
            self._say(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End: what was begun is finished first, and nothing new is begun."""
        self._desk.ready = False
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: Any = None) -> None:
        """Finish what was begun; who comes meanwhile is asked to come again."""
        self._desk.ready = False
        for connection in [*self.server_state.connections]:
            connection.shutdown()
        end = time.monotonic() + self._desk.limits.seconds
        while self.server_state.tasks and not self.force_exit and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


@dataclass(frozen=True)
class Door:
    """Where a server listens, and who may come in.

    Args:
        host: a name or an address; one beyond this machine only with a token.
        port: 0 for any that is free.
        token: what a request has to show; nothing where None.

    Raises:
        HeadgateError: others would reach it without a token, or the token can be guessed.

    Example:
        >>> Door("127.0.0.1").local, Door("0.0.0.0", token="0123456789abcdef").local
        (True, False)
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is None and not self.local:
            raise HeadgateError(
                "a server that others reach wants a token: --token, or HEADGATE_TOKEN, of "
                f"{_SHORTEST} characters or more"
            )
        token = "x" * _SHORTEST if self.token is None else self.token
        if len(token) < _SHORTEST or not token.isascii() or not token.isprintable():
            raise HeadgateError(
                f"a token is {_SHORTEST} ASCII characters or more, and this one has {len(token)}: "
                "give a longer one, or none"
            )
        if token != token.strip():
            raise HeadgateError("a token neither begins nor ends with a space")

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return is_here(self.host)


def serve(
    models: Mapping[str, Model],
    door: Door,
    *,
    sessions: str | os.PathLike[str],
    limits: Limits | None = None,
    quantize: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve models until a signal comes.

    Args:
        models: by the names that clients call them.
        door: where to listen.
        sessions: a folder for the sessions; what it holds goes on.
        limits: the bounds; ``Limits()`` where None.
        quantize: "int8" keeps the matrices of streams as bytes.
        say: hears where it listens.

    Raises:
        HeadgateError: this process may not have as many files open as there may be connections.
        OutputError: the sessions cannot be kept there, or the address is taken.
        UnknownNameError: there is no such quantization.
    """
    limits = limits or Limits()
    _allow_files(limits.connections)
    store = Store(sessions)
    desk = Desk(models, store, limits, quantize=quantize, guarded=door.token is not None)
    try:
        Server(configured(desk, door), desk, say).run()
    except SystemExit as error:  # uvicorn's, where it could not begin
        raise OutputError(
            f"{door.host}:{door.port} cannot be listened at, perhaps since another server does: "
            "name another --port"
        ) from error
    finally:  # also where a signal ended it, which comes out of run() as a KeyboardInterrupt
        store.close()
        if desk.failed is not None:
            raise desk.failed from None


def _allow_files(connections: int) -> None:
    """Let this process have as many files open as that many connections want."""
    if sys.platform == "win32":  # it has no such bound
        return
    import resource

    wanted = 2 * connections + _FILES  # one is answered by 503, or closed, when it has its file
    may, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if may == resource.RLIM_INFINITY or may >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    except ValueError:
        raise HeadgateError(
            f"connections={connections} wants {wanted} open files, and this process may have "
            f"{most}: raise that (ulimit -n), or set fewer connections"
        ) from None


def configured(desk: Desk, door: Door) -> uvicorn.Config:
    """Give uvicorn's settings.

    Args:
        desk: what is served.
        door: where to listen.

    Returns:
        The settings.
    """
    limits = desk.limits
    for name in ("uvicorn", "asyncio"):  # their traces could have users' texts
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return uvicorn.Config(
        Guard(Shortcut(create_app(desk), desk), desk, token=door.token, local=door.local),
        host=door.host,
        port=door.port,
        http=Patient,
        ws=Socket,
        ws_max_size=limits.body,
        ws_ping_interval=limits.seconds,
        ws_ping_timeout=limits.seconds,
        ws_per_message_deflate=False,  # a few bytes could become all of memory
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        backlog=min(2048, 2 * limits.connections),
        timeout_keep_alive=max(1, int(limits.seconds)),
        timeout_graceful_shutdown=_LAST,
        h11_max_incomplete_event_size=HEADERS,
    )


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of an error that nobody waited for, without its text."""
    error = context.get("exception")
    if error is None or problem_of(error) is None:
        tell_error(error)


def log_to_stderr() -> None:
    """Write a line of JSON to standard error for each request."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("headgate.server")
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
