"""An input that a model can read, made of what the model knows: for the OpenAPI document."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from collections.abc import Callable
from typing import Any

from headgate.model import Model

_LOOKED_AT, _TOKENS = 300, 4
_FRAMES = 3  # of a video, and of features
_SIDE = 32  # of a picture, in pixels


def input_of(model: Model) -> Any:
    """Give an input of ``predict``, as JSON holds it.

    Args:
        model: the model.

    Returns:
        The input; None where one cannot be made up, as of a forecaster with further columns.
    """
    return _INPUTS[model.task.reads](model.task)


def completes(model: Model) -> bool:
    """Tell whether a model is a language model of texts, which completions ask for.

    Args:
        model: the model.

    Returns:
        Whether it is.
    """
    return model.task.name == "generate" and model.task.reads == "text"


def step_of(model: Model) -> Any:
    """Give steps of a session.

    Args:
        model: a model that streams.

    Returns:
        The steps; None where they cannot be made up.
    """
    task: Any = model.task
    if task.name in ("translate", "chat"):
        return [None]
    if task.reads in ("text", "words"):
        return [_known(task)[0]]
    if task.reads == "music":
        return [[60, 64, 67], []]
    if task.reads == "audio":
        return [[0.0] * len(task.reading.means)]
    return None if task.reads not in ("series", "forecast") else _numbers(task)


def source_of(model: Model) -> Any:
    """Give what a session begins with.

    Args:
        model: a model that streams.

    Returns:
        The source; None where none is wanted.
    """
    task: Any = model.task
    if task.name in ("translate", "chat"):
        return _text(task)
    return task.field.series[0] if task.reads == "forecast" else None


def _known(task: Any) -> list[str]:
    """Give some tokens that a model knows, as texts."""
    field = _field(task)
    found = (field.decode([i]) for i in range(min(len(field), _LOOKED_AT)))
    return [t for t in found if t.strip() == t and len(field.encode(t)) == 1][:_TOKENS]


def _field(task: Any) -> Any:
    if task.name == "tag":
        return task.reader.words
    if task.name == "generate":
        return task.field
    return task.source if task.name in ("translate", "chat") else task.reading.text


def _text(task: Any) -> str:
    known = _known(task)
    return "".join(known) if _field(task).unit in ("character", "byte") else " ".join(known)


def _numbers(task: Any) -> list[Any] | None:
    """Give a series of as many numbers a step as the model reads."""
    if task.reads == "forecast":
        if task.field.inputs or task.field.labels or task.field.calendar:
            return None
        width = len(task.field.targets)
    elif task.reads == "places":
        width = len(task.sight.mean)
    else:
        width = len(task.reading.means)
    return [[float(step + channel) for channel in range(width)] for step in range(_FRAMES)]


def _sound(task: Any) -> dict[str, str]:
    rate, file = task.reading.bands.rate, io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        sound.writeframes(bytes(2 * (rate // 4)))
    return _sent(file.getvalue())


def _picture(_: Any = None) -> dict[str, str]:
    """Give a black picture, a PNG file."""
    lines = zlib.compress((b"\0" + bytes(_SIDE)) * _SIDE)
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", lines), (b"IEND", b"")]
    said = [
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts
    ]
    return _sent(b"\x89PNG\r\n\x1a\n" + b"".join(said))


def _video(_: Any) -> dict[str, Any]:
    return {"frames": [_picture()] * _FRAMES}


def _music(_: Any) -> dict[str, str]:
    """Give a middle C of one beat, a MIDI file."""
    events = b"\x00\x90\x3c\x40\x60\x80\x3c\x40\x00\xff\x2f\x00"
    head = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, 96)
    return _sent(head + struct.pack(">4sI", b"MTrk", len(events)) + events)


def _sent(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


_INPUTS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "words": _text,
    "series": _numbers,
    "forecast": _numbers,
    "places": _numbers,
    "audio": _sound,
    "image": _picture,
    "video": _video,
    "music": _music,
}
