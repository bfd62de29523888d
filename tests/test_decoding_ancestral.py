"""Sampling along a decoder: its shares, its chance, and what may not come."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from torch import Tensor

from headgate.decoding import Hypothesis, Rows, greedy, sample
from headgate.decoding.sampling import Sampling

EOS, BOS, V = 0, 1, 4


class Markov:
    """The next token hangs on the last one; the state is nothing."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(V, V, generator=generator, dtype=torch.float64)
        self.table = logits.log_softmax(-1)

    def step(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.table[tokens], state

    def select(self, state: Tensor, rows: Tensor) -> Tensor:
        return state[rows]


def rows(count: int, **wishes: int | tuple[int, ...]) -> Rows:
    given = {"max_length": 8, **wishes}
    return Rows(count, bos=BOS, eos=EOS, **given)  # type: ignore[arg-type]


def drawn(count: int, sampling: Sampling, **wishes: int | tuple[int, ...]) -> list[Hypothesis]:
    return sample(Markov(), torch.zeros(count), rows(count, **wishes), sampling)


def probability(tokens: tuple[int, ...], table: Tensor) -> float:
    steps = zip((BOS, *tokens), (*tokens, EOS), strict=True)
    return math.exp(sum(float(table[given, token]) for given, token in steps))


def test_sequences_come_as_often_as_they_are_likely() -> None:
    count = 4000
    found = drawn(count, Sampling(seed=3))
    seen = Counter(each.tokens for each in found if each.finished)
    likely = [tokens for tokens, times in seen.items() if times > 80]
    assert len(likely) >= 4
    for tokens in likely:
        share = probability(tokens, Markov().table)
        spread = math.sqrt(share * (1 - share) / count)
        assert abs(seen[tokens] / count - share) < 5 * spread


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_log_probability_is_the_decoders_own(temperature: float) -> None:
    for each in drawn(20, Sampling(temperature=temperature, seed=1)):
        if each.finished:
            wanted = math.log(probability(each.tokens, Markov().table))
            assert each.log_probability == pytest.approx(wanted)


def test_a_temperature_of_none_is_greedy() -> None:
    cold = drawn(3, Sampling(temperature=0))
    assert cold == greedy(Markov(), torch.zeros(3), rows(3))


def test_a_row_has_its_own_chance_and_torchs_stays_as_it_is() -> None:
    sampling, before = Sampling(seed=7), torch.get_rng_state()
    together = drawn(6, sampling)
    assert torch.equal(torch.get_rng_state(), before)
    for number in (0, 4):
        alone = sample(Markov(), torch.zeros(1), rows(1), sampling, numbers=[number])
        assert alone == [together[number]]
    assert len({each.tokens for each in together}) > 1
    assert drawn(6, Sampling(seed=8)) != together


def test_what_is_barred_never_comes() -> None:
    for each in drawn(300, Sampling(seed=2), min_length=2, barred=(BOS, 3)):
        assert set(each.tokens) <= {2}
        assert len(each.tokens) >= 2


def test_where_no_token_is_possible_a_row_stays_unfinished() -> None:
    found = drawn(2, Sampling(seed=2), barred=(0, 1, 2, 3))
    assert found == [Hypothesis((), 0.0, 0.0, False)] * 2


def test_a_repetition_counts_within_a_row() -> None:
    sampling = Sampling(seed=5, repetition_penalty=1e6)
    for each in drawn(200, sampling, max_length=3):
        assert len(set(each.tokens)) == len(each.tokens)
