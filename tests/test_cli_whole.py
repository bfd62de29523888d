from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.cli.whole import check_places, write_whole
from headgate.errors import OutputError, OutputExistsError


def test_a_text_is_written_with_the_rights_of_any_new_file(tmp_path: Path) -> None:
    plain, place = tmp_path / "plain", tmp_path / "a.json"
    plain.write_text("", encoding="utf-8")
    write_whole(str(place), "따뜻한 \udcff\n")
    assert place.read_bytes() == "따뜻한 ?\n".encode()
    assert place.stat().st_mode == plain.stat().st_mode
    assert {each.name for each in tmp_path.iterdir()} == {"plain", "a.json"}


def test_a_name_without_a_folder_is_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_places("a.json", None, "b.html")
    write_whole("a.json", "x")
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "x"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"a\.json could not be written: No space left"):
        write_whole(str(tmp_path / "a.json"), "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("links", [True, False])
def test_what_came_in_the_meantime_is_not_touched(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, other = tmp_path / "a.json", tmp_path / "b.json"

    def unlinked(one: str, two: str) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", unlinked)
    write_whole(str(other), "second")
    monkeypatch.setattr(os, "fsync", lambda handle: place.write_text("first", encoding="utf-8"))
    with pytest.raises(OutputExistsError, match="was not touched"):
        write_whole(str(place), "second")
    assert place.read_text(encoding="utf-8") == "first"
    assert other.read_text(encoding="utf-8") == "second"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_run_that_is_killed_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from headgate.cli.whole import write_whole\n"
        "os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_whole(sys.argv[1], 'x' * 100_000)\n"
    )
    place = tmp_path / "a.json"
    done = subprocess.run([sys.executable, "-c", code, str(place)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not place.exists()
    write_whole(str(place), "x")  # what is left of the first does not bar the second
    assert place.read_text(encoding="utf-8") == "x"


def test_places_are_checked_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = tmp_path / "taken"
    taken.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExistsError, match="taken is there already"):
        check_places(None, str(taken))
    with pytest.raises(OutputError, match=r"there is no folder .*none; make it"):
        check_places(str(tmp_path / "none" / "a.json"))
    with pytest.raises(OutputError, match="the name of a file to write is empty"):
        check_places("")
    with pytest.raises(OutputError, match="named for two files"):
        check_places(str(tmp_path / "a"), f"{tmp_path}/./a")
    check_places(None, None)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write anywhere
    with pytest.raises(OutputError, match="may not be written to"):
        check_places(str(tmp_path / "a.json"))
