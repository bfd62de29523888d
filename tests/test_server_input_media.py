"""Sounds, pictures, videos and music in a request: read as from files, and bounded."""

from __future__ import annotations

import base64
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from tests.golden import ASKED, write_bar, write_tones
from tests.music import rounds
from tests.pictures import block, save
from tests.sent import LIMITS, answered, golden, player, seer, sent

from headgate.data.piano import Piece, frames_of
from headgate.errors import DataError
from headgate.server.answers import plain
from headgate.server.inputs import taken


@pytest.mark.parametrize("ending", [None, ".wav", ".ogg"])
def test_a_sound_is_sent_as_base64(tmp_path: Path, ending: str | None) -> None:
    files = [write_tones(tmp_path, said) for said in ("ab", "ba")]
    wanted = [plain(each) for each in golden("transcribe").predict(files)]
    given = [sent(file) | ({"ending": ending} if ending else {}) for file in files]
    assert answered(golden("transcribe"), given) == wanted


def test_a_flac_is_a_sound(tmp_path: Path) -> None:
    samples, rate = soundfile.read(write_tones(tmp_path, "ab"), dtype="int16")
    soundfile.write(tmp_path / "ab.flac", samples, rate)
    [wanted] = golden("transcribe").predict([str(tmp_path / "ab.flac")])
    assert answered(golden("transcribe"), [sent(tmp_path / "ab.flac")]) == [plain(wanted)]


def test_a_picture_is_sent_as_base64(tmp_path: Path) -> None:
    files = [write_bar(tmp_path, kind) for kind in ASKED["caption"]]
    for model in (golden("caption"), seer("image")):
        wanted = [plain(each) for each in model.predict(files)]
        assert answered(model, [sent(file) for file in files]) == wanted


def test_a_video_is_sent_as_its_frames(tmp_path: Path) -> None:
    # twelve frames: their order is not that of the names "0", "1", "10", "11", "2"
    names = [f"{number:02d}.png" for number in range(12)]
    files = [save(tmp_path / "v" / n, block("red", "left", seed=k)) for k, n in enumerate(names)]
    wanted = seer("video").predict([str(tmp_path / "v")])
    assert answered(seer("video"), [{"frames": [*map(sent, files)]}]) == [plain(wanted[0])]


def test_music_is_a_midi_file_or_pitches(tmp_path: Path) -> None:
    piece = Piece(frames_of(rounds(1)[0]))
    piece.save(tmp_path / "a.mid")
    wanted = [plain(each) for each in player().predict([str(tmp_path / "a.mid"), piece])]
    said = [sent(tmp_path / "a.mid"), plain(piece)]
    assert answered(player(), said) == wanted
    assert answered(player(), [{"frames": rounds(1)[0]}]) == wanted[1:]


# a piece whose key has 127 sharps
_TRACK = bytes.fromhex("00ff59027f0500903c508360803c0000ff2f00")
_HEAD = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(_TRACK))
ODD_KEY = base64.b64encode(_HEAD + _TRACK).decode()

MUSIC: list[tuple[Any, str]] = [
    ("a.mid", "send the file itself"),
    ({"frames": []}, "/frames: a list with the MIDI pitches of each step was wanted"),
    ({"frames": [[60], 3]}, "/frames/1: a list of MIDI pitches was wanted, and the number 3"),
    ({"frames": [[60, 200]]}, "/frames/0/1: a MIDI pitch from 21 to 108 was wanted"),
    ({"frames": [[True]]}, "a MIDI pitch from 21 to 108 was wanted, and true came"),
    ({"frames": [[]] * 101}, "at most 100 steps are taken, and 101 came"),
    ({"frames": [[60]], "step": 1}, "/step: 0.25, as in training, was wanted"),
    ({"frames": [[60]], "ending": ".mid"}, "a file was wanted"),
    ({"base64": "TVRoZA=="}, "it is no MIDI file, or a broken one"),
    ({"base64": ODD_KEY}, "it is no MIDI file, or a broken one.*127 sharps"),
]


