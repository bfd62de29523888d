from __future__ import annotations

import functools
import random

import pytest

from headgate.errors import DataError, ShapeError
from headgate.evaluation.edits import (
    character_error_rate,
    edit_distance,
    matches,
    word_error_rate,
)


def slow(one: str, other: str) -> int:
    """Levenshtein's recursion, as it is defined."""

    @functools.cache
    def between(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        changed = between(i - 1, j - 1) + (one[i - 1] != other[j - 1])
        return min(changed, between(i - 1, j) + 1, between(i, j - 1) + 1)

    return between(len(one), len(other))


def test_the_distance_is_that_of_the_recursion() -> None:
    draw = random.Random(0)
    for letters in ("a", "ab", "abc", "가나다라마바사"):
        for _ in range(200):
            one, other = ("".join(draw.choices(letters, k=draw.randint(0, 9))) for _ in range(2))
            assert edit_distance(one, other) == slow(one, other), (one, other)


def test_long_sequences_of_any_things() -> None:
    draw = random.Random(1)
    one, other = ("".join(draw.choices("abcd", k=size)) for size in (150, 131))
    assert edit_distance(one, other) == slow(one, other)
    assert edit_distance([*one], tuple(other)) == slow(one, other)
    assert edit_distance(range(1000), range(1, 1001)) == 2


def test_rates_are_edits_over_what_was_wanted() -> None:
    found, wanted = ["a cat sat", "", "물 이"], ["the cat sat", "on", "물이"]
    assert character_error_rate(found, wanted).value == pytest.approx((3 + 2 + 1) / (11 + 2 + 2))
    score = word_error_rate(found, wanted)
    assert score.value == pytest.approx((1 + 1 + 2) / 5)
    assert score.low <= score.value <= score.high
    assert matches(wanted, wanted).value == 1
    assert matches(found, wanted).value == 0


def test_the_interval_is_of_rows() -> None:
    found = ["a"] * 50 + ["b"] * 50
    score = character_error_rate(found, ["a"] * 100)
    assert 0.35 < score.low < 0.45
    assert 0.55 < score.high < 0.65


def test_no_error_among_few_rows_proves_little() -> None:
    few, many = (character_error_rate(["ab"] * rows, ["ab"] * rows) for rows in (9, 900))
    assert few.value == few.low == many.low == 0
    assert few.high == pytest.approx(0.299, abs=0.001)
    assert many.high == pytest.approx(0.004, abs=0.001)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ShapeError, match="1 for 2 rows came"):
        word_error_rate(["a"], ["a", "b"])
    with pytest.raises(DataError, match="at least one row"):
        matches([], [])
    with pytest.raises(DataError, match="all of that is empty"):
        character_error_rate(["a"], [""])
