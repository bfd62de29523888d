"""Greedy search: the likeliest token at every step."""

from __future__ import annotations

import math

import torch

from .protocol import (
    Decoder,
    Hypothesis,
    Rows,
    State,
    check_log_probabilities,
    length_norm,
    likeliest,
)


@torch.no_grad()
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
    limits = rows.limits()
    paths = [_Path() for _ in range(rows.count)]
    alive = list(range(rows.count))
    last = torch.full((rows.count,), rows.bos, device=rows.device)
    for step in range(max(limits, default=0)):
        kept = [k for k, row in enumerate(alive) if paths[row].open and step < limits[row]]
        if not kept:
            break
        if len(kept) < len(alive):
            places = last.new_tensor(kept)
            state, last = decoder.select(state, places), last[places]
            alive = [alive[place] for place in kept]
        log_probabilities, state = decoder.step(last, state)
        check_log_probabilities(log_probabilities, rows=alive, step=step, eos=rows.eos)
        values, tokens = likeliest(log_probabilities, count=1)
        last = tokens[:, 0]
        for row, value, token in zip(alive, values[:, 0].tolist(), last.tolist(), strict=True):
            paths[row].add(token, value, eos=rows.eos)
    return [path.hypothesis(length_penalty) for path in paths]


class _Path:
    """The tokens of one row so far."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.total = 0.0
        self.finished = False
        self.open = True

    def add(self, token: int, log_probability: float, *, eos: int) -> None:
        if log_probability == -math.inf:  # no token is possible
            self.open = False
            return
        self.total += log_probability
        if token == eos:
            self.finished, self.open = True, False
        else:
            self.tokens.append(token)

    def hypothesis(self, length_penalty: float) -> Hypothesis:
        score = self.total / length_norm(len(self.tokens) + self.finished, length_penalty)
        return Hypothesis(tuple(self.tokens), self.total, score, self.finished)
