"""MIDI files to frames of keys and back; through mido."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.piano import HIGHEST, KEYS, LOWEST, SIXTEENTH, Piece, check_step, held
from headgate.errors import DataError, MissingExtraError, OutputError, OutputExistsError

if TYPE_CHECKING:
    from mido import MidiFile

_TICKS = 480  # of a quarter note, in what is written
_VELOCITY = 80
_DRUMS = 9  # the channel whose numbers are instruments, not pitches
_SEPARATE = 2  # the type of a file whose tracks are pieces of their own
_LONGEST = 1_000_000  # steps


def read_midi(
    path: str | os.PathLike[str], *, step: float = SIXTEENTH, longest: int = _LONGEST
) -> Piece:
    """Read a MIDI file: all its channels but drums, as one piano.

    Each note begins and ends at the nearest step and lasts one at least. A change of tempo
    changes nothing, since steps are counted in quarter notes.

    Args:
        path: the file.
        step: quarter notes of a step.
        longest: steps that it may have.

    Returns:
        The piece; its last step is that of the last note or event.

    Raises:
        DataError: it is no MIDI file, is broken, too long, has no note, or a pitch that no piano
            has; the message has the step.
        MissingExtraError: mido is not installed.
    """
    check_step(step)
    file = _opened(path)
    ticks = file.ticks_per_beat * step
    if ticks <= 0:
        raise DataError(
            "its times are film frames (SMPTE), which say nothing of quarter notes: save it with "
            "ticks of a quarter note",
            path=path,
        )
    notes, last = _notes(file)
    if not notes:
        raise DataError("it has no note, drums aside, so there is nothing to read", path=path)
    try:
        return Piece(_laid(notes, last, ticks, longest), step)
    except DataError as error:
        raise DataError(str(error), path=path) from None


def _laid(
    notes: list[tuple[int, int, int]], last: int, ticks: float, longest: int
) -> Float[Tensor, "T M"]:
    """Lay notes out in steps of some ticks."""
    placed = [(pitch, _nearest(on / ticks), _nearest(off / ticks)) for pitch, on, off in notes]
    placed = [(pitch, first, max(first + 1, end)) for pitch, first, end in placed]
    steps = max(_nearest(last / ticks), *(end for _, _, end in placed))
    if steps > longest:
        raise DataError(f"{steps:,} steps are no piece; {longest:,} at most")
    frames = torch.zeros(steps, KEYS)
    for pitch, first, end in placed:
        if not LOWEST <= pitch <= HIGHEST:
            raise DataError(wrong_pitch(pitch, step=first))
        frames[first:end, pitch - LOWEST] = 1.0
    return frames


def _nearest(place: float) -> int:
    """Round halves up, so that neighbours that touch still touch."""
    return int(place + 0.5)


def wrong_pitch(pitch: object, *, step: int) -> str:
    """Say that a piano has no such key.

    Args:
        pitch: what came.
        step: where, counted from 0.

    Returns:
        The message.
    """
    return (
        f"step {step + 1}: pitch {pitch} is no key of a piano, whose MIDI pitches are {LOWEST} to "
        f"{HIGHEST}: take the note out, or move it by octaves"
    )


def _opened(path: str | os.PathLike[str]) -> MidiFile:
    mido = _mido()
    try:
        file = mido.MidiFile(os.fspath(path), clip=True)
    except OSError as error:
        if error.errno is not None:
            raise DataError(f"cannot be read: {error.strerror}", path=path) from error
        raise _broken(error, path) from error
    except (EOFError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise _broken(error, path) from error
    except mido.KeySignatureError as error:  # of no kind of those above
        raise _broken(error, path) from error
    if file.type == _SEPARATE:
        raise DataError(
            "it holds several pieces (type 2), one a track: save each as a file of its own",
            path=path,
        )
    return file


def _broken(error: Exception, path: str | os.PathLike[str]) -> DataError:
    said = str(error) or type(error).__name__
    return DataError(f"it is no MIDI file, or a broken one ({said}): fetch it again", path=path)


def _notes(file: MidiFile) -> tuple[list[tuple[int, int, int]], int]:
    """Give pitch, first and last tick of each note, and the last tick of all."""
    notes, last = [], 0
    for track in file.tracks:
        now, sounding = 0, {}
        for event in track:
            now += event.time
            if event.type not in ("note_on", "note_off") or event.channel == _DRUMS:
                continue
            key = event.channel, event.note
            if key in sounding:
                notes.append((event.note, sounding.pop(key), now))
            if event.type == "note_on" and event.velocity:
                sounding[key] = now
        notes += [(pitch, begun, now) for (_, pitch), begun in sounding.items()]
        last = max(last, now)
    return notes, last


def write_midi(piece: Piece, path: str | os.PathLike[str]) -> None:
    """Write a piece as a MIDI file, at 120 quarter notes a minute; held notes are one note.

    Args:
        piece: the piece.
        path: a file that does not exist yet; its folder does.

    Raises:
        OutputExistsError: something is there already; it is left as it is.
        OutputError: the place cannot be written.
        MissingExtraError: mido is not installed.
    """
    mido = _mido()
    place = Path(path)
    file = mido.MidiFile(type=0, ticks_per_beat=_TICKS)
    file.tracks.append(_track(piece, mido))
    try:
        with open(place, "xb") as opened:
            file.save(file=opened)
    except FileExistsError as error:
        raise OutputExistsError(
            f"{place} is there already and was not touched: name another place, or move it away"
        ) from error
    except OSError as error:
        raise OutputError(f"{place} cannot be written: {error.strerror}") from error


def _track(piece: Piece, mido: Any) -> Any:
    ticks = piece.step * _TICKS
    events = []
    for pitch, first, end in held(piece.frames.bool()):
        events.append((first, "note_on", pitch))
        events.append((end, "note_off", pitch))
    # at one time what ends goes before what begins
    events.sort(key=lambda event: (event[0], event[1] == "note_on", event[2]))
    track, now = mido.MidiTrack(), 0
    for step, kind, pitch in events:
        tick = _nearest(step * ticks)
        track.append(mido.Message(kind, note=pitch, velocity=_VELOCITY, time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=_nearest(len(piece) * ticks) - now))
    return track


def _mido() -> Any:
    try:
        import mido
    except ImportError as error:
        raise MissingExtraError("mido", "music") from error
    return mido
