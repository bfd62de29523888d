"""The experiments by name: a line here is all that a new one needs beside its file."""

from __future__ import annotations

from headgate.study import bottleneck, bounded, memory, vanishing, word_order
from headgate.study.finding import Study

STUDIES: dict[str, Study] = {
    "vanishing": Study(vanishing.TITLE, vanishing.QUESTION, vanishing.vanishing),
    "memory": Study(memory.TITLE, memory.QUESTION, memory.memory),
    "bounded": Study(bounded.TITLE, bounded.QUESTION, bounded.bounded),
    "bottleneck": Study(bottleneck.TITLE, bottleneck.QUESTION, bottleneck.bottleneck),
    "word_order": Study(word_order.TITLE, word_order.QUESTION, word_order.word_order),
}
