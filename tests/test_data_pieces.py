from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.music import noise, rounds, write_rounds
from tests.tolerances import assert_equal

from headgate.data.piano import Piece, frames_of
from headgate.data.pieces import is_pieces, read_all_pieces, read_pieces
from headgate.errors import DataError


def write(folder: Path, content: Any) -> Path:
    path = folder / "pieces.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_each_part_becomes_a_table(tmp_path: Path) -> None:
    path = write_rounds(tmp_path, train=5, valid=2, test=3)
    found = read_pieces(path)
    assert {name: len(table) for name, table in found.items()} == {
        "train": 5,
        "valid": 2,
        "test": 3,
    }
    table = found["test"]
    assert (table.columns, table.roles, table.lines) == (("frames",), ("frames", None), [1, 2, 3])
    for cell, piece in zip(table.column("frames"), rounds(3, seed=2), strict=True):
        assert_equal(cell, frames_of(piece), "bits")
    steps = sum(map(len, rounds(3, seed=2)))
    assert table.notes == (f"test: 3 pieces, {steps} steps",)
    assert [*read_pieces(path, one="test")] == ["test"]
    assert len(read_pieces(path, one="test")["test"]) == 3
    assert len(read_all_pieces(path)) == 10


def test_a_list_is_one_part(tmp_path: Path) -> None:
    path = write_rounds(tmp_path)
    assert len(read_pieces(path)["train"]) == 24
    assert len(read_pieces(path, one="valid")["valid"]) == 24


def test_validation_is_valid(tmp_path: Path) -> None:
    assert [*read_pieces(write(tmp_path, {"train": [[[60]]], "validation": [[[60]]]}))] == [
        "train",
        "valid",
    ]


def test_silent_voices_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "[[[60, -1, NaN, 64.0], [-1, -1], []]]")
    assert_equal(read_pieces(path)["train"].rows[0][0], frames_of([[60, 64], [], []]), "bits")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"pieces\.json: not JSON"),
        ("[" * 100_000, "not JSON"),
        ("", "not JSON"),
        ("3", "the number 3 came"),
        ("{}", "an object came"),
        ("[]", "an empty list came"),
        ({"train": 7}, "for 'train'; the number 7 came"),
        ({"train": []}, "for 'train'; an empty list came"),
        ({"train": [[[60]]], "rest": []}, "'rest' is none of the parts: train, valid"),
        ({"valid": [[[60]]], "validation": [[[60]]]}, '"valid" and "validation" are one'),
        ({"valid": [[[60]]]}, 'no part is named "train"; parts: valid'),
        ({"train": [[[60]], []]}, "piece 2 of train, which has no step"),
        ([[[60]], 5], "piece 2, which should be a list of steps, is the number 5"),
        ([{"text": "a"}], r"piece 1, .* is an object; rows of a table are read from \.jsonl"),
        ([[60, 64]], "piece 1, step 1: a list of MIDI pitches was wanted, and the number 60"),
        ([[[60], [[60]]]], "piece 1, step 2: a MIDI pitch was wanted, and a list of 1 came"),
        ([[[60], ["60"]]], "piece 1, step 2: a MIDI pitch was wanted, and a text came"),
        ([[[True]]], "piece 1, step 1: a MIDI pitch was wanted, and true came"),
        ([[[None]]], "and null came"),
        ({"test": [[[60]]], "train": [[[60], [300]]]}, "piece 1 of train, step 2: pitch 300 is no"),
        ([[[60], [20]]], "pitch 20 is no key of a piano, whose MIDI pitches are 21 to 108"),
        ([[[60.5]]], r"pitch 60\.5 is no key"),
        ("[[[Infinity]]]", "pitch inf is no key"),
    ],
)
def test_what_is_no_music_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_pieces(write(tmp_path, content))


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pieces.json"
    path.write_bytes(b"[[[60]], \xff]")
    with pytest.raises(DataError, match=r"pieces\.json"):
        read_pieces(path)
    with pytest.raises(DataError, match="there is no such file"):
        read_pieces(tmp_path / "none.json")


def test_a_folder_of_midi_files_has_a_row_a_file(tmp_path: Path) -> None:
    for name, seed in (("나", 1), ("a", 2)):
        Piece(noise(9, seed)).save(tmp_path / f"{name}.MID")
    (tmp_path / "README").write_text("music")
    assert is_pieces(tmp_path)
    [table] = read_pieces(tmp_path).values()
    assert [Path(file).name for file in table.files] == ["a.MID", "나.MID"]
    assert_equal(table.rows[0][0], noise(9, seed=2), "bits")
    error = table.error("wrong", row=1, column="frames")
    assert str(error).startswith(str(tmp_path / "나.MID"))
    (tmp_path / "a.MID").write_bytes(b"MThd")
    with pytest.raises(DataError, match=r"a\.MID: it is no MIDI file"):
        read_pieces(tmp_path)


def test_one_midi_file_is_one_piece(tmp_path: Path) -> None:
    Piece(noise(9)).save(tmp_path / "a.midi")
    assert_equal(read_pieces(tmp_path / "a.midi", one="test")["test"].rows[0][0], noise(9), "bits")
    assert len(read_all_pieces(tmp_path / "a.midi")) == 1


def test_what_is_music_is_known_by_its_name(tmp_path: Path) -> None:
    for name in ("a.json", "a.mid", "a.MIDI", Path("a.json")):
        assert is_pieces(name)
    for name in ("a.jsonl", "a.txt", "hf:json", tmp_path, None):
        assert not is_pieces(name)
