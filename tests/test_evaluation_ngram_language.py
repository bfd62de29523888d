"""Kneser-Ney beside a twin of dictionaries, which follows the definitions word for word."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.errors import DataError
from headgate.evaluation import ngram_language
from headgate.evaluation.ngram_language import KneserNey

V = 7


class Twin:
    """Counts in dictionaries, probabilities by recursion."""

    def __init__(self, text: list[int], order: int) -> None:
        self.counts: list[Counter[tuple[int, ...]]] = []
        order = min(order, len(text))
        for n in range(1, order + 1):
            grams = [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
            if n == order:
                self.counts.append(Counter(grams))
                continue
            longer = {tuple(text[i : i + n + 1]) for i in range(len(text) - n)}
            found = Counter(gram[1:] for gram in longer)
            self.counts.append(Counter({gram: found[gram] for gram in grams}))

    def discount(self, n: int) -> float:
        values = list(self.counts[n - 1].values())
        once, twice = values.count(1), values.count(2)
        return once / (once + 2 * twice) if once and twice else 0.5

    def probability(self, token: int, history: tuple[int, ...], n: int) -> float:
        if n == 0:
            return 1 / V
        before = history[len(history) - n + 1 :]
        after = {gram[-1]: c for gram, c in self.counts[n - 1].items() if gram[:-1] == before}
        lower = self.probability(token, history, n - 1)
        if len(before) < n - 1 or not sum(after.values()):
            return lower
        share = max(after.get(token, 0) - self.discount(n), 0)
        kinds = sum(count > 0 for count in after.values())
        return (share + self.discount(n) * kinds * lower) / sum(after.values())

    def nats(self, text: list[int]) -> list[float]:
        return [
            -math.log(self.probability(token, tuple(text[:place]), len(self.counts)))
            for place, token in enumerate(text)
        ]


def texts(seed: int) -> tuple[list[int], list[int]]:
    """Text with habits, of which the second has tokens and runs that the first has not."""
    rng = random.Random(seed)
    text = [0]
    for _ in range(150):
        text.append((text[-1] * 2 + rng.choice([0, 0, 1, 3])) % (V - 1))
    return text[:100], [*text[100:], V - 1, *text[:5], V - 1, V - 1]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_its_nats_are_those_of_the_definitions(order: int, seed: int) -> None:
    known, other = texts(seed)
    model = KneserNey.fit(torch.tensor(known), vocabulary=V, order=order)
    wanted = Twin(known, order).nats(other)
    assert_equal(
        model.nats(torch.tensor(other)), torch.tensor(wanted, dtype=torch.float64), "output"
    )


@pytest.mark.parametrize("known", [[3], [3, 3], [0, 1, 2, 3, 4, 5, 6], [2] * 9])
def test_short_and_dull_texts_have_a_model_too(known: list[int]) -> None:
    model = KneserNey.fit(torch.tensor(known), vocabulary=V, order=4)
    other = [2, 3, 3, 2, 2, 2, 2]
    found = model.nats(torch.tensor(other))
    assert_equal(found, torch.tensor(Twin(known, 4).nats(other), dtype=torch.float64), "output")


@pytest.mark.parametrize("order", [1, 3, 5])
def test_the_probabilities_of_all_tokens_sum_to_one(order: int) -> None:
    known, other = texts(2)
    model = KneserNey.fit(torch.tensor(known), vocabulary=V, order=order)
    for place in range(0, len(other), 7):
        history = other[:place]
        rows = [model.nats(torch.tensor([*history, token]))[-1] for token in range(V)]
        assert_equal((-torch.stack(rows)).exp().sum(), torch.tensor(1.0).double(), "output")


def test_it_knows_more_than_counts_of_single_tokens() -> None:
    known, _ = texts(3)
    ids = torch.tensor(known)
    means = [KneserNey.fit(ids, vocabulary=V, order=n).nats(ids).mean() for n in (1, 2, 3)]
    assert means[0] > means[1] > means[2]


def test_of_a_long_text_the_end_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    known, other = (torch.tensor(each) for each in texts(4))
    short = KneserNey.fit(known[-40:], vocabulary=V, order=3).nats(other)
    monkeypatch.setattr(ngram_language, "MOST_TOKENS", 40)
    assert_equal(KneserNey.fit(known, vocabulary=V, order=3).nats(other), short, "bits")


def test_a_model_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="0 tokens and order 3 came"):
        KneserNey.fit(torch.tensor([], dtype=torch.int64), vocabulary=V, order=3)
    with pytest.raises(DataError, match="order 0 came"):
        KneserNey.fit(torch.tensor([1]), vocabulary=V, order=0)
