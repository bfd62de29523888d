"""Greedy search."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from headgate.decoding import Hypothesis, Rows, greedy, length_norm
from headgate.errors import HeadgateError, ShapeError

EOS, BOS = 0, 1


class Script:
    """Each row says its own tokens, each with probability 1/2, then the end mark for good."""

    def __init__(self, rows: list[list[int]], vocabulary: int = 6) -> None:
        self.rows, self.vocabulary = rows, vocabulary
        self.seen: list[list[int]] = []

    def step(
        self, tokens: Tensor, state: list[tuple[int, int]]
    ) -> tuple[Tensor, list[tuple[int, int]]]:
        self.seen.append(tokens.tolist())
        out = torch.full((len(state), self.vocabulary), 0.5 / (self.vocabulary - 1))
        for line, (row, place) in enumerate(state):
            script = self.rows[row]
            out[line, script[place] if place < len(script) else EOS] = 0.5
        return out.log(), [(row, place + 1) for row, place in state]

    def select(self, state: list[tuple[int, int]], rows: Tensor) -> list[tuple[int, int]]:
        return [state[row] for row in rows.tolist()]

    def start(self) -> list[tuple[int, int]]:
        return [(row, 0) for row in range(len(self.rows))]


def test_rows_end_independently_and_leave_the_batch() -> None:
    model = Script([[2, 3, 4], [], [5]])
    found = greedy(model, model.start(), Rows(3, bos=BOS, eos=EOS, max_length=10))
    assert [each.tokens for each in found] == [(2, 3, 4), (), (5,)]
    assert all(each.finished for each in found)
    assert model.seen == [[BOS] * 3, [2, 5], [3], [4]]


def test_the_score_is_the_normalised_log_probability() -> None:
    model = Script([[2, 3, 4]])
    (found,) = greedy(
        model, model.start(), Rows(1, bos=BOS, eos=EOS, max_length=10), length_penalty=0.6
    )
    assert found.log_probability == pytest.approx(4 * math.log(0.5))  # the end mark too
    assert found.score == pytest.approx(4 * math.log(0.5) / (9 / 6) ** 0.6)


def test_each_row_has_its_own_limit() -> None:
    model = Script([[2, 3, 4]] * 4)
    limits = torch.tensor([0, 2, 3, 4])
    found = greedy(model, model.start(), Rows(4, bos=BOS, eos=EOS, max_length=limits))
    assert [(len(each.tokens), each.finished) for each in found] == [
        (0, False),
        (2, False),
        (3, False),
        (3, True),
    ]
    assert [len(tokens) for tokens in model.seen] == [3, 3, 2, 1]


class Constant:
    """The same distribution at every step."""

    def __init__(self, log_probabilities: Tensor) -> None:
        self.log_probabilities = log_probabilities

    def step(self, tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return self.log_probabilities, None

    def select(self, state: None, rows: Tensor) -> None:
        return None


def test_a_row_with_no_possible_token_stays_unfinished() -> None:
    model = Constant(torch.full((1, 3), -math.inf))
    found = greedy(model, None, Rows(1, bos=BOS, eos=EOS, max_length=4))
    assert found == [Hypothesis((), 0.0, 0.0, False)]


@pytest.mark.parametrize(("bad", "said"), [(math.nan, "nan"), (1.5, "1.5"), (math.inf, "inf")])
def test_a_value_that_is_no_log_probability_is_refused(bad: float, said: str) -> None:
    values = torch.full((2, 3), -1.0)
    values[1, 2] = bad
    with pytest.raises(HeadgateError, match=rf"row 1, step 0: .* token 2 is {said}"):
        greedy(Constant(values), None, Rows(2, bos=BOS, eos=EOS, max_length=4))


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(3, V\); they have shape \(2, 3\)"):
        greedy(Constant(torch.zeros(2, 3)), None, Rows(3, bos=BOS, eos=EOS, max_length=4))
    with pytest.raises(ShapeError, match="end mark 7 is not among the decoder's 3 tokens"):
        greedy(Constant(torch.zeros(2, 3)), None, Rows(2, bos=BOS, eos=7, max_length=4))


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(HeadgateError, match="row 0: max_length must be 0 or more, got -1"):
        greedy(Constant(torch.zeros(1, 3)), None, Rows(1, bos=BOS, eos=EOS, max_length=-1))


def test_length_norm_is_gnmts_formula() -> None:
    assert length_norm(1, 0.7) == 1.0
    assert length_norm(13, 1.0) == 3.0
    assert length_norm(13, 0.5) == pytest.approx(math.sqrt(3))
    assert length_norm(13, 0.0) == 1.0


@pytest.mark.parametrize("shortest", [0, 2, 4])
def test_the_end_mark_waits_for_the_least_length(shortest: int) -> None:
    likely = torch.tensor([[0.7, 0.2, 0.1]]).log()  # the end mark, the start mark, a token
    rows = Rows(1, bos=BOS, eos=EOS, max_length=6, min_length=shortest)
    (found,) = greedy(Constant(likely), None, rows)
    assert found.tokens == (1,) * shortest
    assert found.finished
    assert found.log_probability == pytest.approx(shortest * math.log(0.2) + math.log(0.7))
    assert likely[0, EOS] == pytest.approx(math.log(0.7))  # what the decoder gave is left alone


def test_a_least_length_above_the_greatest_ends_nowhere() -> None:
    rows = Rows(1, bos=BOS, eos=EOS, max_length=3, min_length=5)
    (found,) = greedy(Constant(torch.tensor([[0.7, 0.2, 0.1]]).log()), None, rows)
    assert (len(found.tokens), found.finished) == (3, False)
