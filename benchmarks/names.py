"""Surnames to their languages, with no option but the seed."""

from __future__ import annotations

import headgate as hg

SEED = 7  # the defaults were chosen on another split


def main(arguments: list[str]) -> None:
    """Train, and print what the training prints."""
    model = hg.train(arguments[0], input="text", target="label", seed=SEED)
    for name in ("Satoshi", "Nowak", "O'Brien", "Kim"):
        print(name, "→", model.predict(name))
