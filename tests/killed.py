"""A training that is killed, at a moment or inside a write, and taken up again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Runs the command line; the process kills itself in the midst of one of its writes.
_INSIDE = """
import io, os, signal, sys
from headgate.artifacts import directory
from headgate.cli import main

where, left = sys.argv[1], int(sys.argv[2])
fsync, replace = os.fsync, os.replace

def die(of):
    global left
    if of == where:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

class File(io.FileIO):
    def write(self, data):
        half = super().write(bytes(data)[: len(data) // 2])
        die("write")
        return half + super().write(bytes(data)[half:])

def forced(handle):
    die("fsync")
    fsync(handle)

def moved(one, other):
    die("before")
    replace(one, other)
    die("after")

directory.open = lambda path, mode: File(path, mode)
os.fsync, os.replace = forced, moved
main(sys.argv[3:])
"""
PLACES = ("write", "fsync", "before", "after")


@dataclass(frozen=True)
class Kill:
    """When a process dies: so many seconds after its start, or in its n-th write.

    Args:
        seconds: from the first line that it writes to its error stream; None for a write.
        place: of ``PLACES``.
        count: the number of the write.
    """

    seconds: float | None = None
    place: str = "write"
    count: int = 1

    @classmethod
    def by_chance(cls, chance: random.Random, *, seconds: float, writes: int) -> Kill:
        """Draw one, each kind as often."""
        if chance.random() < 0.5:
            return cls(seconds=chance.uniform(0, seconds))
        return cls(place=chance.choice(PLACES), count=chance.randint(1, writes))


def run(words: Sequence[object], kill: Kill | None = None) -> bool:
    """Run a training of the command line, and say whether it came to its end."""
    inside = kill is not None and kill.seconds is None
    place, count = (kill.place, kill.count) if kill is not None and inside else ("nowhere", 0)
    command = [sys.executable, "-c", _INSIDE, place, str(count), *map(str, words)]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        if kill is not None and kill.seconds is not None:
            try:
                process.wait(kill.seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        said += process.stderr.read()
    if process.returncode not in (0, -9):
        raise AssertionError(said)
    return process.returncode == 0


def weights(place: Path) -> bytes:
    """Give the bytes of a model's weights."""
    return (place / "model.safetensors").read_bytes()
