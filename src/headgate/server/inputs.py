"""Inputs as JSON gives them to what a model takes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from headgate.errors import DataError, HeadgateError, ShapeError
from headgate.model import Model
from headgate.server.input_media import music_in, picture_in, sound_in, video_in
from headgate.server.input_numbers import columns_in, has_columns, series_in
from headgate.server.refusals import refusal, text_in, too_many
from headgate.tasks.forecast_data import Series

_FILES = ("audio", "image", "video", "music")  # what is sent as files


@contextmanager
def taken(
    model: Model, inputs: Sequence[Any], *, characters: int, steps: int
) -> Iterator[list[Any]]:
    """Take inputs as JSON gives them.

    Files that are sent lie in a private folder for as long as the context is open. No path that
    a request names is opened. An error that is raised inside the context names the input that
    the model refuses, by asking it again for parts of them.

    Args:
        model: the model.
        inputs: as JSON gives them: a text; for a tagger also a list of words; for a series a list
            of numbers, of lists of them or of objects by the columns' names, null where a value is
            missing; ``{"base64": …}`` for a sound, a picture or a MIDI file; ``{"frames": […]}``
            for a video, or the pitches of each step of a piece.
        characters: of a text at most.
        steps: of a series, a sound, a video or a piece at most.

    Yields:
        The inputs as ``Model.predict`` takes them.

    Raises:
        HeadgateError: an input cannot be taken, or the model refuses it; the message begins with
            where it stands, such as /inputs/3, counted from 0.
    """
    files = model.task.reads in _FILES
    with tempfile.TemporaryDirectory(prefix="headgate-") if files else nullcontext() as folder:
        place = Path(folder or "")
        ready: list[Any] = []
        for number, each in enumerate(inputs):
            try:
                ready.append(_taken(model, each, number, place, characters=characters, steps=steps))
            except (DataError, ShapeError) as error:
                raise _named(error, number, folder) from None
        try:
            yield ready
        except (DataError, ShapeError) as error:
            own, number = _blamed(model, ready, error)
            raise own if number is None else _named(own, number, folder) from None


def _taken(
    model: Model, given: Any, number: int, folder: Path, *, characters: int, steps: int
) -> Any:
    """Take one input."""
    task: Any = model.task
    pointer, place = f"/inputs/{number}", folder / str(number)
    if task.reads in ("series", "forecast") and has_columns(given):
        return columns_in(model, given, pointer, steps=steps)
    if task.reads == "forecast":  # by its number in its own request, as when it is asked alone
        return Series.of(series_in(given, pointer, steps=steps), str(number + 1))
    if task.reads in ("series", "places"):
        return series_in(given, pointer, steps=steps, missing=task.reads != "places")
    if task.reads == "audio":
        return sound_in(given, pointer, place, seconds=steps * task.reading.seconds)
    if task.reads == "image":
        return picture_in(given, pointer, place)
    if task.reads == "video":
        return video_in(given, pointer, place, steps=steps)
    if task.reads == "music":
        return music_in(given, pointer, place, step=task.settings.step, steps=steps)
    if task.reads == "words" and isinstance(given, list):
        return _words(given, pointer, characters)
    return text_in(given, pointer, characters)


def _words(given: list[Any], pointer: str, characters: int) -> tuple[str, ...]:
    if not given:
        raise refusal(pointer, "a text or a list of words", given)
    words = [text_in(each, f"{pointer}/{n}", characters) for n, each in enumerate(given)]
    count = sum(map(len, words))
    if count > characters:
        raise too_many(pointer, characters, "characters", count)
    return tuple(words)


def _blamed(
    model: Model, ready: list[Any], error: HeadgateError
) -> tuple[HeadgateError, int | None]:
    """Find the input that the model refuses, and why; None where no input is to blame."""
    first, last = 0, len(ready)
    while last - first > 1:
        middle = (first + last) // 2
        if _refusal_of(model, ready[first:middle]) is None:
            first = middle
        else:
            last = middle
    own = _refusal_of(model, ready[first:last])
    return (error, None) if own is None else (own, first)


def _refusal_of(model: Model, some: list[Any]) -> HeadgateError | None:
    try:
        model.predict(some)
    except (DataError, ShapeError) as error:
        return error
    return None


def _named(error: HeadgateError, number: int, folder: str | None) -> DataError:
    """Say where an input stands in the request, and not where it was written."""
    said, pointer = str(error), f"/inputs/{number}"
    if folder is not None:
        # a file N.wav is the input N; a file N/M.png its frame M
        files = re.compile(re.escape(folder) + r"/\d+(?:/(\d+))?(?:\.[a-z]+)?")
        said = files.sub(lambda found: pointer + (f"/frames/{found[1]}" if found[1] else ""), said)
    return DataError(said, path=None if said.startswith(pointer) else pointer)
