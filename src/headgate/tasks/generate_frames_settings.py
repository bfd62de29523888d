"""What a model of frames is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.data.piano import HIGHEST, LOWEST, SIXTEENTH, check_step
from headgate.errors import HeadgateError
from headgate.layers.checks import check_positive, check_probability

_FARTHEST = HIGHEST - LOWEST


@dataclass
class GenerateFramesSettings:
    """What a model of frames is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of a layer.
        num_layers: recurrent layers.
        dropout: between layers and before the output layer.
        transpose: in training, each piece is moved by chance up or down, by so many semitones at
            most and never off the keys; 0 leaves it where it is.
        bptt: steps of a window of a piece of music that is longer; over these the gradient goes
            back.
        step: quarter notes of a step, for the MIDI files that are written and that prompts come
            from.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "lstm"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 200
    num_layers: int = 1
    dropout: float = 0.3
    transpose: int = 5
    bptt: int = 100
    step: float = SIXTEENTH
    program: str | None = None

    def __post_init__(self) -> None:
        check_positive(bptt=self.bptt)
        check_probability(dropout=self.dropout)
        check_step(self.step)
        if not 0 <= self.transpose <= _FARTHEST:
            raise HeadgateError(
                f"transpose is from 0 to {_FARTHEST} semitones, not {self.transpose}"
            )
