"""Tagging: people and places in sentences, from a CoNLL file to entities."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import headgate as hg

# The file: a word and its tag a line, a blank line after each sentence. B begins, I goes on.
people = ("Mina Lee", "Jun", "Ada Bell", "Noor", "Olga Ruiz", "Tomas")
places = ("Seoul", "New York", "Busan", "Rio Verde", "Lagos", "Bath")
forms = ("{PER} lives in {LOC} .", "in {LOC} we met {PER} .", "{PER} left {LOC} for good .")
blocks = []
for form, person, place in itertools.product(forms, people, places):
    lines = []
    for word in form.split():
        kind = word.strip("{}")
        inside = {"PER": person, "LOC": place}.get(kind)
        for number, each in enumerate(inside.split() if inside else [word]):
            tag = f"{'I' if number else 'B'}-{kind}" if inside else "O"
            lines.append(f"{each} {tag}")
    blocks.append("\n".join(lines))
data = Path(tempfile.mkdtemp()) / "people.conll"
data.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")

model = hg.train(data)
print(model.metrics["test"]["f1"])
for sentence in ("Ada Bell lives in Rio Verde .", "in Bath we met Tomas ."):
    for entity in model.predict(sentence).entities:
        print(f"{entity.type}: {entity.text}")
