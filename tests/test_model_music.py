"""Music from a file to a saved model, through the public functions alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.music import SMALL, frames, noise, train_player, write_rounds
from tests.tiny import command
from tests.tolerances import assert_equal

import headgate as hg
from headgate.data.piano import Piece
from headgate.data.sources import read_table
from headgate.errors import DataError


def test_the_parts_of_a_file_are_kept_and_scored(tmp_path: Path) -> None:
    path = write_rounds(tmp_path, train=20, valid=4, test=6)
    said: list[str] = []
    model = train_player(path, epochs=3, say=said.append)
    assert any(line.startswith("task: generate") for line in said)
    assert any("train 20, valid 4, test 6" in line for line in said)
    assert model.metrics["test"].keys() == {"nll", "accuracy"}
    assert model.metrics["baselines"].keys() == {"key frequencies", "last frame"}
    again = model.evaluate(path)  # a file with a test part is judged by that
    assert again.scores["nll"].to_dict() == model.metrics["test"]["nll"]


def test_seeds_repeat_and_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = write_rounds(tmp_path)
    one, two = (train_player(path, epochs=2, seed=3) for _ in range(2))
    assert_equal(one.task.network.state_dict(), two.task.network.state_dict(), "bits")
    one.save(tmp_path / "model")
    loaded = hg.load(tmp_path / "model")
    first, second = (each.generate(steps=20, seed=4) for each in (one, loaded))
    assert_equal(first.frames, second.frames, "bits")
    assert loaded.evaluate(path).scores == one.evaluate(path).scores
    assert repr(loaded) == "Model(generate: frames)"


def test_a_folder_of_midi_files_is_learned_from(tmp_path: Path) -> None:
    for row, piece in enumerate(frames(12)):
        Piece(piece).save(tmp_path / f"{row}.mid")
    model = train_player(tmp_path, epochs=2)
    found: Any = model.generate(tmp_path / "0.mid", steps=3, seed=1)
    assert len(found) == len(frames(12)[0]) + 3
    more = hg.train(tmp_path, base=model, epochs=1, say=lambda line: None)
    assert more.task.settings.hidden_size == SMALL["hidden_size"]


def test_one_long_piece_is_cut(tmp_path: Path) -> None:
    Piece(noise(200)).save(tmp_path / "a.mid")
    model = train_player(tmp_path / "a.mid", epochs=1)
    assert model.metrics["test"]["nll"]["value"] > 0


def test_a_stream_and_what_is_seen(tmp_path: Path) -> None:
    model = train_player(write_rounds(tmp_path), epochs=1)
    piece = frames(1, 3)[0]
    expected = [each.probabilities for each in model.stream().steps(piece)]
    read = torch.cat([torch.zeros(1, 88), piece])[None]
    with torch.inference_mode():
        wanted = model.task.network(read)[0][1:, 0].sigmoid()
    assert_equal(torch.stack(expected), wanted, "output")
    assert len(model.inspect(piece).tokens) == len(piece)
    assert len(model.predict([piece])) == 1


def test_music_is_a_table_and_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_rounds(tmp_path, train=5, valid=2)
    assert len(read_table(path)) == 7
    assert command("data", path) == 0
    assert "frames" in capsys.readouterr().out
    with pytest.raises(DataError, match=r"there is no such file; did you mean 'rounds\.json'"):
        read_table(tmp_path / "round.json")


def test_settings_of_music_are_known_to_the_command_line(tmp_path: Path) -> None:
    path, out = write_rounds(tmp_path), tmp_path / "model"
    words = ["--epochs", 1, "--set", "transpose=2", "--set", "step=0.5", "--out", out]
    assert command("train", path, *words, "--set", "hidden_size=4") == 0
    settings = hg.load(out).task.settings
    assert (settings.transpose, settings.step, settings.hidden_size) == (2, 0.5, 4)
    assert command("evaluate", out, path) == 0
