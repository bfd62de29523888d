"""Sampling beside a twin in plain Python, and draws that follow the distribution."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tolerances import assert_equal

from headgate.decoding.sampling import Sampling, draw
from headgate.errors import HeadgateError, ShapeError


def twin(logits: Sequence[float], seen: Sequence[int], how: Sampling) -> list[float]:
    """The distribution by the definitions, one token at a time."""
    scores = list(logits)
    for token in set(seen):
        penalty = how.repetition_penalty
        scores[token] = scores[token] / penalty if scores[token] > 0 else scores[token] * penalty
    best = max(scores)
    if how.temperature == 0:
        return [float(token == scores.index(best)) for token in range(len(scores))]
    shares = [math.exp((score - best) / how.temperature) for score in scores]
    shares = [share / math.fsum(shares) for share in shares]
    order = sorted(range(len(shares)), key=lambda token: (-shares[token], token))
    kept = order if how.top_k is None else order[: how.top_k]
    whole = math.fsum(shares[token] for token in kept)
    if how.top_p is not None:
        nucleus, held = list[int](), 0.0
        for token in kept:
            if nucleus and held >= how.top_p:
                break
            nucleus.append(token)
            held += shares[token] / whole
        kept = nucleus
        whole = math.fsum(shares[token] for token in kept)
    among = set(kept)
    return [shares[t] / whole if t in among else 0.0 for t in range(len(shares))]


logit = st.one_of(st.integers(-4, 4).map(float), st.just(-math.inf))
ways = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.5]),
    top_k=st.sampled_from([None, 1, 2, 3, 50]),
    # shares that no sum of a few probabilities hits, so that rounding decides nothing
    top_p=st.sampled_from([None, 1e-9, 0.3141, 0.7182, 0.9577]),
    repetition_penalty=st.sampled_from([1.0, 0.5, 1.7]),
)


@given(
    rows=st.integers(1, 9).flatmap(
        lambda size: st.lists(
            st.tuples(
                st.lists(logit, min_size=size, max_size=size).filter(lambda r: max(r) > -math.inf),
                st.lists(st.integers(0, size - 1), max_size=4),
            ),
            min_size=1,
            max_size=3,
        )
    ),
    how=ways,
)
def test_the_distribution_is_that_of_the_definitions(
    rows: list[tuple[list[float], list[int]]], how: Sampling
) -> None:
    logits = torch.tensor([row for row, _ in rows])
    found = how.probabilities(logits, [seen for _, seen in rows])
    wanted = torch.tensor([twin(row, seen, how) for row, seen in rows], dtype=torch.float64)
    assert_equal(found, wanted, "output")
    assert_equal(found.sum(1), torch.ones(len(rows), dtype=torch.float64), "output")
    assert bool((found[logits == -math.inf] == 0).all())


def test_top_p_keeps_the_token_that_crosses_the_share() -> None:
    logits = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()
    kept = {
        top_p: int((Sampling(top_p=top_p).probabilities(logits) > 0).sum())
        for top_p in (0.1, 0.4, 0.6, 0.8, 0.9, 1.0)
    }
    assert kept == {0.1: 1, 0.4: 1, 0.6: 2, 0.8: 3, 0.9: 4, 1.0: 4}


def test_of_equals_the_lowest_ids_are_kept() -> None:
    logits = torch.zeros(1, 6)
    assert Sampling(top_k=2).probabilities(logits)[0].tolist() == [0.5, 0.5, 0, 0, 0, 0]
    assert Sampling(temperature=0).probabilities(logits)[0].tolist() == [1, 0, 0, 0, 0, 0]
    assert Sampling(top_p=0.4).probabilities(logits)[0].nonzero()[:, 0].tolist() == [0, 1, 2]


def test_a_small_temperature_does_not_overflow() -> None:
    logits = torch.tensor([[1e30, -1e30, 0.0]])
    assert Sampling(1e-30).probabilities(logits)[0].tolist() == [1.0, 0.0, 0.0]


def test_the_penalty_makes_what_came_before_less_likely() -> None:
    logits = torch.tensor([[2.0, -2.0, 1.0]])
    plain = Sampling().probabilities(logits)[0]
    for token in range(3):
        less = Sampling(repetition_penalty=1.5).probabilities(logits, [[token, token]])[0]
        assert less[token] < plain[token]
    assert_equal(logits, torch.tensor([[2.0, -2.0, 1.0]]), "bits")  # what came is left as it was


def test_draws_follow_the_distribution() -> None:
    shares = torch.tensor([[0.0, 0.5, 0.0, 0.3, 0.2, 0.0]], dtype=torch.float64)
    count, chance = 4000, torch.Generator().manual_seed(1)
    found = draw(shares.expand(count, -1), [chance] * count)
    counts = torch.bincount(found, minlength=6) / count
    assert counts[[0, 2, 5]].tolist() == [0, 0, 0]
    bound = 4 * (shares[0] * (1 - shares[0]) / count).sqrt()  # four standard deviations
    assert bool(((counts - shares[0]).abs() <= bound).all())


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_a_draw_at_the_ends_is_a_token_that_may_come(
    number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor([number], dtype=torch.float64))
    shares = torch.tensor([[0.0, 0.1, 0.2, 0.7, 0.0]], dtype=torch.float64)
    assert draw(shares, [torch.Generator()]).item() == (1 if number == 0 else 3)


def test_the_same_seed_draws_the_same_and_torch_notices_nothing() -> None:
    before = torch.random.get_rng_state()
    shares = torch.full((3, 50), 0.02)
    found = [
        [draw(shares, chance).tolist() for _ in range(5)]
        for chance in ([Sampling(seed=7).generator(row) for row in range(3)] for _ in range(2))
    ]
    assert found[0] == found[1]
    assert len(set(map(tuple, zip(*found[0], strict=True)))) == 3  # each row by its own chance
    alone = [draw(shares[:1], [chance]).item() for chance in [Sampling(seed=8).generator()] * 5]
    assert alone == [step[1] for step in found[0]]  # row 1 of seed 7 is row 0 of seed 8
    Sampling().generator()
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("seed", [-(2**63), -1, 0, 2**63 - 1])
def test_every_seed_of_64_bits_serves_every_row(seed: int) -> None:
    rows = [torch.rand(1, generator=Sampling(seed=seed).generator(row)) for row in (0, 1)]
    assert rows[0] != rows[1]


def test_without_a_seed_draws_differ() -> None:
    shares = torch.full((1, 10**6), 1e-6)
    found = {draw(shares, [Sampling().generator()]).item() for _ in range(4)}
    assert len(found) > 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temperature": -0.1}, "temperature is a number of 0 or more, not -0.1"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_k": 0}, "top_k is a whole number of 1 or more, not 0"),
        ({"top_p": 0.0}, "top_p is a share above 0 and up to 1, not 0"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_p": math.nan}, "top_p"),
        ({"repetition_penalty": 0.0}, "repetition_penalty is a number above 0, not 0"),
        ({"seed": 2**63}, "seed is a whole number of 64 bits"),
    ],
)
def test_numbers_out_of_range_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(HeadgateError, match=message):
        Sampling(**given)


def test_what_is_no_number_is_refused(unchecked: None) -> None:
    wrong: Any = 2.5
    with pytest.raises(HeadgateError, match=r"top_k is a whole number of 1 or more, not 2\.5"):
        Sampling(top_k=wrong)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.0, math.nan], "row 1: the logit of token 1 is nan"),
        ([math.inf, 0.0], "row 1: the logit of token 0 is inf"),
        ([-math.inf, -math.inf], "row 1: every logit is minus infinity"),
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_say_nothing_are_named(
    row: list[float], message: str, temperature: float
) -> None:
    with pytest.raises(HeadgateError, match=message):
        Sampling(temperature).probabilities(torch.tensor([[0.0, 1.0], row]))


def test_rows_must_fit() -> None:
    with pytest.raises(ShapeError, match="one list of tokens a row is wanted: 1 for 2 rows"):
        Sampling(repetition_penalty=2.0).probabilities(torch.zeros(2, 3), [[1]])
    with pytest.raises(ShapeError, match="one generator a row is wanted: 0 for 2 rows"):
        draw(torch.full((2, 3), 1 / 3), [])


def test_random_logits_of_a_large_vocabulary() -> None:
    """Many tokens, as the last of many sums is where rounding shows."""
    rng = random.Random(3)
    logits = [rng.gauss(0, 3) for _ in range(3000)]
    for how in (Sampling(0.7, top_k=40), Sampling(top_p=0.93), Sampling(1.3, 100, 0.81)):
        found = how.probabilities(torch.tensor([logits], dtype=torch.float64))
        wanted = torch.tensor([twin(logits, [], how)], dtype=torch.float64)
        assert_equal(found, wanted, "output")
