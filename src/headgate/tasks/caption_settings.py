"""What a captioner is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.errors import CellError, UnknownNameError
from headgate.layers.checks import check_positive, check_probability
from headgate.models import ORDERS
from headgate.tasks.pair_settings import Search


@dataclass(kw_only=True)
class CaptionSettings:
    """What a captioner is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of the decoder.
        embedding_size: features of a word.
        place_size: features of a place of the picture.
        num_layers: recurrent layers.
        attention: a key of ``SCORES``, or None: then the decoder knows the picture's mean alone.
        order: when the decoder looks at the picture: "luong" after its step, "input_feeding" and
            "bahdanau" as in ``translate``.
        dropout: of words, places, between layers and before the output layer.
        label_smoothing: the share of a word's probability that is spread over the vocabulary.
        height: to which pictures are made, in pixels, without distortion; where None by the most
            frequent size of the training part, 80 for the longer side.
        width: likewise.
        grey: whether one channel is read, and not three; where None if no picture has colours.
        convolutions: channels of the first of four convolutions; the last has four times as many.
        mirror: whether a picture is turned left to right by chance in training.
        shift: by what share of its sides a picture is moved by chance in training, at most.
        unit: what a token of a caption is: "word", "subword", "character" or "byte".
        min_frequency: how often a word comes in training at least; rarer ones are unknown, and
            are never written.
        vocabulary_size: tokens at most.
        lowercase: whether case is dropped.
        longest: tokens of a caption that are learned; the rest is cut off.
        beam_width: hypotheses kept in a search; 1 is greedy.
        length_penalty: the exponent of the length in a hypothesis's score (Wu et al. 2016).
        min_length: tokens that a caption has at least.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "lstm"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 256
    embedding_size: int = 128
    place_size: int = 128
    num_layers: int = 1
    attention: str | None = "general"
    order: str = "luong"
    dropout: float = 0.3
    label_smoothing: float = 0.0
    height: int | None = None
    width: int | None = None
    grey: bool | None = None
    convolutions: int = 24
    mirror: bool = True
    shift: float = 0.1
    unit: str = "word"
    min_frequency: int = 2
    vocabulary_size: int = 8000
    lowercase: bool = True
    longest: int = 60
    beam_width: int = 5
    length_penalty: float = 1.0
    min_length: int = 0
    program: str | None = None

    def __post_init__(self) -> None:
        given = {"height": self.height, "width": self.width}
        check_positive(
            place_size=self.place_size,
            embedding_size=self.embedding_size,
            convolutions=self.convolutions,
            min_frequency=self.min_frequency,
            vocabulary_size=self.vocabulary_size,
            longest=self.longest,
            **{name: size for name, size in given.items() if size is not None},
        )
        check_probability(label_smoothing=self.label_smoothing, shift=self.shift)
        if self.order not in ORDERS:
            raise UnknownNameError("order of attention", self.order, ORDERS)
        if self.order != "luong" and self.attention is None:
            raise CellError(f"the order {self.order!r} needs attention: name one, or take 'luong'")
        self.search()  # refuses a wrong width or length

    def search(self) -> Search:
        """Give how captions are looked for.

        Returns:
            The search, for one caption a picture.
        """
        return Search(self.beam_width, self.length_penalty, 0.0, self.min_length)
