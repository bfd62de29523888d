"""A model of frames kept running: what comes next, a frame at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.piano import HIGHEST, KEYS, LOWEST, check_frames, frames_of
from headgate.errors import DataError, ShapeError, StreamError
from headgate.models.frame_model import FrameModel
from headgate.streaming import Stream
from headgate.tasks.kept_stream import RowStream

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_LIKELIEST = 5


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

    def __repr__(self) -> str:
        shown = ", ".join(f"{note(pitch)} {value:.3f}" for pitch, value in self.likeliest())
        return f"ExpectedFrame({shown})"


class PieceStream(RowStream):
    """A model of frames that reads a frame a step and says after each what it expects next.

    Where it begins, the silent frame that stands before every piece was read already. The network
    is copied: what training does to it later changes nothing.

    Args:
        stream: the network.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    @classmethod
    def of(
        cls, network: FrameModel, *, rows: int | None, rewind: int, quantize: str | None
    ) -> PieceStream:
        """Begin a piece.

        Args:
            network: the network.
            rows: streams that step together; None for one by itself.
            rewind: how many frames can be taken back.
            quantize: "int8" keeps the matrices as bytes.

        Returns:
            The stream.
        """
        network = copy.deepcopy(network).eval()
        begun = cls(Stream(*network.parts, rows=rows, rewind=rewind, quantize=quantize))
        begun.reset()
        return begun

    @property
    def position(self) -> int | list[int]:
        """The frames read since the beginning; of each row where there are rows."""
        taken = self.stream.position
        return taken - 1 if isinstance(taken, int) else [each - 1 for each in taken]

    def step(self, frame: Any) -> Any:
        """Read one frame.

        Args:
            frame: 0 or 1 for each key, [88], or a list of MIDI pitches; where there are rows one
                for each.

        Returns:
            What is expected after it; where there are rows a list of them.

        Raises:
            DataError: a value is neither 0 nor 1, or a pitch is no key.
            ShapeError: it has another shape.
        """
        if self.rows is None:
            return _said(self.stream.step(_frame(frame)))
        return [_said(each) for each in self.stream.step(self._row(frame))]

    def steps(self, chunk: Any) -> list[Any]:
        """Read several frames.

        Args:
            chunk: frames, [T, 88], or a list of pitches for each; where there are rows, for each
                step a frame for each row.

        Returns:
            What is expected after each.
        """
        if self.rows is not None:
            return [self.step(each) for each in chunk]
        frames = torch.stack([_frame(each) for each in chunk]) if len(chunk) else _none()
        return [_said(each) for each in self.stream.steps(frames)]

    def read(self, frames: Float[Tensor, "T M"]) -> None:
        """Read frames, and say nothing.

        Args:
            frames: 0 or 1 for each key, [T, 88].

        Raises:
            StreamError: there are rows.
        """
        if self.rows is not None:
            raise StreamError(
                f"a piece is read by one stream, and this one has {self.rows} rows: give each row "
                "its frames, in steps"
            )
        self.stream.steps(frames)

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
        return PieceStream(stream)

    def _row(self, frames: Any) -> Tensor:
        if len(frames) != self.rows:
            raise ShapeError(f"there are {self.rows} rows: give a frame for each")
        return torch.stack([_frame(each) for each in frames])


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
    for pitch in frame:
        whole = isinstance(pitch, int) and not isinstance(pitch, bool)
        if not whole or not LOWEST <= pitch <= HIGHEST:
            raise DataError(f"a pitch is from {LOWEST} to {HIGHEST}, not {pitch!r}")
    return frames_of([list(frame)])[0]


def _pitches(line: str) -> list[int]:
    words = [] if line.strip() == "-" else line.split()
    if not all(word.isascii() and word.isdigit() for word in words):
        raise DataError(f"MIDI pitches with spaces between were wanted, or -; {line!r:.80} came")
    return [int(word) for word in words]
