"""Sentences that a tagger learns in a moment, and taggers of them."""

from __future__ import annotations

import functools
import random
from typing import Any

import torch

from headgate.data.examples import Examples
from headgate.tasks.tag import Tag
from headgate.training import Plan, fit

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "embedding_size": 8,
    "letter_size": 6,
    "spelling_size": 8,
    "dropout": 0.0,
    "token_dropout": 0.0,
}
ONE_WAY: dict[str, Any] = {"bidirectional": False, "crf": False}
FIRST, LAST = ("Anna", "Bo", "지민"), ("Kim", "Lee", "서")
OTHERS = ("ran", "home", "with", "집에", "갔다", "and")


def sentence(rng: random.Random) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A few words; a first name begins a person, and a last name behind it goes on with it."""
    words, tags = [], []
    for _ in range(rng.randint(2, 5)):
        if rng.random() < 0.5:
            last = rng.choice([[], [rng.choice(LAST)]])
            words += [rng.choice(FIRST), *last]
            tags += ["B-PER", *["I-PER"] * len(last)]
        words.append(rng.choice(OTHERS))
        tags.append("O")
    return tuple(words), tuple(tags)


def people(count: int = 40, seed: int = 0) -> Examples:
    rng = random.Random(seed)
    rows = [sentence(rng) for _ in range(count)]
    return Examples([words for words, _ in rows], [tags for _, tags in rows])


def learn(train: Examples | None = None, base: Tag | None = None, **settings: Any) -> Tag:
    torch.manual_seed(0)
    given = settings if base else SMALL | settings
    return Tag.learn(train or people(), given, base)


def train(task: Tag, examples: Examples, epochs: int = 1) -> Tag:
    plan = Plan(epochs=epochs, batch_size=8, learning_rate=0.03, average=0.0, warmup=0)
    fit(task.learner(examples, people(5, 1), plan), plan)
    return task


@functools.cache
def finder() -> Tag:
    """One tagger for all tests that only ask it."""
    return train(learn(), people(), epochs=6)


@functools.cache
def reader(characters: str = "recurrent") -> Tag:
    """One tagger that reads in one direction, likewise."""
    return train(learn(characters=characters, **ONE_WAY), people(), epochs=2)
