"""What a model from text to text is made of, whatever the texts are to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.decoding import Penalties
from headgate.errors import CellError, HeadgateError, UnknownNameError
from headgate.layers.checks import check_positive, check_probability
from headgate.models import ORDERS


@dataclass(frozen=True)
class Search:
    """How an answer is looked for.

    Args:
        beam_width: hypotheses kept; 1 is greedy. At least ``n_best`` are.
        length_penalty: the exponent of the length in a hypothesis's score.
        coverage_penalty: how much a hypothesis loses that has not looked at all of the source.
        min_length: tokens that an answer has at least.
        n_best: answers to each text, best first.
    """

    beam_width: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    min_length: int = 0
    n_best: int = 1

    def __post_init__(self) -> None:
        check_positive(beam_width=self.beam_width, n_best=self.n_best)
        if self.min_length < 0:
            raise HeadgateError(f"min_length is 0 or more, not {self.min_length}")
        Penalties(self.length_penalty, self.coverage_penalty)  # refuses a negative coverage

    @property
    def width(self) -> int:
        """Hypotheses that the search keeps."""
        return max(self.beam_width, self.n_best)


@dataclass(kw_only=True)
class PairSettings:
    """What a model from text to text is made of.

    A task of this kind gives the sizes that suit its texts. The source is what the model reads, in
    a conversation what was said.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of the decoder, and of both directions of the encoder together.
        embedding_size: features of a token.
        num_layers: recurrent layers of each.
        attention: a key of ``SCORES``, or None for the plain encoder-decoder.
        order: when the decoder looks at the source: "luong" after its step, which
            trains fastest; "input_feeding" also tells the next step what it saw; "bahdanau"
            looks before it steps.
        dropout: of token vectors, between layers and before the output layer.
        label_smoothing: the share of a target's probability that is spread over the vocabulary.
        unit: what a token is: "auto", "subword", "word", "character" or "byte".
        shared: whether both sides have one vocabulary and one embedding; "auto" where nearly all
            characters of each side stand on the other.
        vocabulary_size: tokens of a vocabulary at most; where it is not named also no more than
            a third of the pairs, but at least 500.
        copy_unknown: whether an unknown word of an answer is replaced by the word of the source
            that it looked at most; of a vocabulary of words, with attention.
        longest: tokens of a text that are read; the rest is cut off.
        beam_width: hypotheses kept in a search; 1 is greedy.
        length_penalty: the exponent of the length in a hypothesis's score (Wu et al. 2016).
        coverage_penalty: how much a hypothesis loses that has not looked at all of the source
            (Wu et al. 2016); 0 leaves it out.
        min_length: tokens that an answer has at least.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "lstm"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int
    embedding_size: int
    num_layers: int = 1
    attention: str | None = "general"
    order: str = "luong"
    dropout: float
    label_smoothing: float = 0.1
    unit: str = "auto"
    shared: bool | str
    vocabulary_size: int
    copy_unknown: bool = True
    longest: int = 200
    beam_width: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    min_length: int = 0
    program: str | None = None

    def __post_init__(self) -> None:
        check_positive(vocabulary_size=self.vocabulary_size, longest=self.longest)
        check_positive(embedding_size=self.embedding_size)
        check_probability(label_smoothing=self.label_smoothing)
        if self.order not in ORDERS:
            raise UnknownNameError("order of attention", self.order, ORDERS)
        if self.shared not in (True, False, "auto"):
            raise HeadgateError(f"shared is true, false or auto, not {self.shared!r}")
        if self.search().coverage_penalty and self.attention is None:
            raise CellError(
                f"coverage_penalty is {self.coverage_penalty:g}, but without attention nothing is "
                "covered: set it to 0, or name an attention"
            )

    def search(self) -> Search:
        """Give how answers are looked for.

        Returns:
            The search, for one answer a text.
        """
        return Search(self.beam_width, self.length_penalty, self.coverage_penalty, self.min_length)
