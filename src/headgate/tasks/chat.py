"""An answer to what was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headgate.evaluation.diversity import distinct
from headgate.tasks.pair_settings import PairSettings
from headgate.tasks.pairs import Pairs
from headgate.tasks.protocol import Evaluation


@dataclass(kw_only=True)
class ChatSettings(PairSettings):
    """What a model that answers is made of: the defaults of ``PairSettings`` for short talk."""

    hidden_size: int = 256
    embedding_size: int = 128
    dropout: float = 0.3
    shared: bool | str = "auto"
    vocabulary_size: int = 4000


class Chat(Pairs):
    """The task. It learns from single pairs, so that what was said before is not known to it."""

    name: ClassVar[str] = "chat"
    summary: ClassVar[str] = "an answer to what was said"
    made_of: ClassVar[type[PairSettings]] = ChatSettings
    pairs_read: ClassVar[int] = 175_000
    average: ClassVar[float] = 0.99

    def judge(
        self, sources: list[str], references: list[list[str]], found: list[str]
    ) -> Evaluation:
        """Say how much of the answers is the same again; what else they are worth is no number."""
        texts = {"its answers": found, "the references": [each[0] for each in references]}
        shares = "; ".join(
            f"of {name} {distinct(each, 1):.3f} and {distinct(each, 2):.3f}"
            for name, each in texts.items()
        )
        return Evaluation({}, {}, [f"distinct-1 and distinct-2 {shares}"])
