"""A chat: questions and answers, learned from a table, then a conversation."""

from __future__ import annotations

import csv
import itertools
import tempfile
from pathlib import Path

import headgate as hg

# The table: questions in several wordings, each with the answer that is wanted.
answers = {
    "opens": "The gate opens at {}.",
    "closes": "The gate closes at {}.",
    "is repaired": "The gate is repaired at {}.",
}
wordings = ("when do you think it {} on {}?", "tell me when it {} on {}", "it {} when on {}?")
times = {"Monday": "six", "Tuesday": "seven", "Friday": "nine", "Sunday": "noon"}
rows = [["question", "answer"]]
for wording, what, day in itertools.product(wordings, answers, times):
    for polite in ("", "hello, "):
        rows.append([polite + wording.format(what, day), answers[what].format(times[day])])
data = Path(tempfile.mkdtemp()) / "gate.csv"
with open(data, "w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows(rows)

model = hg.train(data, input="question", target="answer", task="chat", unit="word")
for line in ("hello, tell me when it opens on Friday", "it closes when on Sunday?"):
    print(f"you> {line}\n     {model.predict(line)}")
