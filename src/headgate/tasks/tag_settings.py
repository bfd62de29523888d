"""What a tagger is made of, and its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.errors import HeadgateError, UnknownNameError
from headgate.layers.checks import check_positive, check_probability
from headgate.layers.tag_schemes import SCHEMES
from headgate.models.tagger import READERS

NO_SCHEME = "none"
NO_CHARACTERS = "none"


@dataclass
class TagSettings:
    """What a tagger is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of each direction.
        embedding_size: features of a word.
        num_layers: recurrent layers.
        bidirectional: read from both ends.
        characters: how a word's letters are read: "recurrent", "convolution" or "none".
        letter_size: features of a letter.
        spelling_size: features that a word has from its letters.
        dropout: of what the layers read and give, and between layers.
        token_dropout: of the vectors of whole words; their letters stay.
        vocabulary_size: words at most; another word is known by its letters.
        min_frequency: how often a word must occur in training to have a vector of its own.
        lowercase: whether words are looked up without their case; their letters keep it.
        longest: words of a sentence that are read at once; a longer one is read in pieces.
        longest_word: letters of a word that are read: of a longer one its beginning and its end.
        scheme: how tags mark chunks: "BIO", "IOB1", "BIOES", "none", or "auto", which looks at
            the tags.
        crf: whether the tags of a sentence are chosen together; "auto" is true where they follow
            a scheme.
        vectors: a file of word vectors to begin with, as GloVe and word2vec write them.
        vectors_added: words of that file that training lacks and that are known besides, at most.
        train_vectors: whether the words' vectors learn on; where false, those of the file stay.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "lstm"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 160
    embedding_size: int = 100
    num_layers: int = 1
    bidirectional: bool = True
    characters: str = "recurrent"
    letter_size: int = 32
    spelling_size: int = 64
    dropout: float = 0.4
    token_dropout: float = 0.1
    vocabulary_size: int = 50_000
    min_frequency: int = 2
    lowercase: bool = True
    longest: int = 512
    longest_word: int = 24
    scheme: str = "auto"
    crf: bool | str = "auto"
    vectors: str | None = None
    vectors_added: int = 50_000
    train_vectors: bool = True
    program: str | None = None

    def __post_init__(self) -> None:
        check_positive(vocabulary_size=self.vocabulary_size, min_frequency=self.min_frequency)
        check_positive(longest=self.longest, longest_word=self.longest_word)
        check_positive(letter_size=self.letter_size, spelling_size=self.spelling_size)
        check_positive(embedding_size=self.embedding_size)
        check_probability(token_dropout=self.token_dropout)
        _check_name("characters", self.characters, [*READERS, NO_CHARACTERS])
        _check_name("scheme", self.scheme, ["auto", *SCHEMES, NO_SCHEME])
        if not isinstance(self.crf, bool):
            _check_name("crf", self.crf, ["auto", "True", "False"])
        if self.vectors_added < 0:
            raise HeadgateError(f"vectors_added is 0 or more, not {self.vectors_added}")


def _check_name(setting: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise UnknownNameError(setting, name, known)
