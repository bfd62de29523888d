"""Perplexity and bits per character: their values, their intervals, the unigram."""

from __future__ import annotations

import math
import random

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.errors import DataError, ShapeError
from headgate.evaluation.language import language_scores, unigram_nats


def test_the_values_are_those_of_the_definitions() -> None:
    nats = torch.tensor([0.5, 1.5, 2.0, 0.25], dtype=torch.float64)
    scores = language_scores(nats, torch.tensor([1, 0, 4, 2]))
    found = torch.tensor([scores[name].value for name in ("perplexity", "bits_per_character")])
    wanted = torch.tensor([math.exp(4.25 / 4), 4.25 / 7 / math.log(2)])
    assert_equal(found, wanted, "output")


def test_a_fair_coin_has_two_and_one() -> None:
    scores = language_scores(torch.full((500,), math.log(2)), torch.ones(500, dtype=torch.int64))
    for name, value in (("perplexity", 2.0), ("bits_per_character", 1.0)):
        each = scores[name]
        found = torch.tensor([each.value, each.low, each.high])
        assert_equal(found, torch.full((3,), value), "output")


def test_where_tokens_hang_together_the_interval_is_wider() -> None:
    """The same values as runs and in disorder: only blocks of neighbours can tell them apart."""
    runs = [float(run % 2) for run in range(40) for _ in range(100)]
    mixed = random.Random(0).sample(runs, len(runs))
    widths = []
    for values in (runs, mixed):
        score = language_scores(torch.tensor(values), None)["perplexity"]
        assert score.low < score.value < score.high
        widths.append(score.high - score.low)
    assert widths[0] > 3 * widths[1]


def test_a_long_text_is_cut_into_passages_and_a_short_one_too() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = [
        language_scores(torch.rand(count, generator=generator), None)["perplexity"]
        for count in (1, 30, 300_000)
    ]
    assert scores[0].low == scores[0].high == scores[0].value
    assert scores[1].high - scores[1].low > 10 * (scores[2].high - scores[2].low)


def test_without_characters_there_are_no_bits_of_them() -> None:
    assert list(language_scores(torch.ones(3), None)) == ["perplexity"]
    assert list(language_scores(torch.ones(3), torch.zeros(3, dtype=torch.int64))) == ["perplexity"]


def test_what_was_thought_impossible_is_infinite() -> None:
    score = language_scores(torch.tensor([1.0, math.inf]), None)["perplexity"]
    assert score.value == math.inf


def test_a_unigram_adds_one_and_sums_to_one() -> None:
    counts = torch.tensor([5, 0, 2])
    nats = unigram_nats(torch.tensor([2, 0, 1, 2]), counts)
    wanted = torch.tensor([3 / 10, 6 / 10, 1 / 10, 3 / 10], dtype=torch.float64)
    assert_equal((-nats).exp(), wanted, "output")
    every = unigram_nats(torch.arange(3), counts)
    assert_equal((-every).exp().sum(), torch.tensor(1.0).double(), "output")


def test_what_cannot_be_scored_is_named(unchecked: None) -> None:
    with pytest.raises(DataError, match="at least one token, got none"):
        language_scores(torch.tensor([]), None)
    with pytest.raises(ShapeError, match="one count a token is wanted: 2 for 3 tokens"):
        language_scores(torch.ones(3), torch.ones(2, dtype=torch.int64))
