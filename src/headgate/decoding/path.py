"""One path for each row: what greedy search and sampling have in common."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .protocol import (
    Decoder,
    Hypothesis,
    Rows,
    State,
    check_log_probabilities,
    length_norm,
)

# From the log-probabilities of K rows, [K, V], the rows' numbers and their tokens so far, to the
# log-probability and the token of each.
Choice = Callable[[Tensor, list[int], list[list[int]]], tuple[Tensor, Tensor]]


@torch.no_grad()
def follow(
    decoder: Decoder[State], state: State, rows: Rows, choose: Choice, *, length_penalty: float
) -> list[Hypothesis]:
    """Choose a token at every step until the end mark, each row for itself.

    A row that has ended leaves the batch, so it costs nothing more.

    Args:
        decoder: the decoder to follow.
        state: its state before the first step, one row for each of ``rows``.
        rows: the rows to decode, with their marks and limits.
        choose: how a token is chosen; it is asked for no row in which none is possible.
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
        possible = rows.possible(log_probabilities, step)
        last = _advance(possible, [paths[row] for row in alive], alive, choose, eos=rows.eos)
    return [path.hypothesis(length_penalty) for path in paths]


class _Path:
    """The tokens of one row so far."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.total = 0.0
        self.finished = False
        self.open = True

    def add(self, token: int, log_probability: float, *, eos: int) -> None:
        self.total += log_probability
        if token == eos:
            self.finished, self.open = True, False
        else:
            self.tokens.append(token)

    def hypothesis(self, length_penalty: float) -> Hypothesis:
        score = self.total / length_norm(len(self.tokens) + self.finished, length_penalty)
        return Hypothesis(tuple(self.tokens), self.total, score, self.finished)


def _advance(
    possible: Tensor, paths: list[_Path], rows: list[int], choose: Choice, *, eos: int
) -> Tensor:
    """Add a token to each path in which one is possible, and give the last tokens, [K]."""
    last = torch.full((len(paths),), eos, device=possible.device)
    going = (possible > -math.inf).any(1)
    for path, goes in zip(paths, going.tolist(), strict=True):
        path.open = goes
    places = going.nonzero()[:, 0]
    if not len(places):
        return last
    chosen = places.tolist()
    left = possible if len(chosen) == len(paths) else possible[places]
    values, tokens = choose(left, [rows[k] for k in chosen], [paths[k].tokens for k in chosen])
    last[places] = tokens
    for k, value, token in zip(chosen, values.tolist(), tokens.tolist(), strict=True):
        paths[k].add(token, value, eos=eos)
    return last
