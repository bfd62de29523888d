"""Sentiment: from a table of reviews to a classifier, its score, and the gates behind an answer."""

from __future__ import annotations

import csv
import itertools
import tempfile
from pathlib import Path

import headgate as hg

# The table: what is said of two things of a film; "not" turns a word round.
things = ("film", "story", "music", "cast", "ending", "pace")
words = {"good": ("warm", "clever", "moving", "funny"), "bad": ("dull", "clumsy", "noisy", "slow")}
other = {"good": "bad", "bad": "good"}
rows = [["review", "label"]]
for label, (a, b) in itertools.product(words, itertools.permutations(things, 2)):
    for word in words[label]:
        rows.append([f"the {a} is {word} and so is the {b}", label])
        rows.append([f"the {b} is not {word}, nor is the {a}", other[label]])
data = Path(tempfile.mkdtemp()) / "reviews.csv"
with open(data, "w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows(rows)

model = hg.train(data, input="review", target="label", unit="word")
print(model.metrics["test"]["accuracy"])
for review in ("the cast is funny and so is the music", "the cast is not funny, nor is the music"):
    print(model.predict(review), "←", review)
seen = model.inspect("the cast is not funny")
for token, gate in zip(seen.tokens, seen.trace["update"][0].mean(-1).tolist(), strict=True):
    print(f"{token:>8}  update gate {gate:.2f} on average")
