from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.music import frames, train_player, write_rounds
from tests.tiny import command, generator
from tests.tolerances import assert_equal

from headgate.data.midi import read_midi
from headgate.data.piano import Piece
from headgate.model import load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    train_player(write_rounds(folder), epochs=2).save(folder / "model")
    return folder / "model"


def task_of(model: Path) -> Any:
    return load(model).task


def test_a_piece_goes_on_in_a_file(model: Path, tmp_path: Path) -> None:
    beginning = Piece(frames(1, 3)[0])
    beginning.save(tmp_path / "begun.mid")
    words = ["--prompt", tmp_path / "begun.mid", "--steps", 9, "--seed", 3, "--temperature", 0.7]
    assert command("generate", model, *words, "--out", tmp_path / "new.mid") == 0
    wanted = task_of(model).generate(beginning, steps=9, temperature=0.7, seed=3)
    assert_equal(read_midi(tmp_path / "new.mid").frames, wanted.frames, "bits")
    assert len(wanted) == len(beginning) + 9


def test_without_a_prompt_a_piece_begins(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("generate", model, "--length", 7, "--seed", 1, "--out", tmp_path / "a.mid") == 0
    assert capsys.readouterr().out.endswith("a.mid, 7 steps of 0.25 quarter notes\n")
    found = read_midi(tmp_path / "a.mid").frames
    assert_equal(found, task_of(model).generate(steps=7, seed=1).frames, "bits")


def test_what_is_for_texts_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--top-k", 3], ["--top-p", 0.5], ["--stop", "x"], ["-n", 2]):
        assert command("generate", model, *words, "--out", tmp_path / "a.mid") == 2
        assert "is for texts, and this model goes on with music" in capsys.readouterr().err
    assert command("generate", model) == 2
    assert "name a new one (--out piece.mid)" in capsys.readouterr().err
    assert not (tmp_path / "a.mid").exists()


def test_nothing_is_written_over(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mid").write_text("mine")
    assert command("generate", model, "--out", tmp_path / "a.mid") == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "a.mid").read_text() == "mine"


def test_a_prompt_that_cannot_be_read_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prompt", tmp_path / "none.mid", "--out", tmp_path / "a.mid"]
    assert command("generate", model, *words) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_texts_have_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator().save(tmp_path / "texts")
    assert command("generate", tmp_path / "texts", "--out", tmp_path / "a.mid") == 2
    assert "texts are written to the screen" in capsys.readouterr().err
