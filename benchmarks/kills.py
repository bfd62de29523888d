"""Trainings that are killed at random moments, inside writes too, and gone on with.

Each run of a small made data set is killed and gone on with until it comes to its end, and its
weights are compared, byte for byte, with those of a run that nobody disturbed. A checkpoint is
written after every step, so that many kills fall into a write.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.killed import Kill, run, weights

SET = ("hidden_size=16", "embedding_size=16", "save_every=0", "patience=1000", "validate_every=10")
LONGEST = 1.5  # seconds to a kill; after it one run in some comes to its end
WRITES = 25  # of a process, among which one is chosen
VERSES = (
    "the water {0} over the {1} gate and {2} past the mill",
    "a {1} gate {0} the water that {2} by the weir",
    "{2} and {0}, the {1} river goes where it will",
)
WORDS = ("runs", "green", "slows", "turns", "old", "falls", "narrow", "stops", "wide")


def text(chance: random.Random) -> str:
    """Make a text of some thousand letters."""
    lines = [chance.choice(VERSES).format(*chance.sample(WORDS, 3)) for _ in range(200)]
    return "\n".join(lines) + "\n"


def reviews(chance: random.Random) -> str:
    """Make a table of two classes."""
    lines = [f"{line},{'wet' if 'runs' in line else 'dry'}" for line in text(chance).splitlines()]
    return "\n".join(["text,label", *(line.replace(", ", " ") for line in lines)]) + "\n"


def commands(folder: Path, chance: random.Random) -> dict[str, list[object]]:
    """Give a training of a classifier, and one of a language model, which carries a state."""
    (folder / "reviews.csv").write_text(reviews(chance), encoding="utf-8")
    (folder / "verses.txt").write_text(text(chance), encoding="utf-8")
    more = [word for each in SET for word in ("--set", each)]
    columns = ["--input", "text", "--target", "label"]
    return {
        "classify": ["train", folder / "reviews.csv", *columns, "--epochs", 8, *more],
        "generate": ["train", folder / "verses.txt", "--epochs", 12, *more, "--set", "bptt=40"],
    }


def main(arguments: list[str]) -> None:
    """Kill so many times, and say whether every run ended with the same weights."""
    parser = argparse.ArgumentParser(prog="scripts/bench kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args(arguments)
    chance, began = random.Random(wanted.seed), time.monotonic()
    kinds: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    with TemporaryDirectory() as name:
        folder = Path(name)
        tried = commands(folder, chance)
        for task, words in tried.items():
            assert run([*words, "--out", folder / f"{task}-undisturbed"])
        while kinds.total() < wanted.kills:
            task = list(tried)[runs.total() % len(tried)]
            place = folder / f"{task}-{runs.total()}"
            while not run([*tried[task], "--out", place, "--resume"], kill := draw(chance)):
                kinds["at a moment" if kill.seconds is not None else kill.place] += 1
            same = weights(place) == weights(folder / f"{task}-undisturbed")
            print(f"{task}: {'the same weights' if same else 'OTHER WEIGHTS'}", flush=True)
            runs[f"{task} {'same' if same else 'OTHER'}"] += 1
    print(f"{kinds.total()} kills in {time.monotonic() - began:.0f} s: {dict(kinds)}; {dict(runs)}")


def draw(chance: random.Random) -> Kill:
    """Choose when the next process dies."""
    return Kill.by_chance(chance, seconds=LONGEST, writes=WRITES)
