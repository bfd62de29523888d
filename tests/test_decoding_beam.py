"""Beam search against exhaustive enumeration over small Markov models."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from headgate.decoding import Hypothesis, Penalties, Rows, beam, greedy, length_norm
from headgate.errors import HeadgateError, ShapeError

BOS, EOS = 1, 0


S = 3  # places of a source


class Looker:
    """A model that looks at its source by a table of the last token."""

    def __init__(self, tables: Tensor, looks: Tensor) -> None:
        self.tables, self.looks = tables, looks  # [B, V, V], [V, S]

    def step(self, tokens: Tensor, state: tuple[Tensor, Tensor]) -> Any:
        rows, seen = state
        return self.tables[rows, tokens], (rows, seen + self.looks[tokens])

    def select(self, state: tuple[Tensor, Tensor], rows: Tensor) -> tuple[Tensor, Tensor]:
        return state[0][rows], state[1][rows]

    def coverage(self, state: tuple[Tensor, Tensor]) -> Tensor:
        return state[1]

    def start(self) -> tuple[Tensor, Tensor]:
        count = len(self.tables)
        return torch.arange(count), torch.zeros(count, S, dtype=torch.float64)


class Markov:
    """The next token hangs on the last one, by a table of each row; the state is the row."""

    def __init__(self, tables: Tensor) -> None:
        self.tables = tables  # [B, V, V]
        self.work: list[int] = []

    def step(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        self.work.append(len(tokens))
        return self.tables[state, tokens], state

    def select(self, state: Tensor, rows: Tensor) -> Tensor:
        return state[rows]

    def start(self) -> Tensor:
        return torch.arange(len(self.tables))


def random_tables(seed: int, rows: int = 1, vocabulary: int = 3, forbidden: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (rows, vocabulary, vocabulary)
    logits = 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    barred = torch.rand(shape, generator=generator) < forbidden
    tables = logits.masked_fill(barred, -math.inf).log_softmax(-1)
    return tables.nan_to_num(nan=-math.inf, neginf=-math.inf)  # a line with all barred


def covered(looks: Tensor | None, given: tuple[int, ...], weight: float) -> float:
    """The coverage penalty of the steps that were given these tokens, as the paper writes it."""
    if looks is None or not given:
        return 0.0
    places = [sum(float(looks[token, s]) for token in given) for s in range(looks.shape[1])]
    return weight * sum(math.log(min(place, 1.0)) for place in places)


def every_hypothesis(
    table: Tensor,
    limit: int,
    penalty: float,
    *,
    shortest: int = 0,
    looks: Tensor | None = None,
    weight: float = 0.0,
) -> list[Hypothesis]:
    """All sequences, finished ones first and by falling score: the oracle."""
    found = []

    def note(tokens: tuple[int, ...], total: float, finished: bool) -> None:
        steps = len(tokens) + finished
        score = total / length_norm(steps, penalty)
        score += covered(looks, (BOS, *tokens)[:steps], weight)
        found.append(Hypothesis(tokens, total, score, finished))

    def grow(tokens: tuple[int, ...], total: float) -> None:
        line = table[tokens[-1] if tokens else BOS].tolist()
        possible = [token for token, value in enumerate(line) if value > -math.inf]
        if len(tokens) < shortest:
            possible = [token for token in possible if token != EOS]
        if len(tokens) == limit or not possible:
            note(tokens, total, False)
            return
        for token in possible:
            reached = total + line[token]
            if token == EOS:
                note(tokens, reached, True)
            else:
                grow((*tokens, token), reached)

    grow((), 0.0)
    return sorted(found, key=lambda each: (not each.finished, -each.score))


def same(one: Hypothesis, other: Hypothesis) -> bool:
    return (
        (one.tokens, one.finished) == (other.tokens, other.finished)
        and math.isclose(one.score, other.score, abs_tol=1e-12)
        and math.isclose(one.log_probability, other.log_probability, abs_tol=1e-12)
    )


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    limit=st.integers(0, 5),
    penalty=st.sampled_from([-0.5, 0.0, 0.6, 1.0, 3.0]),
    forbidden=st.sampled_from([0.0, 0.4]),
)
def test_a_wide_beam_is_exhaustive_search(
    seed: int, limit: int, penalty: float, forbidden: float
) -> None:
    model = Markov(random_tables(seed, forbidden=forbidden))
    expected = every_hypothesis(model.tables[0], limit, penalty)
    (found,) = beam(
        model,
        model.start(),
        Rows(1, bos=BOS, eos=EOS, max_length=limit),
        width=100,
        penalties=Penalties(penalty),
        n_best=4,
    )
    best_of(found, expected)


def best_of(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    """Hold that a search found the best four of all hypotheses."""
    assert [each.finished for each in found] == [each.finished for each in expected[:4]]
    scores = [each.score for each in expected[:4]]
    assert [each.score for each in found] == pytest.approx(scores, abs=1e-12)
    assert len(set(found)) == len(found)
    assert all(any(same(each, other) for other in expected) for each in found)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    limit=st.integers(0, 5),
    shortest=st.integers(0, 4),
    penalty=st.sampled_from([-0.5, 0.0, 1.0]),
    weight=st.sampled_from([0.1, 0.5, 3.0]),
)
def test_a_wide_beam_is_exhaustive_with_coverage_and_a_least_length(
    seed: int, limit: int, shortest: int, penalty: float, weight: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    looks = (3 * torch.randn(3, S, generator=generator, dtype=torch.float64)).softmax(1)
    model = Looker(random_tables(seed, forbidden=0.2), looks)
    rows = Rows(1, bos=BOS, eos=EOS, max_length=limit, min_length=shortest)
    expected = every_hypothesis(
        model.tables[0], limit, penalty, shortest=shortest, looks=looks, weight=weight
    )
    (found,) = beam(
        model,
        model.start(),
        rows,
        width=100,
        n_best=4,
        penalties=Penalties(penalty, weight),
    )
    best_of(found, expected)


@pytest.mark.parametrize(("weight", "tokens"), [(0.0, ()), (3.0, ()), (3.3, (2,))])
def test_what_looked_at_all_of_its_source_may_win(weight: float, tokens: tuple[int, ...]) -> None:
    # Ending at once has log 0.9 and half of the last place unseen; going on has log 0.1 and has
    # seen all: the order turns at β = (log 0.9 - log 0.1) / log 2 = 3.17.
    tables = torch.tensor([[1.0, 0.0, 0.0], [0.9, 0.0, 0.1], [1.0, 0.0, 0.0]], dtype=torch.float64)
    looks = torch.tensor([[0.0, 0.5, 0.5], [1.0, 1.0, 0.5], [0.0, 0.0, 0.5]], dtype=torch.float64)
    model = Looker(tables.log()[None], looks)
    rows = Rows(1, bos=BOS, eos=EOS, max_length=9)
    (found,) = beam(model, model.start(), rows, width=2, penalties=Penalties(0.0, weight))
    assert found[0].tokens == tokens
    assert found[0].score == pytest.approx(
        math.log(0.1) if tokens else math.log(0.9) - weight * math.log(2)
    )


def test_rows_that_ended_keep_their_own_coverage() -> None:
    tables = random_tables(8, rows=4, vocabulary=4)
    looks = torch.rand(4, S, dtype=torch.float64)
    rows = Rows(4, bos=BOS, eos=EOS, max_length=torch.tensor([6, 1, 4, 8]))
    model = Looker(tables, looks)
    together = beam(model, model.start(), rows, width=3, penalties=Penalties(1.0, 0.7))
    for row, limit in enumerate([6, 1, 4, 8]):
        alone = Looker(tables[row : row + 1], looks)
        one = Rows(1, bos=BOS, eos=EOS, max_length=limit)
        assert beam(alone, alone.start(), one, width=3, penalties=Penalties(1.0, 0.7)) == [
            together[row]
        ]


def test_no_coverage_without_attention() -> None:
    model = Markov(random_tables(2))
    rows = Rows(1, bos=BOS, eos=EOS, max_length=5)
    with pytest.raises(HeadgateError, match=r"coverage penalty of 0\.2 .* has no attention"):
        beam(model, model.start(), rows, penalties=Penalties(coverage=0.2))
    for wrong in (-0.1, math.nan, math.inf):
        with pytest.raises(HeadgateError, match="a number of 0 or more, got"):
            Penalties(coverage=wrong)
    for wrong in (math.nan, math.inf, -math.inf):
        with pytest.raises(HeadgateError, match="length penalty is a finite number, got"):
            Penalties(length=wrong)


def test_a_least_length_holds_in_narrow_beams_too() -> None:
    sure = torch.full((2, 3, 3), 0.005)
    sure[:, :, EOS] = 0.99
    model = Markov(sure.log())
    for width in (1, 2):
        rows = Rows(2, bos=BOS, eos=EOS, max_length=9, min_length=4)
        found = beam(model, model.start(), rows, width=width)
        assert [(len(row[0].tokens), row[0].finished) for row in found] == [(4, True)] * 2
    with pytest.raises(HeadgateError, match="min_length must be 0 or more, got -1"):
        Rows(2, bos=BOS, eos=EOS, max_length=9, min_length=-1)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), forbidden=st.sampled_from([0.0, 0.5]))
def test_a_beam_of_one_is_greedy(seed: int, forbidden: float) -> None:
    model = Markov(random_tables(seed, rows=3, vocabulary=5, forbidden=forbidden))
    limits = torch.tensor([7, 0, 3])
    narrow = beam(model, model.start(), Rows(3, bos=BOS, eos=EOS, max_length=limits), width=1)
    assert [row[0] for row in narrow] == greedy(
        model, model.start(), Rows(3, bos=BOS, eos=EOS, max_length=limits)
    )


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_row_does_not_depend_on_its_batch_mates(width: int) -> None:
    tables = random_tables(5, rows=6, vocabulary=6).float()
    tables[3] = -math.log(6)  # a row of ties alone
    model = Markov(tables)
    limits = torch.tensor([3, 9, 1, 6, 0, 12])
    together = beam(model, model.start(), Rows(6, bos=BOS, eos=EOS, max_length=limits), width=width)
    for row in range(6):
        alone = beam(
            model,
            torch.tensor([row]),
            Rows(1, bos=BOS, eos=EOS, max_length=int(limits[row])),
            width=width,
        )
        assert alone == [together[row]]


def test_the_search_goes_on_when_only_the_best_hypothesis_has_ended() -> None:
    # Token 0 ends at once with the highest probability; token 2 leads to a sure, long output,
    # whose score per length is better.
    table = torch.tensor(
        [
            [1.0, 0.0, 0.0, 0.0],
            [0.5, 0.0, 0.45, 0.05],
            [0.0, 0.0, 0.0, 1.0],
            [1.0, 0.0, 0.0, 0.0],
        ]
    )
    model = Markov(table.log()[None])
    (found,) = beam(model, model.start(), Rows(1, bos=BOS, eos=EOS, max_length=10), width=2)
    assert found[0].tokens == (2, 3)
    assert found[0].score == pytest.approx(math.log(0.45) / (8 / 6))


def test_a_row_stops_once_nothing_better_is_possible() -> None:
    sure = torch.full((1, 3, 3), 0.005)
    sure[:, :, EOS] = 0.99
    model = Markov(sure.log())
    beam(model, model.start(), Rows(1, bos=BOS, eos=EOS, max_length=50), width=2)
    # log 0.99 = -0.0101 stays ahead of log 0.005 / lp(50) = -0.578.
    assert model.work == [1]


def test_rows_that_ended_leave_the_batch() -> None:
    sure = torch.full((2, 3, 3), 0.005)
    sure[:, :, EOS] = 0.99
    sure[1] = torch.tensor([0.01, 0.01, 0.98])
    model = Markov(sure.log())
    found = beam(model, model.start(), Rows(2, bos=BOS, eos=EOS, max_length=4), width=1)
    assert [row[0].finished for row in found] == [True, False]
    assert model.work == [2, 1, 1, 1]


def test_finished_hypotheses_come_before_unfinished_ones() -> None:
    table = torch.tensor([[1.0, 0.0, 0.0], [0.1, 0.0, 0.9], [0.1, 0.0, 0.9]])
    model = Markov(table.log()[None])
    (found,) = beam(
        model, model.start(), Rows(1, bos=BOS, eos=EOS, max_length=2), width=3, n_best=3
    )
    assert [(each.tokens, each.finished) for each in found] == [
        ((2,), True),
        ((), True),
        ((2, 2), False),
    ]


def test_a_beam_wider_than_the_vocabulary() -> None:
    model = Markov(random_tables(1, vocabulary=2))
    (found,) = beam(
        model, model.start(), Rows(1, bos=BOS, eos=EOS, max_length=3), width=64, n_best=64
    )
    assert len(found) == 4  # 0, 1 or 2 tokens and the end mark, or 3 tokens without


def test_no_rows_and_no_length() -> None:
    model = Markov(random_tables(1))
    assert beam(model, model.start()[:0], Rows(0, bos=BOS, eos=EOS, max_length=5)) == []
    found = beam(model, model.start(), Rows(1, bos=BOS, eos=EOS, max_length=0))
    assert found == [[Hypothesis((), 0.0, 0.0, False)]]
    assert model.work == []


def test_nan_names_the_row_and_the_step() -> None:
    tables = random_tables(2, rows=3)
    tables[1, 1:] = math.nan
    tables[:, 1, EOS] = -math.inf
    tables[1, 1] = torch.tensor([-math.inf, -math.inf, 0.0])
    model = Markov(tables)
    with pytest.raises(HeadgateError, match=r"row 1, step 1: .* token 0 is nan"):
        beam(model, model.start(), Rows(3, bos=BOS, eos=EOS, max_length=5))


def test_n_best_must_fit_the_width() -> None:
    model = Markov(random_tables(2))
    with pytest.raises(HeadgateError, match="n_best 6 and width 5"):
        beam(model, model.start(), Rows(1, bos=BOS, eos=EOS, max_length=5), n_best=6)


def test_one_limit_a_row() -> None:
    model = Markov(random_tables(2))
    with pytest.raises(ShapeError, match=r"shape \(1,\).*shape \(2,\)"):
        beam(model, model.start(), Rows(1, bos=BOS, eos=EOS, max_length=torch.tensor([1, 2])))
