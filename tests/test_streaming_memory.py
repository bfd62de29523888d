"""A stream runs in the memory that it began with."""

from __future__ import annotations

import ctypes
import platform
import tracemalloc
from collections.abc import Callable

import pytest
import torch
from torch import nn

from headgate.kernels import native
from headgate.layers import Linear, Recurrent
from headgate.streaming import Stream

STEPS = 20_000
GLIBC = platform.libc_ver()[0] == "glibc" and hasattr(ctypes.CDLL(None), "mallinfo2")
counts_malloc = pytest.mark.skipif(not GLIBC, reason="mallinfo2 is glibc's, from 2.33 on")

FIELDS = (  # of its struct
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
    "keepcost",
)  # fmt: skip


class _Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


LIBC = ctypes.CDLL(None)  # once: to open it allocates, too
if GLIBC:
    LIBC.mallinfo2.restype = _Info


def _allocated() -> int:
    """The bytes that malloc has given out, those in maps of their own included."""
    found = LIBC.mallinfo2()
    return found.uordblks + found.hblkhd


def _stream(**how: object) -> Stream:
    modules = [nn.Embedding(50, 16), Recurrent("lstm", 16, 33, num_layers=2), Linear(33, 50)]
    return Stream(*modules, **how)  # type: ignore[arg-type]


KINDS: dict[str, Callable[[], Stream]] = {
    "floats": _stream,
    "rewind": lambda: _stream(rewind=7),
    "rows": lambda: _stream(rows=3),
}
if native.available:
    KINDS["int8"] = lambda: _stream(quantize="int8")


@counts_malloc
@pytest.mark.parametrize("kind", KINDS)
def test_many_steps_leave_nothing_behind(kind: str) -> None:
    stream = KINDS[kind]()
    ids = torch.zeros(() if stream.rows is None else (stream.rows,), dtype=torch.int64)

    def run(steps: int) -> None:
        for _ in range(steps // 2):
            stream.step(ids)
        for _ in range(steps // 32):
            stream.steps(ids.expand(16, *ids.shape))

    run(500)
    before = _allocated()
    run(STEPS)
    assert _allocated() - before < STEPS  # less than a byte a step


def test_many_steps_keep_no_object_of_python() -> None:
    stream = _stream(rewind=3)
    for _ in range(200):
        stream.step(3)
    tracemalloc.start()
    try:
        for _ in range(100):
            stream.step(3)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3000):
            stream.step(3)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 3000


@counts_malloc
@pytest.mark.skipif(not native.available, reason="this is about the native part")
@pytest.mark.parametrize("kind", KINDS)
def test_the_native_steps_allocate_nothing(kind: str) -> None:
    stream = KINDS[kind]()
    rows = stream.rows or 1
    ids, out = torch.zeros(9, rows, dtype=torch.int64), torch.empty(9, rows, 50)
    run = stream._runner._run  # type: ignore[attr-defined]
    given = ids.data_ptr(), 9, 0, out.data_ptr()

    def growth() -> int:
        before = _allocated()
        for _ in range(10_000 // 9):
            run(*given)
        return _allocated() - before

    run(*given)
    # other threads of the process allocate, too: what a step kept would grow every time
    assert min(growth() for _ in range(5)) <= 0


@counts_malloc
def test_forks_go_away_with_their_memory() -> None:
    stream = _stream(rewind=50)

    def branch() -> None:
        other = stream.fork()
        other.step(1)
        Stream.join([stream, other]).split()
        stream.state = other.state

    for _ in range(20):
        branch()
    before = _allocated()
    for _ in range(300):
        branch()
    assert _allocated() - before < 100_000  # a fork has more
