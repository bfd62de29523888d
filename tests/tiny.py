"""Small data and small models, made in a moment, for the tests of what stands on them."""

from __future__ import annotations

import csv
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from headgate.cli import main
from headgate.data.columns import Table
from headgate.data.sources import read_table
from headgate.model import Model, train

CLASSIFY: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "unit": "word", "epochs": 2}
TRANSLATE: dict[str, Any] = {
    "task": "translate",
    "hidden_size": 8,
    "embedding_size": 8,
    "unit": "character",
    "beam_width": 2,
    "epochs": 1,
}
GENERATE: dict[str, Any] = {
    "hidden_size": 16,
    "embedding_size": 8,
    "bptt": 10,
    "batch_size": 4,
    "epochs": 2,
}

GOOD = ("warm", "lovely", "fine", "따뜻한", "훌륭한")
BAD = ("dull", "cold", "poor", "지루한", "차가운")


def reviews(count: int = 60) -> list[tuple[str, str]]:
    """Texts of two classes, also Korean; every third is bad, and no text comes twice."""
    rows = []
    for number in range(count):
        words, label = (BAD, "bad") if number % 3 == 0 else (GOOD, "good")
        first, second = words[number % 5], words[number // 5 % 5]
        rows.append((f"a {first} {second} 영화 number {number}", label))
    return rows


def norms(count: int = 60) -> list[tuple[str, str]]:
    """Texts to other texts: numbers with their digits turned round."""
    return [(f"no. {number}", f"{str(number)[::-1]}!") for number in range(100, 100 + count)]


def write_csv(path: Path, rows: Sequence[Sequence[str]], head: Sequence[str]) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
    return path


def write_reviews(folder: Path, rows: Sequence[Sequence[str]] | None = None) -> Path:
    return write_csv(
        folder / "reviews.csv", reviews() if rows is None else rows, ["review", "label"]
    )


def write_norms(folder: Path, rows: Sequence[Sequence[str]] | None = None) -> Path:
    return write_csv(folder / "norms.csv", norms() if rows is None else rows, ["text", "norm"])


def train_classifier(data: Path | str, **changed: Any) -> Model:
    settings = {"input": "review", "target": "label", "say": _nobody} | CLASSIFY | changed
    return train(data, **settings)


def train_translator(data: Path, **changed: Any) -> Model:
    settings = {"input": "text", "target": "norm", "say": _nobody} | TRANSLATE | changed
    return train(data, **settings)


@functools.cache
def classifier() -> Model:
    """One classifier for all tests that only ask it."""
    with tempfile.TemporaryDirectory() as folder:
        return train_classifier(write_reviews(Path(folder)))


@functools.cache
def translator() -> Model:
    """One translator for all tests that only ask it."""
    with tempfile.TemporaryDirectory() as folder:
        return train_translator(write_norms(Path(folder)))


def verses(count: int = 60) -> str:
    """A running text of short lines, also Korean."""
    return "".join(f"{GOOD[n % 5]} is {BAD[n // 5 % 5]}.\n" for n in range(count))


def write_verses(folder: Path) -> Path:
    path = folder / "verses.txt"
    path.write_text(verses(), encoding="utf-8")
    return path


def train_generator(data: Path, **changed: Any) -> Model:
    return train(data, **{"task": "generate", "say": _nobody} | GENERATE | changed)


@functools.cache
def generator() -> Model:
    """One language model for all tests that only ask it."""
    with tempfile.TemporaryDirectory() as folder:
        return train_generator(write_verses(Path(folder)))


def table_of(folder: Path, rows: Sequence[Sequence[str]], head: Sequence[str]) -> Table:
    return read_table(write_csv(folder / "table.csv", rows, head), columns=head)


def command(*words: object) -> int:
    """Run the command line in this process and give its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    code = ended.value.code
    return code if isinstance(code, int) else 0


def _nobody(line: str) -> None:
    pass


CHAT: dict[str, Any] = {
    "task": "chat",
    "hidden_size": 8,
    "embedding_size": 8,
    "unit": "character",
    "shared": True,
    "beam_width": 2,
    "epochs": 1,
}


def talks(count: int = 60) -> list[tuple[str, str]]:
    """What is said, with answers to it."""
    return [(f"are you {number}?", f"yes, {number}.") for number in range(100, 100 + count)]


def train_chatter(data: Path, **changed: Any) -> Model:
    settings = {"input": "said", "target": "answer", "say": _nobody} | CHAT | changed
    return train(data, **settings)


@functools.cache
def chatter() -> Model:
    """One model that answers, for all tests that only ask it."""
    with tempfile.TemporaryDirectory() as folder:
        return train_chatter(write_csv(Path(folder) / "talks.csv", talks(), ["said", "answer"]))


TAG: dict[str, Any] = {
    "task": "tag",
    "hidden_size": 8,
    "embedding_size": 8,
    "letter_size": 4,
    "spelling_size": 4,
    "epochs": 1,
}


def write_people(folder: Path, count: int = 60) -> Path:
    """Sentences in CoNLL columns: a name of one or two words, and what its bearer did."""
    names = ("Anna B-PER", "Bo B-PER\nKim I-PER", "지민 B-PER")
    rows = [f"{names[number % 3]}\nran O\n{number} O\n" for number in range(count)]
    path = folder / "people.conll"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def train_tagger(data: Path, **changed: Any) -> Model:
    return train(data, **({"input": "1", "target": "2", "say": _nobody} | TAG | changed))


@functools.cache
def tagger() -> Model:
    """One tagger for all tests that only ask it."""
    with tempfile.TemporaryDirectory() as folder:
        return train_tagger(write_people(Path(folder)))
