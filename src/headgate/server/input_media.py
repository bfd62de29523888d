"""Sounds, pictures, videos and music that came as JSON.

Nothing that a request names is opened. What it sends is written under a name of our own, and looked
at by its head before it is decoded, so that a small file cannot grow without bounds.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

from headgate.data.audio import soundfile
from headgate.data.images import PictureFile
from headgate.data.media import PICTURES, SOUNDS
from headgate.data.midi import read_midi
from headgate.data.piano import HIGHEST, LOWEST, Piece, frames_of
from headgate.errors import DataError, OutputError
from headgate.server.refusals import refusal, too_many

ENDINGS = {"audio": SOUNDS, "image": PICTURES, "music": (".mid",)}
_BEGINS = {
    "audio": {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg"},
    "image": {b"\x89PNG": ".png", b"\xff\xd8": ".jpg"},
    "music": {b"MThd": ".mid"},
}
_SEND = 'send the file itself, as {"base64": "…"}'
_PIXELS = 25_000_000  # of a picture
_VIDEO_PIXELS = 500_000_000  # of all frames of a video
_SAMPLES = 1 << 25  # of all channels of a sound
_RATES = (1_000, 192_000)  # samples a second; others make the filters of resampling large
_MIDI_BYTES = 1 << 20


def sound_in(given: Any, pointer: str, place: Path, *, seconds: float) -> str:
    """Take a sound.

    Args:
        given: ``{"base64": …}``, a WAV, FLAC or Ogg file.
        pointer: where it stands, as a JSON pointer.
        place: where it is written, but for its ending.
        seconds: that it may last.

    Returns:
        The path of its file.

    Raises:
        DataError: it is no such object or no sound, or lasts too long.
    """
    path = _written(given, pointer, place, "audio")
    library = soundfile()
    try:
        head = library.info(str(path))
    except (library.LibsndfileError, OSError, RuntimeError) as error:
        raise DataError(f"is no sound that can be read ({error})", path=pointer) from None
    least, most = _RATES
    if not least <= head.samplerate <= most:
        raise DataError(
            f"a sound of {least:,} to {most:,} samples a second was wanted, and one of "
            f"{head.samplerate:,} came",
            path=pointer,
        )
    if head.frames > seconds * head.samplerate:
        lasts = f"{head.frames / head.samplerate:,.1f} seconds"
        raise DataError(f"a sound lasts {seconds:g} seconds at most, not {lasts}", path=pointer)
    if head.frames * head.channels > _SAMPLES:
        raise too_many(pointer, _SAMPLES, "samples", head.frames * head.channels)
    return str(path)


def picture_in(given: Any, pointer: str, place: Path) -> str:
    """Take a picture.

    Args:
        given: ``{"base64": …}``, a PNG or JPEG file.
        pointer: where it stands, as a JSON pointer.
        place: where it is written, but for its ending.

    Returns:
        The path of its file.

    Raises:
        DataError: it is no such object or no picture, or too large.
    """
    path = _written(given, pointer, place, "image")
    _pixels(path, pointer)
    return str(path)


def video_in(given: Any, pointer: str, place: Path, *, steps: int) -> str:
    """Take a video.

    Args:
        given: ``{"frames": [{"base64": …}, …]}``, PNG or JPEG files in their order.
        pointer: where it stands, as a JSON pointer.
        place: the folder to which they are written.
        steps: frames that it may have.

    Returns:
        The path of the folder.

    Raises:
        DataError: it is no such object, has no frame or too many, or one is no picture.
    """
    if not _has(given, "frames") or not isinstance(given["frames"], list) or not given["frames"]:
        wanted = 'a video as its frames in their order, {"frames": [{"base64": "…"}, …]},'
        raise refusal(pointer, wanted, given)
    frames = given["frames"]
    if len(frames) > steps:
        raise too_many(f"{pointer}/frames", steps, "frames", len(frames))
    place.mkdir()
    pixels = 0
    for number, frame in enumerate(frames):
        where = f"{pointer}/frames/{number}"
        path = _written(frame, where, place / str(number), "image")
        pixels += _pixels(path, where)
        if pixels > _VIDEO_PIXELS:
            raise too_many(pointer, _VIDEO_PIXELS, "pixels in all", pixels)
    return str(place)


def music_in(given: Any, pointer: str, place: Path, *, step: float, steps: int) -> Piece:
    """Take a piece of music.

    Args:
        given: ``{"base64": …}``, a MIDI file; or ``{"frames": [[60, 64], …]}``, the MIDI pitches
            of each step, as an answer has them.
        pointer: where it stands, as a JSON pointer.
        place: where a file is written, but for its ending.
        step: quarter notes of a step.
        steps: that it may have.

    Returns:
        The piece.

    Raises:
        DataError: it is no such object, no piece, or too long.
    """
    if _has(given, "frames", "step"):
        if given.get("step") not in (None, step):
            raise refusal(f"{pointer}/step", f"{step:g}, as in training,", given["step"])
        return Piece(frames_of(_pitches(given["frames"], f"{pointer}/frames", steps)), step)
    path = _written(given, pointer, place, "music")
    if path.stat().st_size > _MIDI_BYTES:
        raise too_many(pointer, _MIDI_BYTES, "bytes", path.stat().st_size)
    return read_midi(path, step=step, longest=steps)


def _pitches(given: Any, pointer: str, steps: int) -> list[list[int]]:
    if not isinstance(given, list) or not given:
        raise refusal(pointer, "a list with the MIDI pitches of each step", given)
    if len(given) > steps:
        raise too_many(pointer, steps, "steps", len(given))
    for number, keys in enumerate(given):
        if not isinstance(keys, list):
            raise refusal(f"{pointer}/{number}", "a list of MIDI pitches", keys)
        for place, key in enumerate(keys):
            whole = isinstance(key, int) and not isinstance(key, bool)
            if not whole or not LOWEST <= key <= HIGHEST:
                wanted = f"a MIDI pitch from {LOWEST} to {HIGHEST}"
                raise refusal(f"{pointer}/{number}/{place}", wanted, key)
    return given


def _has(given: Any, name: str, *others: str) -> bool:
    """Tell whether something is an object with a key, and no keys but some others."""
    return isinstance(given, dict) and name in given and given.keys() <= {name, *others}


def _written(given: Any, pointer: str, place: Path, kind: str) -> Path:
    """Write a file that was sent."""
    if isinstance(given, str):
        raise DataError(f"a text came, and no file is opened by its name: {_SEND}", path=pointer)
    if not _has(given, "base64", "ending") or not isinstance(given["base64"], str):
        raise DataError(f"a file was wanted: {_SEND}", path=pointer)
    endings = ENDINGS[kind]
    if given.get("ending") not in (None, *endings):
        raise refusal(f"{pointer}/ending", f"one of {', '.join(endings)}", given["ending"])
    try:
        data = base64.b64decode(given["base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"this is no base64: {error}", path=f"{pointer}/base64") from None
    begins = (own for mark, own in _BEGINS[kind].items() if data.startswith(mark))
    ending = next(begins, None)  # by what is in it: readers do the same
    if ending is None:
        raise DataError(
            f"a file of the kind {', '.join(endings)} was wanted, and {len(data):,} bytes of "
            "another came",
            path=f"{pointer}/base64",
        )
    path = place.with_name(place.name + ending)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise OutputError(f"what was sent cannot be kept: {error.strerror}") from error
    return path


def _pixels(path: Path, pointer: str) -> int:
    count = PictureFile(path).pixels()
    if count > _PIXELS:
        raise too_many(pointer, _PIXELS, "pixels", count)
    return count
