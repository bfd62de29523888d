"""A model of frames kept running: what comes next, a frame at a time."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.midi import read_midi
from headgate.data.piano import (
    HIGHEST,
    KEYS,
    LOWEST,
    SIXTEENTH,
    Piece,
    check_frames,
    frames_of,
)
from headgate.errors import DataError, ShapeError, StreamError
from headgate.models.frame_model import FrameModel
from headgate.streaming import Stream
from headgate.tasks.kept_stream import RowStream
from headgate.tasks.stream_tokens import listed, shown

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_LIKELIEST = 5
_FRAMES = "frames, one after the other"


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedFrame:
    """What a model of frames expects next.

    Args:
        probabilities: that each key sounds, [88].
    """

    probabilities: Float[Tensor, "M"]

    def likeliest(self, count: int = _LIKELIEST) -> list[tuple[int, float]]:
        """Give the likeliest keys.

        Args:
            count: how many.

        Returns:
            The MIDI pitch of each and its probability, the likeliest first.
        """
        values, keys = self.probabilities.topk(min(count, KEYS))
        found = zip(keys.tolist(), values.tolist(), strict=True)
        return [(key + LOWEST, value) for key, value in found]

    def row(self) -> dict[str, str]:
        """Give the likeliest keys as columns of a table.

        Returns:
            Their MIDI pitches, and their probabilities.
        """
        found = self.likeliest()
        return {
            "prediction": " ".join(str(pitch) for pitch, _ in found),
            "probability": " ".join(f"{value:.3f}" for _, value in found),
        }

    def plain(self) -> dict[str, Any]:
        """Give the likeliest keys as what JSON holds.

        Returns:
            The MIDI pitch, the note and the probability of five, the likeliest first.
        """
        found = self.likeliest()
        return {
            "likeliest": [
                {"pitch": pitch, "note": note(pitch), "probability": value}
                for pitch, value in found
            ]
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{note(pitch)} {value:.3f}" for pitch, value in self.likeliest())
        return f"ExpectedFrame({shown})"


class PieceStream(RowStream):
    """A model of frames that reads a frame a step and says after each what it expects next.

    Where it begins, the silent frame that stands before every piece was read already. The network
    is copied: what training does to it later changes nothing.

    Args:
        stream: the network.
        beat: quarter notes of a frame.
    """

    def __init__(self, stream: Stream, beat: float = SIXTEENTH) -> None:
        self.stream, self.beat = stream, beat

    @classmethod
    def of(
        cls,
        network: FrameModel,
        *,
        beat: float,
        rows: int | None,
        rewind: int,
        quantize: str | None,
    ) -> PieceStream:
        """Begin a piece.

        Args:
            network: the network.
            beat: quarter notes of a frame.
            rows: streams that step together; None for one by itself.
            rewind: how many frames can be taken back.
            quantize: "int8" keeps the matrices as bytes.

        Returns:
            The stream.
        """
        network = copy.deepcopy(network).eval()
        begun = cls(Stream(*network.parts, rows=rows, rewind=rewind, quantize=quantize), beat)
        begun.reset()
        return begun

    @property
    def position(self) -> int | list[int]:
        """The frames read since the beginning; of each row where there are rows."""
        taken = self.stream.position
        return taken - 1 if isinstance(taken, int) else [each - 1 for each in taken]

    def given(self, token: Any) -> Tensor:
        """Take one frame.

        Args:
            token: 0 or 1 for each key, [88], or a list of MIDI pitches; where there are rows one
                for each.

        Returns:
            0 or 1 for each key, [88]; where there are rows [B, 88].

        Raises:
            DataError: a value is neither 0 nor 1, or a pitch is no key.
            ShapeError: it has another shape.
        """
        return _frame(token) if self.rows is None else self._row(token)

    def said(self, out: Tensor) -> Any:
        """Give what is expected after a frame; where there are rows a list."""
        return _said(out) if self.rows is None else [_said(each) for each in out]

    def steps(self, chunk: Any) -> list[Any]:
        """Read several frames.

        Args:
            chunk: frames, [T, 88], or a list of pitches for each; where there are rows, for each
                step a frame for each row.

        Returns:
            What is expected after each.

        Raises:
            DataError: something in it is no frame.
            ShapeError: a frame has another shape, or there are not as many as rows.
        """
        frames = [self._row(each) if self.rows else _frame(each) for each in listed(chunk, _FRAMES)]
        return [*map(self.said, self.stream.steps(torch.stack(frames)))] if frames else []

    def read(self, frames: Float[Tensor, "T M"]) -> None:
        """Read frames, and say nothing.

        Args:
            frames: 0 or 1 for each key, [T, 88].

        Raises:
            StreamError: there are rows.
        """
        self._check_alone()
        self.stream.steps(frames)

    def begin(self, source: Any) -> None:
        """Begin a new piece with frames that are read first.

        Args:
            source: a piece; 0 or 1 for each key, [T, 88]; a list of MIDI pitches for each frame; or
                a ``Path`` of a MIDI file.

        Raises:
            DataError: it is none of these.
            ShapeError: frames have another shape.
            StreamError: there are rows. In each case the stream is as it was.
        """
        self._check_alone()
        if isinstance(source, os.PathLike):
            source = read_midi(source, step=self.beat).frames
        steps = source.frames if isinstance(source, Piece) else listed(source, _FRAMES)
        frames = torch.stack([*map(_frame, steps)]) if len(steps) else _none()
        self.reset()
        self.read(frames)

    def _check_alone(self) -> None:
        if self.rows is not None:
            raise StreamError(
                f"a piece is read by one stream, and this one has {self.rows} rows: give each row "
                "its frames, in steps"
            )

    def answer(self, line: str) -> Iterator[str]:
        """Read a frame; an empty line begins anew.

        Args:
            line: the MIDI pitches that sound, with spaces between; "-" for none.

        Yields:
            The likeliest pitches of the next frame, with their probabilities.
        """
        if not line.strip():
            self.reset()
            return
        found = self.step(_pitches(line)).row()
        yield "\t".join(found.values())

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Begin a new piece.

        Args:
            rows: these rows only; all where None.
        """
        if rows is None:
            self.stream.reset()
            self.stream.step(torch.zeros(KEYS) if self.rows is None else _none(self.rows))
            self.stream.state = self.stream.state  # the first frame is not to be taken back
            return
        self.stream.reset(rows)
        parts = self.split()
        for row in rows:
            parts[row].reset()
        self.stream = self.join(parts).stream

    def _over(self, stream: Stream) -> PieceStream:
        return PieceStream(stream, self.beat)

    def _row(self, frames: Any) -> Tensor:
        wanted = f"there are {self.rows} rows: give a frame for each"
        row = listed(frames, wanted)
        if len(row) != self.rows:
            raise ShapeError(wanted)
        return torch.stack([_frame(each) for each in row])


