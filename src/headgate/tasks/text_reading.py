"""A text as tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from headgate.data.batches import pad
from headgate.data.columns import Table
from headgate.data.examples import read_column
from headgate.data.fields import TextField
from headgate.data.ragged import Ragged
from headgate.errors import HeadgateError
from headgate.export.parts import Input
from headgate.layers.checks import check_positive, check_probability
from headgate.models import TokenEmbedding
from headgate.streaming import Stream
from headgate.tasks.protocol import batch_for
from headgate.tasks.reading import ExportedReading, Reading
from headgate.tasks.token_stream import TokenStream
from headgate.training import Plan

_LETTERS = ("character", "byte")
_TOKENS_READ, _LETTERS_READ = 850_000, 1_200_000  # in a training that nobody limits

# Spelt text is short: hide little of it. On a split of surnames macro F1 is 0.62, else 0.48.
SPELT: dict[str, Any] = {
    "hidden_size": 128,
    "dropout": 0.3,
    "embedding_dropout": 0.1,
    "token_dropout": 0.0,
}


@dataclass
class TextSettings:
    """How texts are read; for spelt text ``SPELT`` has other defaults.

    Args:
        embedding_size: features of a token.
        embedding_dropout: of the features of a token.
        token_dropout: of whole tokens.
        unit: what a token is: "auto", "subword", "word", "character" or "byte".
        vocabulary_size: tokens at most.
        lowercase: whether case is dropped.
        longest: tokens of a text that are read; the rest is cut off.
    """

    embedding_size: int = 64
    embedding_dropout: float = 0.3
    token_dropout: float = 0.1
    unit: str = "auto"
    vocabulary_size: int = 4000
    lowercase: bool = False
    longest: int = 512

    def __post_init__(self) -> None:
        check_positive(vocabulary_size=self.vocabulary_size, longest=self.longest)
        check_positive(embedding_size=self.embedding_size)
        check_probability(
            embedding_dropout=self.embedding_dropout, token_dropout=self.token_dropout
        )


class TextReading(Reading):
    """Texts as ids of tokens.

    Args:
        settings: how they are read.
        text: text to ids.
    """

    kind: ClassVar[str] = "text"
    summary: ClassVar[str] = "a text"
    made_of: ClassVar[type] = TextSettings

    def __init__(self, settings: TextSettings, text: TextField) -> None:
        self.settings, self.text = settings, text
        self.defaults = SPELT if text.unit in _LETTERS else {}
        self.embedding = TokenEmbedding(
            len(text),
            settings.embedding_size,
            dropout=settings.embedding_dropout,
            token_dropout=settings.token_dropout,
        )

    @classmethod
    def reads(cls, table: Table, input: str) -> bool:
        """Take whatever no other kind takes."""
        return True

    @classmethod
    def read(cls, table: Table, input: str) -> Sequence[Any]:
        """Take the texts; refuse an empty one."""
        return read_column(table, input, "input")

    @classmethod
    def learn(
        cls, inputs: Sequence[str], settings: TextSettings, base: TextReading | None = None
    ) -> TextReading:
        """Learn the vocabulary, or extend that of a base."""
        if base is not None:
            return cls(settings, base.text.extended(inputs)[0])
        text = TextField.learn(
            inputs,
            unit=settings.unit,  # type: ignore[arg-type]
            vocabulary_size=settings.vocabulary_size,
            lowercase=settings.lowercase,
        )
        return cls(settings, text)

    @classmethod
    def restore(cls, settings: TextSettings, files: dict[str, str]) -> TextReading:
        """Rebuild what was saved."""
        return cls(settings, TextField.from_json(files["tokenizer.json"]))

    def files(self) -> dict[str, str]:
        """Give the vocabulary as a file."""
        return {"tokenizer.json": self.text.to_json()}

    def notes(self) -> list[str]:
        """Say what a token is."""
        said = f"text as {self.text.unit}s, a vocabulary of {len(self.text)}"
        return [said, *([self.text.note] if self.text.note else [])]

    def encode_rows(self, inputs: Sequence[str]) -> Ragged:
        """Turn texts to ids, at least one each, cut to the longest that is read.

        Args:
            inputs: the texts; of many the ids lie in a temporary file.

        Returns:
            Ids.
        """
        return self.text.encode_rows(inputs, longest=self.settings.longest, least=[self.text.unk])

    def features(self, inputs: Sequence[str]) -> Tensor:
        """Refuse: texts have a baseline of their own, on n-grams."""
        raise HeadgateError("texts have no fixed number of features")

    def limits(self, lengths: Sequence[int]) -> Plan:
        """Give so many passes that a certain number of tokens is read, 3 to 40."""
        wanted = _LETTERS_READ if self.text.unit in _LETTERS else _TOKENS_READ
        epochs = max(3, min(40, round(wanted / sum(lengths))))
        return Plan(epochs=epochs, batch_size=batch_for(len(lengths), epochs=epochs, most=32))

    def pad(self, rows: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Lay ids out as a batch."""
        return pad(rows, self.text.pad)

    def steps(self, row: Any) -> Tensor:
        """Give ids as a stream takes them."""
        return torch.tensor(row)

    def labels(self, input: str) -> tuple[str, ...]:
        """Name the tokens of a text."""
        return tuple(self.text.tokens(input)[: len(self.encode_rows([input])[0])])

    def exported(self) -> ExportedReading:
        """Give how texts are read elsewhere."""
        facts = {"unit": self.text.unit, "longest": self.settings.longest}
        given = Input("x", ("B", "T"), "ids", most=len(self.text))
        return ExportedReading(given, facts, ("texts.py",))

    def cut(self, inputs: Sequence[str]) -> list[str]:
        """Say how many texts are longer than what is read."""
        limit = self.settings.longest
        longer = sum(len(ids) > limit for ids in self.text.encode_each(inputs))
        return [f"{longer} texts are read to their token {limit}"] if longer else []

    def stream(self, stream: Stream, answers: Callable[[Tensor], list[Any]]) -> TokenStream[Any]:
        """Keep a network running over tokens."""
        return TokenStream(stream, self.text, answers)
