"""Pieces of music to a table: a JSON file of pitches, a MIDI file, or a folder of them.

A JSON file holds a list of pieces, or an object of such lists, {"train", "valid", "test"}; a piece
is a list of steps, a step a list of MIDI pitches. Where the voices of a choir are kept apart, a
voice that is silent is -1 or NaN.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from headgate.data.columns import Table
from headgate.data.encodings import decode
from headgate.data.media import near
from headgate.data.midi import read_midi, wrong_pitch
from headgate.data.piano import HIGHEST, LOWEST, SIXTEENTH, frames_of
from headgate.errors import DataError

_ENDINGS = (".mid", ".midi")
_PARTS = {"train": "train", "valid": "valid", "validation": "valid", "test": "test"}
_COLUMN = "frames"
_SILENCE = -1
_FORM = "a list of pieces, each a list of steps, each a list of MIDI pitches"


def is_pieces(path: object) -> bool:
    """Say whether a path names pieces of music.

    Args:
        path: what the user wrote.

    Returns:
        Whether it ends in .json, .mid or .midi, or is a folder with MIDI files.
    """
    if not isinstance(path, str | os.PathLike):
        return False
    place = Path(path)
    if place.is_dir():
        return bool(_midi_files(place))
    return place.suffix.lower() in (".json", *_ENDINGS)


def read_pieces(
    path: str | os.PathLike[str], *, one: str | None = None, step: float = SIXTEENTH
) -> dict[str, Table]:
    """Read pieces of music, a row each.

    Args:
        path: a .json, .mid or .midi file, or a folder of MIDI files.
        one: the part that is wanted, and no other: of a file with several its own.
        step: quarter notes of a step of a MIDI file.

    Returns:
        The tables by part: "train", and of a JSON file with parts its own "valid" and "test". Each
        has the column "frames", whose cells are float32, [T, 88]: 1 where a key sounds.

    Raises:
        DataError: it cannot be read; a pitch is no key of a piano; a piece is empty. The message
            has the piece and the step.
        MissingExtraError: mido is not installed, and a MIDI file is to be read.
    """
    place = _there(path)
    if place.is_dir() or place.suffix.lower() in _ENDINGS:
        return {one or "train": _from_midi(place, step)}
    parts = _from_json(place)
    if one is not None:
        return {one: parts.get(one, next(iter(parts.values())))}
    if "train" not in parts:
        names = ", ".join(parts)
        raise DataError(f'no part is named "train"; parts: {names}', path=path)
    return parts


def read_all_pieces(path: str | os.PathLike[str]) -> Table:
    """Read pieces of music as one table, whatever parts they have.

    Args:
        path: a .json, .mid or .midi file, or a folder of MIDI files.

    Returns:
        A row a piece.

    Raises:
        DataError: it cannot be read.
    """
    place = _there(path)
    if place.is_dir() or place.suffix.lower() in _ENDINGS:
        return _from_midi(place, SIXTEENTH)
    tables = _from_json(place).values()
    rows = [row for table in tables for row in table.rows]
    notes = tuple(note for table in tables for note in table.notes)
    return _table(place, [row[0] for row in rows], notes)  # type: ignore[misc]


def _there(path: str | os.PathLike[str]) -> Path:
    place = Path(path)
    if not place.exists():
        raise DataError(f"there is no such file{near(place)}", path=path)
    return place


def _midi_files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.suffix.lower() in _ENDINGS)


def _from_midi(place: Path, step: float) -> Table:
    files = _midi_files(place) if place.is_dir() else [place]
    pieces = [read_midi(file, step=step).frames for file in files]
    note = f"steps of {step:g} quarter notes; drums are left out"
    names = [str(file) for file in files] if place.is_dir() else []
    return _table(place, pieces, (note,), names)


def _table(
    place: Path, pieces: Sequence[Tensor], notes: tuple[str, ...], files: Sequence[str] = ()
) -> Table:
    rows: Any = [[piece] for piece in pieces]
    lines = [1] * len(rows) if files else list(range(1, len(rows) + 1))
    roles = (_COLUMN, None)
    return Table(str(place), (_COLUMN,), rows, lines, False, notes, list(files), roles=roles)


def _from_json(place: Path) -> dict[str, Table]:
    found = _parsed(place)
    if isinstance(found, list):
        return {"train": _part(found, place, "")}
    if not isinstance(found, dict) or not found:
        raise DataError(
            f'{_FORM} was wanted, or an object with such a list for "train", "valid" and "test"; '
            f"{_kind(found)} came",
            path=place,
        )
    unknown = [name for name in found if name not in _PARTS]
    named = [_PARTS[name] for name in found if name in _PARTS]
    if unknown or len({*named}) < len(named):
        wrong = f"{unknown[0]!r} is none" if unknown else '"valid" and "validation" are one'
        raise DataError(f"{wrong} of the parts: {', '.join(_PARTS)}", path=place)
    return {_PARTS[name]: _part(found[name], place, name) for name in found}


def _parsed(place: Path) -> Any:
    try:
        data = place.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=place) from error
    text = decode(data, path=place, encoding=None)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON ({error}); {_FORM} was wanted", path=place) from error


def _part(pieces: Any, place: Path, name: str) -> Table:
    of = f" of {name}" if name else ""
    if not isinstance(pieces, list) or not pieces:
        came = "an empty list" if pieces == [] else _kind(pieces)
        raise DataError(f"{_FORM} was wanted{of and f' for {name!r}'}; {came} came", path=place)
    found = []
    for number, piece in enumerate(pieces, start=1):
        problem = _problem(piece)
        if problem:
            raise DataError(f"piece {number}{of}, {problem}", path=place)
        found.append(frames_of([[int(p) for p in step if not _is_silent(p)] for step in piece]))
    note = f"{name or 'pieces'}: {len(found)} pieces, {sum(map(len, found)):,} steps"
    return _table(place, found, (note,))


def _problem(piece: Any) -> str:
    """Say what is wrong with a piece, and at which step; nothing where it is one."""
    if not isinstance(piece, list):
        rows = "; rows of a table are read from .jsonl" if isinstance(piece, dict) else ""
        return f"which should be a list of steps, is {_kind(piece)}{rows}"
    if not piece:
        return "which has no step, is empty: take it out"
    for place, step in enumerate(piece):
        if not isinstance(step, list):
            return f"step {place + 1}: a list of MIDI pitches was wanted, and {_kind(step)} came"
        for pitch in step:
            if not _is_silent(pitch) and not _is_key(pitch):
                return (
                    wrong_pitch(pitch, step=place)
                    if _is_number(pitch)
                    else f"step {place + 1}: a MIDI pitch was wanted, and {_kind(pitch)} came"
                )
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_silent(pitch: Any) -> bool:
    return _is_number(pitch) and (pitch == _SILENCE or math.isnan(pitch))


def _is_key(pitch: Any) -> bool:
    return _is_number(pitch) and LOWEST <= pitch <= HIGHEST and pitch == int(pitch)


def _kind(value: Any) -> str:
    """Name what came, in the words of JSON."""
    if isinstance(value, str):
        return "a text"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if _is_number(value):
        return f"the number {value}"
    return f"a list of {len(value)}" if isinstance(value, list) else "an object"
