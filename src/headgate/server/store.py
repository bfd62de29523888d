"""Sessions on disk: one SQLite file, where a commit is on the disk before it returns."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.errors import OutputError

FILE = "sessions.sqlite"
_APPLICATION, _VERSION = 0x68676174, 1  # "hgat"
_TABLE = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, durable INTEGER NOT NULL, source TEXT NOT NULL,
    used REAL NOT NULL, position INTEGER NOT NULL, state BLOB NOT NULL
) WITHOUT ROWID
"""
_PUT = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Record:
    """A session as it is kept.

    Args:
        id: its name.
        model: whose it is.
        durable: whether every step that was answered is on disk.
        source: what it was begun with, as JSON holds it.
        used: when it was last used, in seconds since 1970.
        position: the steps taken.
        state: of the stream.
    """

    id: str
    model: str
    durable: bool
    source: Any
    used: float
    position: int
    state: bytes


class Store:
    """The sessions of one server on disk; no other server has them at the same time.

    Args:
        folder: where they are; it is made where it is not there.

    Raises:
        OutputError: the place cannot be written, is another server's, or holds something else.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._lock = threading.Lock()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except (OSError, sqlite3.Error) as error:
            why = str(error)
            if "locked" in why:
                why = "another server has it: name another place"
            raise OutputError(
                f"{self.folder / FILE}: sessions cannot be kept here: {why}"
            ) from error

    def _open(self) -> None:
        path = self.folder / FILE
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # before SQLite, for its mode
        os.close(descriptor)
        self._file = sqlite3.connect(path, timeout=1, check_same_thread=False, isolation_level=None)
        run = self._file.execute
        found = [run(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if found not in ([0, 0], [_APPLICATION, _VERSION]):
            raise OutputError(f"{path} is of another program or release: name another place")
        run("PRAGMA locking_mode=EXCLUSIVE")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")  # a commit returns when it is on the disk
        run("BEGIN EXCLUSIVE")
        run(_TABLE)
        run(f"PRAGMA application_id={_APPLICATION}")
        run(f"PRAGMA user_version={_VERSION}")
        run("COMMIT")

    def put(self, records: Sequence[Record], *, gone: Iterable[str] = ()) -> None:
        """Keep sessions, and forget others: all of it, or nothing.

        Args:
            records: what is kept; of a name that is there already instead of it.
            gone: the names of those that are forgotten.

        Raises:
            OutputError: the disk is full or cannot be written, or SQLite does not take a value.
        """
        rows = [
            (each.id, each.model, each.durable, json.dumps(each.source), each.used)
            + (each.position, each.state)
            for each in records
        ]
        with self._lock:
            try:
                self._file.execute("BEGIN IMMEDIATE")
                self._file.executemany("DELETE FROM sessions WHERE id = ?", [(i,) for i in gone])
                self._file.executemany(_PUT, rows)
                self._file.execute("COMMIT")
            except Exception as error:  # a number that is too large for SQLite is none of its own
                with contextlib.suppress(sqlite3.Error):  # there may be nothing to take back
                    self._file.execute("ROLLBACK")
                raise OutputError(f"{self.folder / FILE} cannot be written: {error}") from error

    def get(self, name: str) -> Record | None:
        """Read a session.

        Args:
            name: its name.

        Returns:
            The session, or None.

        Raises:
            OutputError: the disk cannot be read.
        """
        with self._lock:
            query = "SELECT * FROM sessions WHERE id = ?"
            try:
                row = self._file.execute(query, (name,)).fetchone()
            except sqlite3.Error as error:
                raise OutputError(f"{self.folder / FILE} cannot be read: {error}") from error
        return None if row is None else _record(row)

    def all(self) -> list[Record]:
        """List the sessions.

        Returns:
            All of them, with an empty state.
        """
        columns = "id, model, durable, source, used, position, x''"
        with self._lock:
            rows = self._file.execute(f"SELECT {columns} FROM sessions").fetchall()
        return [_record(row) for row in rows]

    def close(self) -> None:
        """Let another server have them."""
        with self._lock:
            self._file.close()


def _record(row: tuple[Any, ...]) -> Record:
    name, model, durable, source, used, position, state = row
    return Record(name, model, bool(durable), json.loads(source), used, position, state)
