from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headgate.data.batches import Batches, pad
from headgate.data.ragged import Ragged
from headgate.errors import OutputError, ShapeError

ROWS = st.lists(st.lists(st.integers(-(2**31), 2**31 - 1)))
in_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")


@given(rows=ROWS, limit=st.sampled_from([0, 16, 1 << 20]), data=st.data())
def test_it_is_a_list_of_lists(rows: list[list[int]], limit: int, data: st.DataObject) -> None:
    ragged = Ragged.of(iter(rows), limit=limit)
    assert len(ragged) == len(rows)
    assert list(ragged) == list(ragged[:]) == rows
    assert list(ragged.lengths) == [len(row) for row in rows]
    assert ragged.flat.tolist() == [index for row in rows for index in row]
    assert ragged.flat.dtype == torch.int32
    if rows:
        chosen = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1)))
        assert ragged.take(chosen) == [rows[row] for row in chosen]
        first, last = data.draw(st.integers(-9, 9)), data.draw(st.integers(-9, 9))
        cut = slice(first, last, data.draw(st.sampled_from([1, 2, -1])))
        assert ragged[cut] == rows[cut]
    places = [number for number, row in enumerate(rows) for _ in row]
    assert [ragged.row_of(place) for place in range(len(places))] == places
    with pytest.raises(IndexError):
        ragged[len(rows)]


def test_batches_are_made_of_it() -> None:
    rows = [[1, 2, 3], [4], [5, 6, 7], [8, 9]]
    ragged = Ragged.of(rows, limit=8)
    assert (
        Batches(ragged.lengths, batch_size=2).in_order()
        == Batches([len(row) for row in rows], batch_size=2).in_order()
    )
    assert pad(ragged.take([0, 1]), 0)[0].tolist() == [[1, 2, 3], [4, 0, 0]]


def test_an_id_that_is_too_large_is_refused() -> None:
    with pytest.raises(ShapeError, match="ids of 32 bits were wanted, and row 1 has 2147483648"):
        Ragged.of([[1], [5, 2**31]])


def _deleted_files(pid: int | str = "self") -> int:
    """Count the files without a name that a process holds, open or mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return sum("(deleted)" in line and tempfile.gettempdir() in line for line in maps.splitlines())


@in_proc
def test_the_file_has_no_name_and_goes_with_the_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert _deleted_files() == 0
    ragged: Any = Ragged.of([[1, 2, 3]] * 2000, limit=100)
    assert _deleted_files() == 2
    assert list(tmp_path.iterdir()) == []
    assert ragged[1999] == [1, 2, 3]
    del ragged
    gc.collect()
    assert _deleted_files() == 0


@in_proc
def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "from headgate.data.spill import Spill\n"
        "spill = Spill(limit=100)\nspill.write(bytes(8000))\nview = spill.view()\n"
        "print('ready', flush=True)\ninput()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"ready\n"
    maps = Path(f"/proc/{child.pid}/maps").read_text(encoding="utf-8")
    assert sum("(deleted)" in line and str(tmp_path) in line for line in maps.splitlines()) == 1
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    child.stdin.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OutputError, match=r"No space left on device\): make room.*TMPDIR"):
        Ragged.of([[1, 2, 3]] * 100, limit=100)
