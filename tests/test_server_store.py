from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from headgate.errors import OutputError
from headgate.server.store import FILE, Record, Store


def record(name: str, state: bytes = b"\0\xff", **more: object) -> Record:
    given = {"model": "강", "durable": True, "source": ["a", 1.5], "used": 2.5, "position": 3}
    return Record(name, state=state, **(given | more))  # type: ignore[arg-type]


def test_what_was_put_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b")
    store.put([record("x"), record("y")])
    store.put([record("x", b"new", position=4)], gone=["y", "never there"])
    assert store.get("x") == record("x", b"new", position=4)
    assert store.get("y") is None
    store.close()
    again = Store(tmp_path / "a" / "b")
    assert again.all() == [record("x", b"", position=4)]
    again.close()


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    for path in (tmp_path / "new", tmp_path / "new" / FILE):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    store.close()


def test_two_servers_do_not_share_it(tmp_path: Path) -> None:
    first = Store(tmp_path)
    with pytest.raises(OutputError, match="another server"):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()


def test_on_a_full_disk_a_commit_is_not_there_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put([record("x")])
    store._file.execute("PRAGMA max_page_count=5")
    with pytest.raises(OutputError, match="cannot be written: database or disk is full"):
        store.put([record("y"), record("z", bytes(100_000))], gone=["x"])
    assert [each.id for each in store.all()] == ["x"]
    store.put([record("y")])  # it goes on after that
    assert [each.id for each in store.all()] == ["x", "y"]
    store.close()


def test_what_sqlite_cannot_hold_leaves_no_transaction_open(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        store.put([record("x"), record("y", position=2**64)])
    store.put([record("z")])
    assert [each.id for each in store.all()] == ["z"]
    store.close()


def test_what_is_no_store_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"a letter, long enough for a header" * 40)
    with pytest.raises(OutputError, match="cannot be kept here"):
        Store(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(b"a letter")


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("PRAGMA application_id=7")
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(OutputError, match="another program"):
        Store(tmp_path)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be kept here"):
        Store(tmp_path / "file")


def test_each_commit_is_forced_to_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = store._file.execute
    assert run("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert run("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()