@pytest.mark.parametrize(("wrong", "message"), MUSIC)
def test_wrong_music_is_named(wrong: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^/inputs/1.*{message}") as raised:
        answered(player(), [{"frames": [[60]]}, wrong])
    assert tempfile.gettempdir() not in str(raised.value)


def test_a_wrong_frame_is_named(tmp_path: Path) -> None:
    good, bad = sent(save(tmp_path / "a.png", block("red", "left"))), {"base64": "/9j/"}
    wrong = [
        ({"frames": [good, bad]}, "^/inputs/1/frames/1: the picture is broken"),
        ({"frames": [good, "b.png"]}, "^/inputs/1/frames/1: a text came, and no file is opened"),
        ({"frames": []}, r"^/inputs/1: a video as its frames"),
        ({"frames": [good] * 101}, "^/inputs/1/frames: at most 100 frames are taken"),
        (str(tmp_path), "^/inputs/1: a video as its frames"),
    ]
    for given_, message in wrong:
        with pytest.raises(DataError, match=message):
            answered(seer("video"), [{"frames": [good]}, given_])


def test_a_sound_of_hours_is_not_decoded(tmp_path: Path) -> None:
    file = tmp_path / "silence.flac"
    soundfile.write(file, torch.zeros(8000 * 600).numpy(), 8000)
    assert file.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"^/inputs/0: a sound lasts 2 seconds at most, not 600"):
        answered(golden("transcribe"), [sent(file)])
    wav = bytearray(Path(write_tones(tmp_path, "ab")).read_bytes())
    wav[24:28] = (0x7FFFFFFF).to_bytes(4, "little")  # its rate
    with pytest.raises(DataError, match="1,000 to 192,000 samples a second was wanted"):
        answered(golden("transcribe"), [{"base64": base64.b64encode(wav).decode()}])


def test_a_picture_that_says_it_is_huge_is_not_decoded(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    png = (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    bomb = {"base64": base64.b64encode(png + struct.pack(">I", 0) + b"IDAT").decode()}
    with pytest.raises(
        DataError, match=r"^/inputs/0: at most 25,000,000 pixels are taken, and 81,000,000"
    ):
        answered(golden("caption"), [bomb])
    with pytest.raises(DataError, match=r"^/inputs/0/frames/0: at most 25,000,000 pixels"):
        answered(seer("video"), [{"frames": [bomb]}])


def test_a_piece_that_never_ends_is_not_laid_out(tmp_path: Path) -> None:
    far = [[60], *[[]] * 200, [60]]
    Piece(frames_of(far)).save(tmp_path / "far.mid")
    with pytest.raises(DataError, match=r"^/inputs/0: 202 steps are no piece; 100 at most"):
        answered(player(), [sent(tmp_path / "far.mid")])
    assert answered(player(), [sent(tmp_path / "far.mid")], steps=202)


def test_what_was_sent_is_gone_afterwards(tmp_path: Path) -> None:
    given = [sent(write_bar(tmp_path, "lying"))]
    with taken(golden("caption"), given, **LIMITS) as [path]:
        folder = Path(path).parent
        assert Path(path).exists()
        assert folder.stat().st_mode & 0o077 == 0  # nobody else may look
    assert not folder.exists()


def test_a_file_that_breaks_off_is_named_by_its_place(tmp_path: Path) -> None:
    whole = Path(write_bar(tmp_path, "lying")).read_bytes()
    half = {"base64": base64.b64encode(whole[: len(whole) // 2]).decode()}
    for model, given, place in (
        (golden("caption"), half, "/inputs/1: "),
        (seer("video"), {"frames": [sent(tmp_path / "lying3.png"), half]}, "/inputs/1/frames/1: "),
    ):
        good = given if given is not half else sent(tmp_path / "lying3.png")
        first = {"frames": given["frames"][:1]} if "frames" in given else good
        with pytest.raises(DataError, match="the picture is broken") as raised:
            answered(model, [first, given])
        assert str(raised.value).startswith(place)
        assert tempfile.gettempdir() not in str(raised.value)
