"""Sentence pairs with attention and without, at equal parameters, search and time."""

from __future__ import annotations

import csv
import gzip
import re
import time
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import headgate as hg
from headgate.data.splits import split
from headgate.evaluation.translation import bleu_by_length
from headgate.inspection.attention_text import as_text
from headgate.tasks.translate import TranslateSettings, build_network

WORDS = 10
EPOCHS = 5
EDGES = (2, 4, 6, 8)
SHARE = 0.04
SHOWN = ("I don't know what to do.", "She has a red car.", "Where did you buy that book?")


def prepare(source: str, *, words: int) -> Path:
    """Write the pairs of up to so many source words as a TSV; odd spaces become plain ones."""
    opener = gzip.open if source.endswith(".gz") else open
    place = Path(mkdtemp()) / "pairs.tsv"
    with opener(source, "rt", encoding="utf-8") as lines, place.open("w", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
        for line in lines:
            pair = [re.sub(r"\s+", " ", cell).strip() for cell in line.split("\t")[:2]]
            if len(pair[0].split()) <= words:
                writer.writerow(pair)
    return place


def same_size(settings: TranslateSettings) -> int:
    """Find the hidden size of the plain encoder-decoder with as many parameters."""
    vocabulary = settings.vocabulary_size

    def count(chosen: TranslateSettings) -> int:
        network = build_network(chosen, vocabulary, vocabulary)
        return sum(p.numel() for p in network.parameters())

    def distance(hidden: int) -> int:
        plain = replace(settings, attention=None, hidden_size=hidden)
        return abs(count(plain) - count(settings))

    start = settings.hidden_size
    return min(range(start, start + 64, 2), key=distance)


def by_length(model: hg.Model, pairs: Path) -> None:
    """Print BLEU by the words of the source, over the test part."""
    with pairs.open(encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    chosen = split([source for source, _ in rows], valid=SHARE, test=SHARE).test
    references: dict[str, list[str]] = {}
    for row in chosen:
        references.setdefault(rows[row][0], []).append(rows[row][1])
    found = [str(answer) for answer in model.predict(list(references))]
    lengths = [len(source.split()) for source in references]
    for bucket in bleu_by_length(lengths, found, list(references.values()), edges=EDGES):
        print(f"  {bucket.shortest}–{bucket.longest} words ({bucket.count}): BLEU {bucket.bleu}")


def main(arguments: list[str]) -> None:
    """Train both, or the one that is named, print their scores and three attention maps."""
    pairs = prepare(arguments[0], words=WORDS)
    plain = {"attention": None, "hidden_size": same_size(TranslateSettings())}
    kinds: dict[str, dict[str, Any]] = {"attention": {}, "plain": plain}
    for kind in arguments[1:] or kinds:
        print(f"{kind} {kinds[kind]}", flush=True)
        start = time.process_time()
        model = hg.train(
            pairs, input="1", target="2", valid=SHARE, test=SHARE, epochs=EPOCHS, **kinds[kind]
        )
        print(f"{(time.process_time() - start) / 60:.1f} minutes of processor time, all told")
        by_length(model, pairs)
        for text in SHOWN if kind == "attention" else ():
            seen = model.inspect(text).attention
            assert seen is not None
            print(as_text(seen, width=100))
