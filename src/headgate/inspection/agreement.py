"""How far two answers agree: which places of them stand for each other, and what changed there."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from headgate.inspection.trace import LOG_PROBABILITIES


def matched(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Say which places of two answers stand for each other.

    Where both have as many, each stands for the other's. Else those do that are the same from the
    beginning, and the same from the end; what lies between has no counterpart.

    Args:
        before: the names of the places of one answer.
        after: those of the other.

    Returns:
        Pairs of places from 0, in order.

    Example:
        >>> matched("abcd", "axxcd")
        [(0, 0), (2, 3), (3, 4)]
    """
    if len(before) == len(after):
        return [(place, place) for place in range(len(before))]
    least = min(len(before), len(after))
    head = _alike(before[:least], after[:least])
    tail = _alike(before[head:][::-1], after[head:][::-1])
    shift = len(after) - len(before)
    places = [*range(head), *range(len(before) - tail, len(before))]
    return [(place, place + shift * (place >= head)) for place in places]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of two sequences are the same from the beginning."""
    pairs = zip(one, other, strict=False)
    least = min(len(one), len(other))
    return next((place for place, (a, b) in enumerate(pairs) if a != b), least)


def change(before: Float[Tensor, "*rows V"], after: Float[Tensor, "S V"], kind: str) -> Tensor:
    """Measure how far each place of an answer changed.

    Args:
        before: log-probabilities of V choices, or V numbers; one row where all have the same.
        after: likewise, a row for each.
        kind: ``LOG_PROBABILITIES`` or ``NUMBERS``.

    Returns:
        Of probabilities the total variation, ½ Σ |p - q|, 0 to 1; of numbers the greatest
        difference. [S].
    """
    if kind == LOG_PROBABILITIES:
        return (before.exp() - after.exp()).abs().sum(1) / 2
    return (before - after).abs().amax(1)
