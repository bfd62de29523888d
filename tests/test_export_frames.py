from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.exported import run_alone, script
from tests.music import frames, noise, player, rounds
from tests.tolerances import assert_equal

from headgate.data.midi import read_midi, write_midi
from headgate.data.piano import Piece, frames_of
from headgate.tasks import exporting

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

PIECES = [[], [[60, 36], [], [62, 38]], rounds(1)[0]]


def line_of(piece: list[list[int]]) -> str:
    return "; ".join(" ".join(map(str, step)) or "-" for step in piece)


def model_of(out: Path, *, stream: bool, **options: Any) -> Any:
    exporting.export(player(), out, stream=stream, source=None)
    assert exporting.verify(player(), out) < exporting.TOLERANCE
    return script("run", out).Model(**options)


def wanted_of(piece: list[list[int]], steps: int) -> list[list[int]]:
    found = player().generate(frames_of(piece), steps=steps, temperature=0)
    return found.pitches()[len(piece) :]


def test_music_goes_on_alone_as_it_does_here(tmp_path: Path) -> None:
    exporting.export(player(), tmp_path / "out", stream=False, source=None)
    assert exporting.verify(player(), tmp_path / "out") < exporting.TOLERANCE
    lines = "".join(f"{line_of(piece)}\n" for piece in PIECES)
    found = run_alone(tmp_path / "out", "--temperature", "0", "--steps", "12", text=lines)
    for piece, each in zip(PIECES, found, strict=True):
        wanted = Piece(frames_of(wanted_of(piece, 12))).row()
        assert each == wanted


def test_a_step_goes_on_as_the_whole(tmp_path: Path) -> None:
    model = model_of(tmp_path / "out", stream=True)
    for piece in PIECES:
        assert model.generate(piece, steps=12, temperature=0) == wanted_of(piece, 12)
    kept = player().stream(rows=None, rewind=0, quantize=None)
    for one, other in zip(model.stream(PIECES[2]), kept.steps(PIECES[2]), strict=True):
        keys = torch.tensor(one["prediction"]) - 21
        assert_equal(torch.tensor(one["probability"]), other.probabilities[keys], "printed")
        assert one["probability"] == sorted(one["probability"], reverse=True)


def test_keys_sound_as_often_as_they_should(tmp_path: Path) -> None:
    """One frame many times: the keys of what is drawn beside their probabilities."""
    model = model_of(tmp_path / "out", stream=False)
    drawn = [model.generate(PIECES[1], steps=1, temperature=2.0, seed=n)[0] for n in range(300)]
    counts = np.bincount(np.concatenate(drawn).astype(int) - 21, minlength=88)
    kept = player().stream(rows=None, rewind=0, quantize=None)
    shares = kept.steps(PIECES[1])[-1].probabilities.double().logit().div(2).sigmoid().numpy()
    deviation = np.sqrt(300 * shares * (1 - shares))
    assert (np.abs(counts - 300 * shares) <= 5 * deviation + 1).all()
    again = [model.generate(PIECES[1], steps=4, seed=5) for _ in range(2)]
    assert again[0] == again[1]


def test_midi_files_are_those_that_mido_reads_and_writes(tmp_path: Path) -> None:
    pytest.importorskip("mido", reason="mido is not installed: pip install 'headgate[music]'")
    midi = script("midi")
    for number, piece in enumerate([*frames(4), noise(300), torch.zeros(3, 88)]):
        step = (0.25, 1.0, 1 / 3)[number % 3]
        whole, one, other = Piece(piece, step), *(tmp_path / f"{number}{n}.mid" for n in "ab")
        midi.write_midi(whole.pitches(), one, step)
        write_midi(whole, other)
        if not piece.any():
            with pytest.raises(ValueError, match="has no note"):
                midi.read_midi(one, step)
            continue
        assert_equal(read_midi(one, step=step).frames, read_midi(other, step=step).frames, "bits")
        for place in (one, other):
            found = frames_of(midi.read_midi(place, 0.25))
            assert_equal(found, read_midi(place, step=0.25).frames, "bits")
    with pytest.raises(ValueError, match="File exists"):
        midi.write_midi([[60]], tmp_path / "0a.mid")


def test_a_midi_file_of_others_is_read_as_mido_reads_it(tmp_path: Path) -> None:
    """Several tracks, drums, a running status, texts, and notes that nobody ends."""
    mido = pytest.importorskip("mido", reason="mido is not installed: headgate[music]")
    file = mido.MidiFile(type=1, ticks_per_beat=96)
    chance = np.random.default_rng(0)
    for channel in (0, 3, 9):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name="x" * 200)])
        for _ in range(80):
            kind = ("note_on", "note_off", "program_change", "control_change")[chance.integers(4)]
            given = {"time": int(chance.integers(0, 300)), "channel": channel}
            if kind.startswith("note"):
                given |= {"note": int(chance.integers(60, 64)), "velocity": int(chance.integers(3))}
            track.append(mido.Message(kind, **given))
        track.append(mido.Message("sysex", data=(1, 2, 3)))
        file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    found = frames_of(script("midi").read_midi(tmp_path / "a.mid"))
    assert_equal(found, read_midi(tmp_path / "a.mid").frames, "bits")


def test_a_file_goes_on_as_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exporting.export(player(), tmp_path / "out", stream=False, source=None)
    run, midi = script("run", tmp_path / "out"), script("midi")
    midi.write_midi(PIECES[1], tmp_path / "a.mid")
    more = str(tmp_path / "more.mid")
    words = ["--temperature", "0", "--steps", "5", "--out", more, str(tmp_path / "a.mid")]
    monkeypatch.setattr(sys, "argv", ["run.py", *words])
    run.main()
    assert midi.read_midi(more)[3:] == wanted_of(PIECES[1], 5)
    (tmp_path / "bad.mid").write_bytes(b"no piece")
    for word, said in (
        (str(tmp_path / "bad.mid"), "is no MIDI file, or a broken one"),
        (str(tmp_path / "none.mid"), "No such file"),
        ("60; 20", "a pitch is from 21 to 108, not 20"),
        ("60; C4", "invalid literal"),
    ):
        monkeypatch.setattr(sys, "argv", ["run.py", word])
        with pytest.raises(SystemExit) as ended:
            run.main()
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
