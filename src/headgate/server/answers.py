"""What a model says, as JSON holds it."""

from __future__ import annotations

from math import isfinite
from typing import Any


def plain(answer: Any) -> Any:
    """Give an answer of a model, or of a step of its stream, as plain data.

    JSON has no NaN and no infinity, so a number that is not finite, such as the log-probability
    of what cannot be, becomes None, which JSON writes as null. Every other number stays as it is.

    Args:
        answer: a text, or what has a ``plain``.

    Returns:
        Texts, numbers, truth values, None, lists, and dicts whose keys are texts.
    """
    return _finite(answer if isinstance(answer, str) else answer.plain())


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return value
