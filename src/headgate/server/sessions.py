"""Sessions: streams that are kept between requests, in memory and on disk."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

from headgate.server.limits import Limits
from headgate.server.problems import ProblemError
from headgate.server.store import Record, Store
from headgate.tasks.kept_stream import KeptStream

_DAY = 86_400.0


@dataclass(eq=False)
class Session:
    """A stream that is kept. What changes it is done in the thread of its model alone.

    Args:
        id: its name, which nobody guesses.
        model: whose it is.
        durable: whether every step that was answered is on disk.
        source: what it was begun with.
        position: the steps taken.
        used: when it was last used, in seconds since 1970.
        stream: the stream; None where it is on disk.
        stored: the position that the disk has it at; None where it has nothing of it.
        gone: whether it was deleted.
        unheard: whether nobody was told its name, so that it is deleted.
    """

    id: str
    model: str
    durable: bool
    source: Any
    position: int
    used: float
    stream: KeptStream | None = None
    stored: int | None = None
    gone: bool = False
    unheard: bool = False

    def record(self) -> Record:
        """Give what is kept of it.

        Returns:
            The record of its present state.
        """
        assert self.stream is not None
        state = self.stream.state
        return Record(
            self.id, self.model, self.durable, self.source, self.used, self.position, state
        )


class Sessions:
    """All sessions of a server by their names.

    Args:
        store: where they are on disk; what it has is there from the beginning.
        limits: how many there may be.

    Attributes:
        crowded: is called, in any thread, where more are in memory than may be.
    """

    def __init__(self, store: Store, limits: Limits) -> None:
        self.store, self._limits = store, limits
        self._lock = threading.Lock()
        self._room = limits.resident  # streams that may come to memory before it is crowded
        self.crowded: Callable[[], None] = lambda: None
        self._all = {
            each.id: Session(
                each.id, each.model, each.durable, each.source, each.position, each.used,
                stored=each.position,
            )
            for each in store.all()
        }  # fmt: skip

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Session]:
        with self._lock:
            return iter([*self._all.values()])

    def named(self, name: str) -> Session:
        """Find a session.

        Args:
            name: its name.

        Returns:
            The session.

        Raises:
            ProblemError: there is none.
        """
        found = self._all.get(name)
        if found is None or found.gone:
            raise ProblemError(404, "there is no such session: create one with POST /v1/sessions")
        return found

    def add(self, model: str, stream: KeptStream, *, durable: bool, source: Any) -> Session:
        """Keep a stream.

        Args:
            model: whose it is.
            stream: the stream.
            durable: whether every step that was answered is on disk.
            source: what it was begun with.

        Returns:
            The session.

        Raises:
            ProblemError: there are as many as may be.
        """
        name = f"sess_{secrets.token_urlsafe(18)}"
        made = Session(name, model, durable, source, position_of(stream), time.time(), stream)
        with self._lock:
            if len(self._all) >= self._limits.sessions:
                raise ProblemError(
                    429,
                    f"{self._limits.sessions} sessions are kept, and no more: delete some",
                    {"Retry-After": "60"},
                )
            self._all[name] = made
        self.arrived()
        return made

    def arrived(self) -> None:
        """Count a stream that has come to memory."""
        with self._lock:
            self._room -= 1
            crowded = self._room < 0
        if crowded:
            self.crowded()

    def keep(self, sessions: Collection[Session], *, gone: Collection[Session] = ()) -> None:
        """Write sessions as they are, and forget others: all of it, or nothing.

        Args:
            sessions: in memory.
            gone: those that are forgotten, in memory and on disk.

        Raises:
            OutputError: the disk cannot be written.
        """
        if sessions or any(each.stored is not None for each in gone):
            records = [each.record() for each in sessions]
            self.store.put(records, gone=[each.id for each in gone])
        for each in sessions:
            each.stored = each.position
        for each in gone:
            self.drop(each)

    def drop(self, session: Session) -> None:
        """Forget a session, in memory.

        Args:
            session: the session.
        """
        session.gone, session.stream = True, None
        with self._lock:
            self._all.pop(session.id, None)

    def idle(self, model: str) -> list[Session]:
        """List the sessions of a model that should go to disk.

        Args:
            model: whose they are.

        Returns:
            Those that were not used for long, and of all in memory those that are too many.
        """
        held = [each for each in self if each.stream is not None]
        held.sort(key=lambda each: each.used)
        many = len(held) - self._limits.resident
        with self._lock:
            self._room = -many
        old = time.time() - self._limits.idle
        return [s for n, s in enumerate(held) if s.model == model and (n < many or s.used < old)]

    def forgotten(self, model: str) -> list[Session]:
        """List the sessions of a model that are deleted.

        Args:
            model: whose they are.

        Returns:
            Those that were not used for days, where such are forgotten, or whose name nobody has.
        """
        forget = self._limits.forget
        old = -inf if forget is None else time.time() - forget * _DAY
        return [s for s in self if s.model == model and (s.unheard or s.used < old)]


def position_of(stream: KeptStream) -> int:
    """Give how many steps one stream by itself has taken.

    Args:
        stream: the stream.

    Returns:
        The steps.
    """
    position: Any = stream.position  # type: ignore[attr-defined]
    return int(position)
