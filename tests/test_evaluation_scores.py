"""The score and its line."""

from __future__ import annotations

import dataclasses

import pytest

from headgate.evaluation.scores import Score


def test_the_line_has_the_interval_and_the_baseline() -> None:
    assert str(Score(0.987, 0.981, 0.992, 0.871)) == (
        "0.987 (95 % interval 0.981 to 0.992; baseline 0.871)"
    )
    assert str(Score(0.5, 0.25, 1.0)) == "0.500 (95 % interval 0.250 to 1.000)"
    assert str(Score(0.5, 0.25, 1.0, 0.0)).endswith("; baseline 0.000)")


def test_a_score_out_of_a_hundred_has_two_digits() -> None:
    assert str(Score(0.4, 0.0, 1.5, 0.1)) == "0.40 (95 % interval 0.00 to 1.50; baseline 0.10)"


def test_to_dict_names_the_four_numbers() -> None:
    expected = {"value": 0.5, "low": 0.4, "high": 0.6, "baseline": None}
    assert Score(0.5, 0.4, 0.6).to_dict() == expected


def test_a_score_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Score(0.5, 0.4, 0.6).value = 1.0  # type: ignore[misc]
