from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import mido
import pytest
import torch
from tests.music import noise
from tests.tolerances import assert_equal

from headgate.data.midi import read_midi
from headgate.data.piano import Piece, frames_of
from headgate.errors import DataError, MissingExtraError, OutputError, OutputExistsError


def write(path: Path, *tracks: Sequence[mido.Message | mido.MetaMessage], kind: int = 1) -> Path:
    file = mido.MidiFile(type=kind, ticks_per_beat=96)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    file.save(path)
    return path


def on(note: int, time: int, **more: Any) -> mido.Message:
    settings: dict[str, Any] = {"velocity": 64, **more}
    return mido.Message("note_on", note=note, time=time, **settings)


def off(note: int, time: int, **more: Any) -> mido.Message:
    return mido.Message("note_off", note=note, time=time, **more)


@pytest.mark.parametrize("step", [0.25, 1.0, 1 / 3, 4.0])
def test_a_piece_that_is_written_and_read_is_the_same(step: float, tmp_path: Path) -> None:
    silent_ends = torch.cat([torch.zeros(3, 88), noise(50, seed=2), torch.zeros(4, 88)])
    for number, frames in enumerate([noise(60), silent_ends, torch.ones(5, 88)]):
        Piece(frames, step).save(tmp_path / f"{number}.mid")
        found = read_midi(tmp_path / f"{number}.mid", step=step)
        assert_equal(found.frames, frames, "bits")
        assert found.step == step


def test_held_notes_are_one_note(tmp_path: Path) -> None:
    Piece(frames_of([[60], [60], [60, 64], [], [60]])).save(tmp_path / "held.mid")
    events = [e for e in mido.MidiFile(tmp_path / "held.mid").tracks[0] if e.type == "note_on"]
    assert [event.note for event in events] == [60, 64, 60]


def test_notes_begin_and_end_at_the_nearest_step(tmp_path: Path) -> None:
    # a sixteenth is 24 ticks: 10 is the first step, 13 the second; a short note lasts a step
    path = write(tmp_path / "a.mid", [on(60, 10), off(60, 3), on(62, 0), off(62, 34)])
    assert read_midi(path).pitches() == [[60], [62]]


def test_tracks_and_channels_sound_together_and_drums_do_not(tmp_path: Path) -> None:
    first = [on(60, 0, channel=0), off(60, 48, channel=0)]
    second = [on(64, 24, channel=3), on(64, 24, channel=3, velocity=0)]
    drums = [on(40, 0, channel=9), off(40, 24, channel=9)]
    path = write(tmp_path / "a.mid", first, second, drums)
    assert read_midi(path).pitches() == [[60], [60, 64]]


def test_a_change_of_tempo_changes_nothing(tmp_path: Path) -> None:
    slow = mido.MetaMessage("set_tempo", tempo=2_000_000, time=0)
    path = write(tmp_path / "a.mid", [on(60, 0), slow, off(60, 48)])
    assert read_midi(path).pitches() == [[60], [60]]


def test_a_note_that_is_struck_again_or_never_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", [on(60, 0), on(60, 24), off(60, 24), on(65, 0), off(70, 24)])
    assert read_midi(path).pitches() == [[60], [60], [65]]


def test_a_pitch_that_no_piano_has_is_named_with_its_step(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", [on(60, 0), off(60, 24), on(109, 24), off(109, 24)])
    with pytest.raises(DataError, match=r"a\.mid: step 3: pitch 109 is no key .* 21 to 108"):
        read_midi(path)


def test_a_file_without_notes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", [on(40, 0, channel=9), off(40, 24, channel=9)])
    with pytest.raises(DataError, match="it has no note, drums aside"):
        read_midi(path)


def test_pieces_side_by_side_in_one_file_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", [on(60, 0), off(60, 24)], kind=2)
    with pytest.raises(DataError, match="it holds several pieces"):
        read_midi(path)


def test_times_of_film_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", [on(60, 0), off(60, 24)])
    data = bytearray(path.read_bytes())
    data[12:14] = struct.pack(">h", -6360)
    path.write_bytes(data)
    with pytest.raises(DataError, match="film frames"):
        read_midi(path)


@pytest.mark.parametrize("cut", [0, 1, 4, 10, 14, 20, 23, 25, 27])
def test_a_broken_file_is_refused(cut: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", [on(60, 0), off(60, 24)])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"a\.mid: (it is no MIDI file, or a broken one|it has no)"):
        read_midi(path)


def test_every_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", [on(60, 0), off(60, 24), on(64, 0), off(64, 24)])
    data = path.read_bytes()
    for place in range(len(data)):
        for value in (0, 127, 128, 255):
            path.write_bytes(data[:place] + bytes([value]) + data[place + 1 :])
            with suppress(DataError):
                assert len(read_midi(path)) > 0


@pytest.mark.parametrize("data", [b"not music", b"\0" * 100, "노래".encode()])
def test_what_is_no_midi_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(data)
    with pytest.raises(DataError, match="it is no MIDI file, or a broken one"):
        read_midi(tmp_path / "a.mid")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_midi(tmp_path / "none.mid")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    place = tmp_path / "a.mid"
    place.write_text("mine")
    with pytest.raises(OutputExistsError, match="is there already and was not touched"):
        Piece(noise(3)).save(place)
    assert place.read_text() == "mine"
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        Piece(noise(3)).save(tmp_path / "none" / "a.mid")


def test_without_mido_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(MissingExtraError, match=r"headgate\[music\]"):
        Piece(noise(3)).save(tmp_path / "a.mid")
    assert not (tmp_path / "a.mid").exists()
