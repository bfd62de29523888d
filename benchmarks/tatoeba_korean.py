"""English to Korean, three thousand pairs, with no option but the columns."""

from __future__ import annotations

import headgate as hg
from benchmarks.tatoeba import prepare


def main(arguments: list[str]) -> None:
    """Train, and print what the training prints and a few translations."""
    pairs = prepare(arguments[0], words=10**6)
    model = hg.train(pairs, input="1", target="2")
    for text in ("I'm busy.", "Where is Tom?", "I like coffee."):
        print(text, "→", model.predict(text))
