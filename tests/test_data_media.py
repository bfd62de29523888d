from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Literal

import pytest
import torch
from tests.sounds import tone, write_wav

from headgate.data.columns import Table
from headgate.data.media import (
    column_kind,
    is_media_folder,
    kind_of,
    pictures_of,
    read_media_folder,
    resolve,
)
from headgate.errors import DataError


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def _table(folder: Path, *cells: object) -> Table:
    rows = [[cell] for cell in cells]
    return Table(str(folder / "list.csv"), ("file",), rows, [*range(2, 2 + len(rows))], True)  # type: ignore[arg-type]


def test_a_folder_of_folders_is_a_table_of_classes(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "물")
    for name in ("불/10.wav", "불/9.wav", f"{decomposed}/a.FLAC"):
        write_wav(tmp_path / name, tone(440))
    _touch(tmp_path, "불/.hidden.wav", "불/notes.txt", "README.md", "empty/none.txt")
    table = read_media_folder(tmp_path)
    assert table.roles == table.columns == ("path", "label")
    assert table.rows == [
        [f"{decomposed}/a.FLAC", "물"],
        ["불/9.wav", "불"],
        ["불/10.wav", "불"],
    ]
    assert table.notes[0] == "each folder is a class of sounds, 2 in all: 물 1, 불 2"
    assert "2 files are neither sound nor picture and are left out" in table.notes[1]
    assert [resolve(table, row, table.rows[row][0]).is_file() for row in range(3)] == [True] * 3
    assert str(table.error("no", row=1)).startswith(str(tmp_path / "불/9.wav"))
    assert is_media_folder(tmp_path)


def test_pictures_and_videos_are_told_apart(tmp_path: Path) -> None:
    _touch(tmp_path, "a/cat/1.png", "a/dog/2.JPG", "v/left/c1/10.png", "v/left/c1/9.png")
    assert column_kind(read_media_folder(tmp_path / "a"), "path") == "image"
    video = read_media_folder(tmp_path / "v")
    assert column_kind(video, "path") == "video"
    frames = pictures_of(resolve(video, 0, video.rows[0][0]))
    assert [frame.name for frame in frames] == ["9.png", "10.png"]


def test_a_folder_without_such_files_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "a.txt", "b/c.txt")
    assert not is_media_folder(tmp_path)
    with pytest.raises(DataError, match="one folder of files a class was wanted"):
        read_media_folder(tmp_path)


def test_sounds_beside_pictures_are_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "a/one.wav", "b/two.png")
    with pytest.raises(DataError, match=r"sounds \(a/one.wav\) and pictures \(b/two.png\) came"):
        read_media_folder(tmp_path)


def test_the_kind_of_a_column(tmp_path: Path) -> None:
    _touch(tmp_path, "clip/1.png", "empty/x.txt")
    assert kind_of(tmp_path / "clip") == "video"
    assert kind_of(tmp_path / "empty") is None
    assert column_kind(_table(tmp_path, "a.wav", "b.WAV", "broken"), "1") == "audio"
    assert column_kind(_table(tmp_path, "clip"), "file") == "video"
    texts = ["a film", "", "x" * 9000, ("a", "b"), torch.zeros(2, 1)]
    assert column_kind(_table(tmp_path, *texts), "file") is None
    assert column_kind(_table(tmp_path), "file") is None


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_however_it_is_spelt(form: Literal["NFC", "NFD"], tmp_path: Path) -> None:
    name = unicodedata.normalize(form, "소리/é.wav")
    _touch(tmp_path, name)
    for cell in ("소리/é.wav", unicodedata.normalize("NFD", "소리/é.wav"), " 소리\\é.wav "):
        assert resolve(_table(tmp_path, cell), 0, cell) == tmp_path / name


def test_what_is_missing_is_named_with_its_row(tmp_path: Path) -> None:
    _touch(tmp_path, "a/zero.wav")
    table = _table(tmp_path, "a/zero.wav", "a/zer0.wav", "b/zero.wav", " ", ("a", "b"))
    said = {
        1: r"list\.csv, row 3, column 'file': there is no such .*; did you mean 'zero\.wav'\?",
        2: r"row 4.*and no folder '.*b'",
        3: r"row 5.*the path of a file was wanted, and an empty cell came",
        4: r"row 6.*the path of a file was wanted, and \('a', 'b'\) came",
    }
    for row, message in said.items():
        with pytest.raises(DataError, match=message):
            resolve(table, row, table.rows[row][0], column="file")
