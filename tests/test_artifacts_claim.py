from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.artifacts import directory
from headgate.artifacts.checkpoint import FILE
from headgate.artifacts.claim import claim
from headgate.errors import OutputError, OutputExistsError


def _interrupted(path: Path) -> None:
    with claim(path) as claimed:
        (claimed / directory.CURVES).mkdir()
        raise KeyboardInterrupt


def test_an_error_inside_gives_the_place_back(tmp_path: Path) -> None:
    for place in (tmp_path / "new", tmp_path / "empty"):
        if place.name == "empty":
            place.mkdir()
        with pytest.raises(KeyboardInterrupt):
            _interrupted(place)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_claimed_place_is_refused(tmp_path: Path) -> None:
    with claim(tmp_path / "m"):
        with (
            pytest.raises(OutputExistsError, match="is being written by another training"),
            claim(tmp_path / "m"),
        ):
            pass
        assert (tmp_path / "m").is_dir()
    with claim(tmp_path / "m") as place:
        assert place == tmp_path / "m"


def test_a_place_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match=r"file/m cannot be made: Not a directory"),
        claim(tmp_path / "file" / "m"),
    ):
        pass


HOLD = """
import sys
from pathlib import Path
from headgate.artifacts.claim import claim
with claim(sys.argv[1], resume=True) as place:
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(place: Path) -> subprocess.Popen[str]:
    """Claim a place in another process, which holds it until it is told to end."""
    words = [sys.executable, "-c", HOLD, str(place)]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("resume", [False, True])
def test_a_place_of_a_running_process_is_refused(resume: bool, tmp_path: Path) -> None:
    with hold(tmp_path / "m") as process:
        with (
            pytest.raises(OutputExistsError, match="which runs now"),
            claim(tmp_path / "m", resume=resume),
        ):
            pass
        process.communicate("")
    assert process.returncode == 0


def test_a_killed_process_leaves_a_place_to_go_on_in(tmp_path: Path) -> None:
    with hold(tmp_path / "m") as process:
        process.send_signal(signal.SIGKILL)
    with (
        pytest.raises(OutputExistsError, match=r"--resume .* goes on with it"),
        claim(tmp_path / "m"),
    ):
        pass
    (tmp_path / "m" / f".{FILE}.partial").write_bytes(b"half")
    with claim(tmp_path / "m", resume=True) as place:
        assert [entry.name for entry in place.iterdir()] == [".unfinished"]
    assert list(place.iterdir()) == []


def test_an_error_leaves_a_checkpoint_where_it_is(tmp_path: Path) -> None:
    def stopped(*, resume: bool) -> None:
        with claim(tmp_path / "m", resume=resume) as place:
            (place / FILE).write_bytes(b"steps")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped(resume=False)
    with pytest.raises(OutputExistsError, match="--resume"), claim(tmp_path / "m"):
        pass
    with pytest.raises(KeyboardInterrupt):
        stopped(resume=True)
    assert (tmp_path / "m" / FILE).read_bytes() == b"steps"


def test_an_interrupted_model_says_how_to_go_on(tmp_path: Path) -> None:
    for name in (FILE, directory.CONFIG):
        (tmp_path / name).touch()
    with pytest.raises(OutputExistsError, match="was interrupted: --resume"), claim(tmp_path):
        pass
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([FILE, directory.CONFIG])
    with claim(tmp_path, resume=True):
        pass


def test_what_is_not_a_trainings_is_refused_also_with_resume(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with (
        pytest.raises(OutputExistsError, match="nothing in it was touched"),
        claim(tmp_path, resume=True),
    ):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]


def test_an_interrupted_model_stays_one_where_going_on_fails(tmp_path: Path) -> None:
    for name in (FILE, directory.CONFIG):
        (tmp_path / name).touch()
    with pytest.raises(KeyboardInterrupt), claim(tmp_path, resume=True):
        raise KeyboardInterrupt
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([FILE, directory.CONFIG])
