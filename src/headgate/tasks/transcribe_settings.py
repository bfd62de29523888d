"""What a transcriber is made of, and its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.errors import UnknownNameError
from headgate.layers.checks import check_positive, check_probability

UNITS = ("character", "word")


@dataclass
class TranscribeSettings:
    """What a transcriber is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of each direction.
        num_layers: recurrent layers.
        bidirectional: read from both ends; where false the model streams.
        dropout: of the last layer's units, and between layers.
        unit: what a label is: "character" or "word".
        vocabulary_size: labels at most.
        lowercase: whether case is dropped.
        beam_width: prefixes that the search keeps; 1 takes each step's likeliest label.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "gru"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 128
    num_layers: int = 2
    bidirectional: bool = True
    dropout: float = 0.3
    unit: str = "character"
    vocabulary_size: int = 4000
    lowercase: bool = False
    beam_width: int = 8
    program: str | None = None

    def __post_init__(self) -> None:
        check_positive(vocabulary_size=self.vocabulary_size, beam_width=self.beam_width)
        check_probability(dropout=self.dropout)
        if self.unit not in UNITS:
            raise UnknownNameError("unit", self.unit, UNITS)
