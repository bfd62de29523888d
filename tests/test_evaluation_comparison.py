"""The best baseline beside a score, and what a model has lost: more is better, or less."""

from __future__ import annotations

import pytest

from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.scores import LESS_IS_BETTER, Score, less_is_better

NAMES = ("accuracy", "perplexity", "bits_per_character", "f1:bad")


def every(value: float) -> dict[str, Score]:
    return {name: alone(value) for name in NAMES}


def alone(value: float) -> Score:
    return Score(value, value, value)


def test_the_best_is_the_highest_or_the_lowest_where_less_is_better() -> None:
    scores, values = beside(every(1.0), {"low": every(2.0), "high": every(3.0)})
    assert {name: score.baseline for name, score in scores.items()} == {
        "accuracy": 3.0,
        "perplexity": 2.0,
        "bits_per_character": 2.0,
        "f1:bad": 3.0,
    }
    assert values == {"low": dict.fromkeys(NAMES, 2.0), "high": dict.fromkeys(NAMES, 3.0)}


def test_a_score_that_no_baseline_has_keeps_its_own() -> None:
    own = Score(5.0, 4.0, 6.0, 7.0)
    scores, _ = beside({"perplexity": own}, {"other": {"accuracy": alone(1.0)}})
    assert scores == {"perplexity": own}


def test_a_part_of_a_score_is_judged_as_the_score() -> None:
    assert less_is_better("perplexity:words")
    assert not less_is_better("accuracy:perplexity")
    assert all(map(less_is_better, LESS_IS_BETTER))


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("accuracy", 0.8, 0.6, "int8 loses 0.2000 of accuracy (25.00 %): 0.6000 for 0.8000"),
        ("perplexity", 4.0, 5.0, "int8 loses 1.0000 of perplexity (25.00 %): 5.0000 for 4.0000"),
        ("perplexity", 4.0, 3.0, "int8 loses -1.0000 of perplexity (-25.00 %)"),
        ("perplexity", 4.0, 4.0, "int8 loses nothing of perplexity: 4.0000 for 4.0000"),
    ],
)
def test_a_loss_is_what_became_worse(name: str, before: float, after: float, said: str) -> None:
    [sentence] = losses("int8", {name: alone(after)}, {name: alone(before)})
    assert sentence.startswith(said)
