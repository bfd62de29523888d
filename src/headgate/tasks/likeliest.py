"""The likeliest tokens of an expectation, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

LIKELIEST = 5


def likeliest_tokens(
    log_probabilities: Tensor, name: Callable[[int], str], count: int = LIKELIEST
) -> list[dict[str, Any]]:
    """Give the likeliest tokens.

    Args:
        log_probabilities: of every token of the vocabulary, in nats, [V].
        name: from an id to the token as a reader knows it.
        count: how many.

    Returns:
        The "id", the "token" and the "log_probability" of each, the likeliest first.
    """
    values, ids = log_probabilities.topk(min(count, len(log_probabilities)))
    return [
        {"id": index, "token": name(index), "log_probability": value}
        for index, value in zip(ids.tolist(), values.tolist(), strict=True)
    ]
