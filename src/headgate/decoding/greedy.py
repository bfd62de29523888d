"""Greedy search: the likeliest token at every step."""

from __future__ import annotations

from torch import Tensor

from .path import follow
from .protocol import Decoder, Hypothesis, Rows, State, likeliest


def greedy(
    decoder: Decoder[State],
    state: State,
    rows: Rows,
    *,
    length_penalty: float = 1.0,
) -> list[Hypothesis]:
    """Follow the likeliest token until the end mark, each row for itself.

    A row that has ended leaves the batch, so it costs nothing more.

    Args:
        decoder: the decoder to follow.
        state: its state before the first step, one row for each of ``rows``.
        rows: the rows to decode, with their marks and limits.
        length_penalty: α of ``length_norm``; it changes the score, never the tokens.

    Returns:
        One hypothesis a row, in the order of the rows.
    """
    return follow(decoder, state, rows, _likeliest, length_penalty=length_penalty)


def _likeliest(
    log_probabilities: Tensor, rows: list[int], seen: list[list[int]]
) -> tuple[Tensor, Tensor]:
    values, tokens = likeliest(log_probabilities, count=1)
    return values[:, 0], tokens[:, 0]
