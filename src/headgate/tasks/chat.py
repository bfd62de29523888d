"""An answer to what was said."""

from __future__ import annotations

from typing import ClassVar

from headgate.data.examples import Examples
from headgate.evaluation.diversity import distinct
from headgate.tasks.chat_settings import ChatSettings
from headgate.tasks.pair_settings import PairSettings
from headgate.tasks.pairs import Pairs
from headgate.tasks.protocol import Evaluation, batch_for
from headgate.training import Plan


class Chat(Pairs):
    """The task. It learns from single pairs, so that what was said before is not known to it."""

    name: ClassVar[str] = "chat"
    summary: ClassVar[str] = "an answer to what was said"
    made_of: ClassVar[type[PairSettings]] = ChatSettings

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: about 175,000 pairs read, in 3 to 60 passes."""
        epochs = max(3, min(60, 175_000 // len(train)))
        batch_size = batch_for(len(train), epochs=epochs, most=64)
        return Plan(epochs=epochs, batch_size=batch_size, learning_rate=2e-3, average=0.99)

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
