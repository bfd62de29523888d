"""Text to other text: a language, a norm."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from headgate.errors import MissingExtraError
from headgate.evaluation.baselines import copy_source
from headgate.evaluation.comparison import beside
from headgate.evaluation.scores import Score
from headgate.evaluation.translation import bleu, choose_tokenizer, chrf, exact_match
from headgate.tasks.pair_settings import PairSettings
from headgate.tasks.pairs import Pairs, build_network
from headgate.tasks.protocol import Evaluation

__all__ = ["Translate", "TranslateSettings", "build_network"]

_FEWEST_WORDS = 2  # of a target, for BLEU to say anything


@dataclass(kw_only=True)
class TranslateSettings(PairSettings):
    """What a translator is made of: the defaults of ``PairSettings`` for two languages."""

    hidden_size: int = 256
    embedding_size: int = 256
    dropout: float = 0.2
    shared: bool | str = False
    vocabulary_size: int = 4000


class Translate(Pairs):
    """The task."""

    name: ClassVar[str] = "translate"
    summary: ClassVar[str] = "text to other text"
    made_of: ClassVar[type[PairSettings]] = TranslateSettings
    pairs_read: ClassVar[int] = 1_500_000
    average: ClassVar[float] = 0.995

    def judge(
        self, sources: list[str], references: list[list[str]], found: list[str]
    ) -> Evaluation:
        """Judge translations beside a copy of the source and the most frequent target."""
        scores, notes = _scores(found, references)
        rivals = {
            "copy of the source": copy_source(sources),
            "most frequent target": [self.kept.frequent] * len(sources),
        }
        compared = {name: _scores(given, references)[0] for name, given in rivals.items()}
        return Evaluation(*beside(scores, compared), notes)


def _scores(found: list[str], references: list[list[str]]) -> tuple[dict[str, Score], list[str]]:
    """Exact match; of targets of several words BLEU and chrF where sacrebleu is installed."""
    scores = {"exact_match": exact_match(found, references)}
    words = median(len(text.split()) for texts in references for text in texts)
    if words < _FEWEST_WORDS and choose_tokenizer(references) != "char":
        return scores, []
    try:
        signed = {"bleu": bleu(found, references), "chrf": chrf(found, references)}
    except MissingExtraError as missing:
        return scores, [f"no BLEU and chrF: {missing}"]
    scores |= {name: each.score for name, each in signed.items()}
    return scores, [f"{name}: {each.signature}" for name, each in signed.items()]
