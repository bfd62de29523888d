"""The keys of a piano: frames of them, and a piece of music as its frames."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from headgate.errors import DataError, ShapeError

LOWEST, HIGHEST = 21, 108  # MIDI pitches: A0 to C8
KEYS = HIGHEST - LOWEST + 1
SIXTEENTH = 0.25  # quarter notes


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of music: which keys of a piano sound at each step.

    A key that sounds in two steps on end is one held note: frames do not say where a note is
    struck again.

    Args:
        frames: 1 where a key sounds, else 0, [T, 88]; the keys are the MIDI pitches 21 to 108.
        step: quarter notes of a step.
    """

    frames: Float[Tensor, "T M"]
    step: float = SIXTEENTH

    def __post_init__(self) -> None:
        check_frames(self.frames)
        check_step(self.step)

    def __len__(self) -> int:
        return len(self.frames)

    def pitches(self) -> list[list[int]]:
        """Give the MIDI pitches of each step, the lowest first."""
        return [(torch.nonzero(frame)[:, 0] + LOWEST).tolist() for frame in self.frames]

    def row(self) -> dict[str, str]:
        """Give the piece as columns of a table.

        Returns:
            The pitches of each step, with a space between two, and a semicolon between two steps.
        """
        return {"prediction": "; ".join(" ".join(map(str, step)) for step in self.pitches())}

    def plain(self) -> dict[str, Any]:
        """Give the piece as what JSON holds.

        Returns:
            The quarter notes of a step, and the MIDI pitches of each step, as lists.
        """
        return {"step": self.step, "frames": self.pitches()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the piece as a MIDI file, at 120 quarter notes a minute.

        Args:
            path: a file that does not exist yet; its folder does.

        Raises:
            OutputExistsError: something is there already; it is left as it is.
            OutputError: the place cannot be written.
            MissingExtraError: mido is not installed.
        """
        from headgate.data.midi import write_midi

        write_midi(self, path)

    def __repr__(self) -> str:
        return f"<Piece of {len(self)} steps, {self.step:g} quarter notes each>"


def check_step(step: float) -> None:
    """Check the length of a step.

    Args:
        step: quarter notes.

    Raises:
        DataError: it is not between a 64th note and sixteen whole notes.
    """
    if not 1 / 16 <= step <= 64:
        raise DataError(
            f"a step is from 0.0625 to 64 quarter notes (a sixteenth is 0.25), not {step!r}"
        )


def check_frames(frames: Tensor) -> None:
    """Check that a tensor is a piece's frames.

    Args:
        frames: what should be [T, 88], 0 or 1, float.

    Raises:
        ShapeError: it has another shape.
        DataError: a value is neither 0 nor 1; the message has the step and the pitch.
    """
    if frames.dim() != 2 or frames.shape[1] != KEYS:
        raise ShapeError(f"frames are [steps, {KEYS} keys], not {tuple(frames.shape)}")
    wrong = torch.nonzero((frames != 0) & (frames != 1))
    if len(wrong):
        step, key = wrong[0].tolist()
        raise DataError(
            f"step {step + 1}, pitch {key + LOWEST}: a key is 1 where it sounds, else 0, not "
            f"{float(frames[step, key]):g}"
        )


def frames_of(steps: list[list[int]]) -> Float[Tensor, "T M"]:
    """Turn the pitches of each step to frames.

    Args:
        steps: MIDI pitches from 21 to 108; a pitch that stands twice sounds once.

    Returns:
        1 where a key sounds, else 0, [T, 88].

    Example:
        >>> frames_of([[60, 64], []]).sum(1)
        tensor([2., 0.])
    """
    frames = torch.zeros(len(steps), KEYS)
    places = [(step, pitch - LOWEST) for step, pitches in enumerate(steps) for pitch in pitches]
    if places:
        frames[tuple(torch.tensor(places).T)] = 1.0
    return frames


def held(frames: Bool[Tensor, "T M"]) -> list[tuple[int, int, int]]:
    """Find the notes: each run of steps in which a key sounds.

    Args:
        frames: where a key sounds, [T, 88].

    Returns:
        For each note its MIDI pitch, its first step, and the step after its last.

    Example:
        >>> held(frames_of([[60], [60, 62], [62]]).bool())
        [(60, 0, 2), (62, 1, 3)]
    """
    silence = frames.new_zeros(1, frames.shape[1])
    edges = torch.cat([silence, frames, silence]).int().diff(dim=0).T
    begins, ends = torch.nonzero(edges == 1), torch.nonzero(edges == -1)
    return [
        (int(key) + LOWEST, int(begin), int(end))
        for (key, begin), (_, end) in zip(begins, ends, strict=True)
    ]
