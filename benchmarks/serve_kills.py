"""Servers that are killed under load, inside commits too, and started again on the same sessions.

Clients begin sessions, step, fork, rewind, reset and delete them, each at its own. A server dies at
a random moment or in one of its commits; the next one on the same folder has to have every durable
session as a stream alone has it that took the steps which were answered, to the byte. What was not
answered was done or not, but never in part; a step of it is sent again with ``at``, and so is taken
once. A session that is not durable is gone, or as it was last.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import multiprocessing
import os
import random
import re
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tests.golden import HERE
from tests.served import Client

from benchmarks.serve_clients import Clerk
from headgate.cli import main as command
from headgate.model import load

# Each server is a fork of one process, which has imported once what all of them need.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["headgate.model", "headgate.server.run"])
PLACES = ("amid", "before", "within", "after")
LONGEST = 2.0  # seconds from the first request to a kill
COMMITS = 150  # of a process, among which one is chosen
SET = ("idle=0.2", "resident=40", "rewind=16")  # what nobody uses for a moment goes to disk
TOKENS = "abcdefghijklmnopqrstuvwxyz .,"


@dataclass(frozen=True)
class Kill:
    """When a server dies: after so many seconds, or in its n-th commit, if that comes earlier.

    Args:
        seconds: from the first request.
        place: of ``PLACES``; "nowhere" for none of them.
        count: the number of the commit, from the first request; 0 for the one that opens the file.
    """

    seconds: float
    place: str = "nowhere"
    count: int = 1

    @classmethod
    def by_chance(cls, chance: random.Random) -> Kill:
        """Draw one, each kind as often; one in some at the opening of the file."""
        place = chance.choice((*PLACES, "nowhere"))
        if place == "nowhere":
            return cls(chance.uniform(0.05, LONGEST))
        count = 0 if place != "amid" and chance.random() < 0.1 else chance.randint(1, COMMITS)
        return cls(LONGEST, place, count)


class Deadly(sqlite3.Connection):
    """The sessions of a server that kills itself at one of its commits.

    Attributes:
        kill: when.
        left: how many commits are left to it.
        armed: whether they are counted yet.
    """

    kill: Kill
    left: int
    armed: bool

    def execute(self, text: str, *given: Any) -> sqlite3.Cursor:
        """Run a statement, and die where it is the one."""
        Deadly.left -= Deadly.armed and text == "COMMIT"
        place = Deadly.kill.place if text == "COMMIT" and Deadly.left == 0 else "nowhere"
        if place == "before":
            _die()
        if place == "within":
            threading.Timer(random.uniform(0, 0.002), _die).start()
        found = super().execute(text, *given)
        if place == "after":
            _die()
        return found

    def executemany(self, text: str, rows: Any) -> sqlite3.Cursor:
        """Write rows, or half of them."""
        meant = Deadly.armed and Deadly.left == 1 and Deadly.kill.place == "amid"
        if meant and text.startswith("INSERT"):
            super().executemany(text, rows[: len(rows) // 2])
            _die()
        return super().executemany(text, rows)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _serve(kill: Kill, words: list[str], said: Any, log: Path) -> None:
    """Run the command line in a process of its own; from SIGUSR1 on its commits are counted.

    From its beginning where the count is 0. Checkpoints come often, so that kills meet them.
    """
    connect = sqlite3.connect

    def connected(*given: Any, **how: Any) -> sqlite3.Connection:
        file = connect(*given, factory=Deadly, **how)
        file.execute("PRAGMA wal_autocheckpoint=16")
        return file

    os.dup2(said.fileno(), 1)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    torch.set_num_threads(1)
    Deadly.kill, Deadly.left, Deadly.armed = kill, kill.count or 1, kill.count == 0
    signal.signal(signal.SIGUSR1, lambda *_: setattr(Deadly, "armed", True))
    sqlite3.connect = connected
    command(words)


class Server:
    """``headgate serve`` as a process.

    Args:
        model: the model's directory.
        folder: of the sessions.
        kill: when it dies; None for a server that nobody kills.

    Attributes:
        address: where it listens; None where it died before.
    """

    def __init__(self, model: Path, folder: Path, kill: Kill | None = None) -> None:
        self.kill, self._log = kill or Kill(0.0), folder.parent / "log"
        words = ["serve", f"m={model}", "--port", "0", "--sessions", str(folder)]
        words += [word for each in SET for word in ("--set", each)]
        hears, said = _FORKS.Pipe(duplex=False)
        given = (self.kill, words, said, self._log)
        self.process = _FORKS.Process(target=_serve, args=given)
        self.process.start()
        said.close()
        self._lines = os.fdopen(os.dup(hears.fileno()))  # open as long as it may say something
        hears.close()
        found = re.search(r"http://[^\s;,]+", self._lines.readline())
        self.address = found and found[0]

    def die(self) -> str:
        """Wait until it is dead; kill it after a while. Say where it died."""
        if self.address is not None:
            assert self.process.pid is not None
            os.kill(self.process.pid, signal.SIGUSR1)
        self.process.join(self.kill.seconds)
        moment = self.process.is_alive()
        self.process.kill()
        self._over(-signal.SIGKILL)
        if moment:
            return "at a moment"
        return f"{self.kill.place} a commit" if self.address else "at the opening of the file"

    def end(self) -> None:
        """End it as a signal does."""
        self.process.terminate()
        self._over(0)

    def _over(self, expected: int) -> None:
        self.process.join(60)
        self._lines.close()
        log, code = self._log.read_text(), self.process.exitcode
        if code != expected or '"error"' in log:
            raise AssertionError(f"it ended with {code}: {log[-2000:]}")


def load_up(server: Server, clerks: Sequence[Clerk], seed: int) -> Counter[str]:
    """Have each client ask until the server is gone; count where it died, and wrong answers."""
    assert server.address is not None
    address, found = server.address, Counter[str]()

    def ask(number: int) -> None:
        client, chance = Client(address), random.Random(seed * 1000 + number)
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                try:
                    clerks[number].ask(client, chance)
                    found["requests"] += 1
                except AssertionError as error:
                    found[f"WRONG answer: {error!s:.300}"] += 1
                    break
        client.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(clerks))]
    for thread in threads:
        thread.start()
    found[f"killed {server.die()}"] += 1
    for thread in threads:
        thread.join()
    return found


def check(clerks: Sequence[Clerk], address: str) -> Counter[str]:
    """Compare all that a server has with what the one before it answered."""
    client, found = Client(address), Counter[str]()
    lines = client.ask("GET", "/metrics").body.decode().splitlines()
    there = sum(float(x.split()[-1]) for x in lines if x.startswith("headgate_sessions{"))
    if there > sum(len(each.open) + each.unknown for each in clerks):
        found["WRONG: sessions that nobody began"] += 1
    for each in clerks:
        found += each.check(client)
    client.close()
    return found


def run(kills: Sequence[Kill], model: Path, *, clients: int, seed: int) -> Counter[str]:
    """Kill servers one after the other on the same sessions; count what was found after each."""
    found: Counter[str] = Counter()
    template, tokens = read(model)
    clerks = [Clerk(template, tokens) for _ in range(clients)]
    with TemporaryDirectory() as name:
        folder = Path(name) / "sessions"
        for number, kill in enumerate(kills):
            server = Server(model, folder, kill)
            if server.address is None:
                found[f"killed {server.die()}"] += 1
                continue
            found += check(clerks, server.address)
            found += load_up(server, clerks, seed + number)
        last = Server(model, folder)
        assert last.address is not None
        found += check(clerks, last.address)
        last.end()
    return found


def read(model: Path) -> tuple[Any, list[str]]:
    """Give a stream of a model of letters, and letters that it knows."""
    found = load(model)
    text: Any = found.task
    return found.stream(rewind=16), [x for x in TOKENS if not text.text.unknown(x)]


def main(arguments: list[str]) -> None:
    """Kill so many times, and say what was found."""
    parser = argparse.ArgumentParser(prog="scripts/bench serve_kills", description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=HERE / "generate")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args(arguments)
    chance, began = random.Random(wanted.seed), time.monotonic()
    kills = [Kill.by_chance(chance) for _ in range(wanted.kills)]
    found = run(kills, wanted.model, clients=wanted.clients, seed=wanted.seed)
    print(f"{wanted.kills} kills in {time.monotonic() - began:.0f} s")
    for what, count in sorted(found.items()):
        print(f"{count:>8}  {what}")
    wrong = sum(count for what, count in found.items() if "WRONG" in what)
    print("nothing is wrong" if not wrong else f"{wrong} WRONG")
    sys.exit(bool(wrong))
