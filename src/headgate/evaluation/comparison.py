"""A model's scores beside those of every baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headgate.evaluation.scores import Score, less_is_better

Scores = Mapping[str, Score]
_LEAST = 5e-5  # that four digits show


def beside(
    scores: Scores, rivals: Mapping[str, Scores]
) -> tuple[dict[str, Score], dict[str, dict[str, float]]]:
    """Put the best baseline beside each score: the highest, or the lowest where less is better.

    Args:
        scores: the model's, by name.
        rivals: each baseline's on the same rows, by the baseline's name.

    Returns:
        The scores with the best baseline's value; and every baseline's values. A score that no
        baseline has keeps its own.

    Example:
        >>> scores, _ = beside({"accuracy": Score(0.9, 0.8, 1.0)},
        ...                    {"majority": {"accuracy": Score(0.6, 0.5, 0.7)}})
        >>> scores["accuracy"].baseline
        0.6
    """
    values = {name: {key: s.value for key, s in own.items()} for name, own in rivals.items()}
    best = {
        key: (min if less_is_better(key) else max)(
            (own[key] for own in values.values() if key in own), default=score.baseline
        )
        for key, score in scores.items()
    }
    return {key: replace(s, baseline=best[key]) for key, s in scores.items()}, values


def losses(name: str, given: Mapping[str, Score], plain: Mapping[str, Score]) -> list[str]:
    """Say what a model has lost that is kept in another way.

    Args:
        name: the way.
        given: its scores.
        plain: the scores of the model as it was trained.

    Returns:
        A sentence for each score.
    """
    found = []
    for key, score in given.items():
        before = plain[key].value
        lost = score.value - before if less_is_better(key) else before - score.value
        what = "nothing" if abs(lost) < _LEAST else f"{lost:.4f}"
        share = f" ({100 * lost / before:.2f} %)" if before and abs(lost) >= _LEAST else ""
        found.append(f"{name} loses {what} of {key}{share}: {score.value:.4f} for {before:.4f}")
    return found
