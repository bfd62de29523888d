"""Answers of a model from text to text: searched for or drawn, and written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headgate.decoding import Hypothesis, Rows, sample
from headgate.decoding.sampling import Sampling
from headgate.errors import HeadgateError
from headgate.models import EncoderDecoder, Memory
from headgate.tasks.pair_fields import PairFields
from headgate.tasks.pair_search import (
    answer_rows,
    decoded,
    looked_at,
    searched,
    with_copies,
    words_of,
)
from headgate.tasks.pair_settings import PairSettings, Search


@dataclass(frozen=True)
class Answer:
    """A text that was written for another, and how sure the model is.

    Args:
        text: the text.
        log_probability: of the whole text, in nats.
        finished: whether it came to its end within the greatest length.
    """

    text: str
    log_probability: float
    finished: bool

    def row(self) -> dict[str, str]:
        """Give the answer as columns of a table.

        Returns:
            The text and its log-probability.
        """
        return {"prediction": self.text, "log_probability": f"{self.log_probability:.4f}"}

    def plain(self) -> dict[str, Any]:
        """Give the answer as what JSON holds.

        Returns:
            The text, its log-probability in nats, and whether it is finished.
        """
        return asdict(self)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Answering:
    """What answers texts.

    Args:
        network: in evaluation mode.
        settings: what it is made of.
        fields: texts to ids.
        length: tokens of an answer at most.
    """

    network: EncoderDecoder
    settings: PairSettings
    fields: PairFields
    length: int

    def search(self, inputs: Sequence[str], search: Search) -> list[list[Answer]]:
        """Search for the best answers.

        Args:
            inputs: the texts.
            search: how answers are looked for.

        Returns:
            For each text its answers, best first.
        """

        def decode(memory: Memory, rows: list[int]) -> list[list[Hypothesis]]:
            limits = self._limits(len(rows), search.min_length)
            return searched(self.network, memory, limits, search)

        ids = self.fields.read(inputs, self.settings.longest)
        found = decoded(self.network, ids, decode)
        return [self._written(*each) for each in zip(inputs, ids, found, strict=True)]

    def sample(self, inputs: Sequence[str], sampling: Sampling, *, first: int = 0) -> list[Answer]:
        """Draw an answer to each text.

        Args:
            inputs: the texts.
            sampling: how a token is drawn; none is a mark or unknown.
            first: the number of the first text, which its chance hangs on beside the seed.

        Returns:
            An answer to each text.
        """
        field = self.fields.target

        def decode(memory: Memory, rows: list[int]) -> list[list[Hypothesis]]:
            limits = self._limits(len(rows), self.settings.min_length, unknown=False)
            numbers = [first + row for row in rows]
            drawn = sample(self.network, memory, limits, sampling, numbers=numbers)
            return [[hypothesis] for hypothesis in drawn]

        ids = self.fields.read(inputs, self.settings.longest)
        found = decoded(self.network, ids, decode)
        return [_answer(each[0], field.decode(each[0].tokens)) for each in found]

    def best(self, ids: list[int]) -> list[int]:
        """Search for the best answer to one source.

        Args:
            ids: of the source.

        Returns:
            The ids of the answer.
        """
        search = self.settings.search()
        limits = self._limits(1, search.min_length)
        found = decoded(
            self.network, [ids], lambda memory, _: searched(self.network, memory, limits, search)
        )
        return list(found[0][0].tokens)

    def _limits(self, count: int, shortest: int, *, unknown: bool = True) -> Rows:
        if shortest > self.settings.longest:
            raise HeadgateError(
                f"min_length is {self.settings.longest} at most, the longest that the model reads "
                f"and writes, not {shortest}"
            )
        return answer_rows(
            self.network, count, length=self.length, shortest=shortest, unknown=unknown
        )

    def _written(self, text: str, ids: list[int], found: list[Hypothesis]) -> list[Answer]:
        """Write hypotheses out, with the source's own words for unknown ones."""
        target = self.fields.target
        texts = [target.decode(each.tokens) for each in found]
        unknown = [k for k, each in enumerate(found) if target.unk in each.tokens]
        if self.copies and unknown and len(words := words_of(text)) >= len(ids):
            places = looked_at(self.network, ids, [found[k] for k in unknown])
            for k, looked in zip(unknown, places, strict=True):
                texts[k] = with_copies(target, found[k].tokens, words, looked)
        return [_answer(*pair) for pair in zip(found, texts, strict=True)]

    @property
    def copies(self) -> bool:
        """Whether unknown words are taken from the source."""
        words = self.fields.source.unit == self.fields.target.unit == "word"
        return words and self.settings.copy_unknown and self.settings.attention is not None


def _answer(hypothesis: Hypothesis, text: str) -> Answer:
    return Answer(text, hypothesis.log_probability, hypothesis.finished)
