"""What a translator is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.layers.checks import check_positive, check_probability


@dataclass
class TranslateSettings:
    """What a translator is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of the decoder, and of both directions of the encoder together.
        embedding_size: features of a token.
        num_layers: recurrent layers of each.
        attention: a key of ``SCORES``, or None for the plain encoder-decoder.
        dropout: of token vectors, between layers and before the output layer.
        label_smoothing: the share of a target's probability that is spread over the vocabulary.
        unit: what a token is: "auto", "subword", "word", "character" or "byte".
        vocabulary_size: tokens of each side at most; where it is not named also no more than a
            third of the pairs, but at least 500.
        longest: tokens of a text that are read; the rest is cut off.
        beam_width: hypotheses kept in a search; 1 is greedy.
        length_penalty: the exponent of the length in a hypothesis's score (Wu et al. 2016).
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "lstm"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 256
    embedding_size: int = 256
    num_layers: int = 1
    attention: str | None = "general"
    dropout: float = 0.2
    label_smoothing: float = 0.1
    unit: str = "auto"
    vocabulary_size: int = 4000
    longest: int = 200
    beam_width: int = 5
    length_penalty: float = 1.0
    program: str | None = None

    def __post_init__(self) -> None:
        check_positive(vocabulary_size=self.vocabulary_size, longest=self.longest)
        check_positive(embedding_size=self.embedding_size, beam_width=self.beam_width)
        check_probability(label_smoothing=self.label_smoothing)