def note(pitch: int) -> str:
    """Name a MIDI pitch as musicians do.

    Args:
        pitch: the pitch.

    Returns:
        The note and its octave.

    Example:
        >>> note(60), note(21)
        ('C4', 'A0')
    """
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def names_of(frame: Float[Tensor, "M"]) -> str:
    """Name the notes of a frame.

    Args:
        frame: 0 or 1 for each key, [88].

    Returns:
        The notes from the lowest to the highest, or a hyphen for none.
    """
    keys = torch.nonzero(frame)[:, 0].tolist()
    return " ".join(note(key + LOWEST) for key in keys) or "-"


def _said(logits: Tensor) -> ExpectedFrame:
    return ExpectedFrame(logits.sigmoid())


def _none(rows: int = 0) -> Tensor:
    return torch.zeros(rows, KEYS)


def _frame(frame: Any) -> Tensor:
    if isinstance(frame, Tensor):
        if frame.shape != (KEYS,):
            raise ShapeError(f"a frame is [{KEYS}], not {tuple(frame.shape)}")
        frame = frame.float()
        check_frames(frame[None])
        return frame
    pitches = listed(frame, f"0 or 1 for each key, [{KEYS}], or a list of MIDI pitches")
    for pitch in pitches:
        whole = isinstance(pitch, int) and not isinstance(pitch, bool)
        if not whole or not LOWEST <= pitch <= HIGHEST:
            raise DataError(f"a pitch is from {LOWEST} to {HIGHEST}, not {shown(pitch)}")
    return frames_of([pitches])[0]


def _pitches(line: str) -> list[int]:
    words = [] if line.strip() == "-" else line.split()
    if not all(word.isascii() and word.isdigit() for word in words):
        raise DataError(f"MIDI pitches with spaces between were wanted, or -; {line!r:.80} came")
    return [int(word) for word in words]
