"""What a language model is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.errors import HeadgateError, UnknownNameError
from headgate.layers.checks import check_positive, check_probability

_LARGE = 20_000  # tokens of a vocabulary from which on an adaptive softmax pays
_SHARES = (20, 4)  # its groups end at a twentieth and at a fourth of the vocabulary


@dataclass
class GenerateSettings:
    """What a language model is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of a layer.
        embedding_size: features of a token.
        num_layers: recurrent layers.
        dropout: between layers and before the output layer.
        tie: whether the output layer has the embedding's table for its weights.
        cutoffs: where the groups of an adaptive softmax end; "auto" takes one for vocabularies
            above 20,000 tokens; None never.
        unit: what a token is: "character", "byte", "subword" or "word"; "auto" is characters
            where the text has 512 distinct ones at most, else subwords.
        vocabulary_size: tokens at most; where None 50,000 words or characters, or a subword for
            200 characters of the text, but no more than 8,000 and no fewer than 500.
        min_frequency: how often a word, a character or a merged pair must occur to get an id; None
            is 1 for characters, else 2.
        lowercase: whether case is dropped.
        bptt: steps of a window, over which the gradient goes back.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "lstm"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 256
    embedding_size: int = 64
    num_layers: int = 1
    dropout: float = 0.1
    tie: bool = False
    cutoffs: list[int] | str | None = "auto"
    unit: str = "auto"
    vocabulary_size: int | None = None
    min_frequency: int | None = None
    lowercase: bool = False
    bptt: int = 100
    program: str | None = None

    def __post_init__(self) -> None:
        check_positive(embedding_size=self.embedding_size, bptt=self.bptt)
        check_probability(dropout=self.dropout)
        given = {"vocabulary_size": self.vocabulary_size, "min_frequency": self.min_frequency}
        check_positive(**{name: size for name, size in given.items() if size is not None})
        if isinstance(self.cutoffs, str) and self.cutoffs != "auto":
            raise UnknownNameError("cutoffs", self.cutoffs, ["auto", "None", "a list of ids"])
        if self.tie and isinstance(self.cutoffs, list):
            raise HeadgateError(
                "tie and cutoffs exclude each other: tied weights have as many features for rare "
                "tokens as for frequent ones, and an adaptive softmax has fewer; give one of them"
            )

    def ends(self, vocabulary: int) -> list[int] | None:
        """Tell where the groups of an adaptive softmax end.

        Args:
            vocabulary: tokens of the vocabulary, V.

        Returns:
            The ends, or None for a linear output layer.

        Example:
            >>> GenerateSettings().ends(60_000), GenerateSettings().ends(8000)
            ([3000, 15000], None)
        """
        if not isinstance(self.cutoffs, str):
            return self.cutoffs
        if self.tie or vocabulary <= _LARGE:
            return None
        return [vocabulary // share for share in _SHARES]
