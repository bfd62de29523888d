"""Perplexity over rows, and how much of what is said is the same again."""

from __future__ import annotations

import math

import pytest
import torch

from headgate.errors import DataError, ShapeError
from headgate.evaluation.diversity import distinct
from headgate.evaluation.likelihood import perplexity


def test_it_is_the_mean_over_tokens_not_over_rows() -> None:
    # 3 nats of 1 token and 1 nat of 3 tokens: exp(4 / 4)
    nats, tokens = torch.tensor([3.0, 1.0]), torch.tensor([1, 3])
    score = perplexity(nats, tokens, baseline=torch.tensor([4.0, 8.0]))
    assert score.value == pytest.approx(math.e)
    assert score.baseline == pytest.approx(math.exp(3))
    assert perplexity(nats, tokens).baseline is None


def test_its_interval_holds_the_truth_about_nineteen_times_in_twenty() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.full((60,), 5)
    held = 0
    for seed in range(200):
        nats = 5 * (2 + 0.5 * torch.randn(60, generator=generator))
        score = perplexity(nats, tokens, seed=seed)
        held += score.low <= math.exp(2) <= score.high
        assert score.low <= score.value <= score.high
    assert 176 <= held <= 198


def test_rows_and_tokens_have_to_be_there(unchecked: None) -> None:
    with pytest.raises(ShapeError, match="2 numbers of tokens are wanted, got 1"):
        perplexity(torch.zeros(2), torch.ones(1, dtype=torch.int64))
    for nats, tokens in ((torch.zeros(0), torch.zeros(0)), (torch.zeros(1), torch.zeros(1))):
        with pytest.raises(DataError, match="none came"):
            perplexity(nats, tokens.long())


@pytest.mark.parametrize(
    ("texts", "n", "share"),
    [
        (["a b a"], 1, 2 / 3),
        (["a b a b"], 2, 2 / 3),
        (["a b", "a b"], 2, 1 / 2),
        (["a", "b"], 2, 0.0),
        ([], 1, 0.0),
    ],
)
def test_distinct_runs_of_words(texts: list[str], n: int, share: float) -> None:
    assert distinct(texts, n) == pytest.approx(share)
