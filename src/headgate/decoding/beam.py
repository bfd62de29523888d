"""Beam search: the best few beginnings at every step.

At each step a row keeps the ``width`` best continuations of its live hypotheses. Those that take
the end mark are set aside; the others live on, and may again grow to ``width`` of them. So a
finished hypothesis takes no place from the live ones at later steps, and a width of 1 is greedy
search.

A row stops when no live hypothesis can do better than what it has found, and never earlier. A
log-probability only falls, so a live hypothesis of log-probability l that may grow to n tokens
ends with a score of at most l / lp(n), for the n from its length to the limit that makes this
largest. A coverage penalty changes nothing of that: each of its terms is β ≥ 0 times the logarithm
of at most 1, so that it only lowers a score. It ranks what has ended; the live ones of a row, all
of one length, are kept by their log-probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import HeadgateError

from .protocol import (
    Decoder,
    Hypothesis,
    Penalties,
    Rows,
    State,
    check_log_probabilities,
    coverage_penalty,
    length_norm,
    likeliest,
)


@torch.no_grad()
def beam(
    decoder: Decoder[State],
    state: State,
    rows: Rows,
    *,
    width: int = 5,
    n_best: int = 1,
    penalties: Penalties = Penalties(),  # noqa: B008 - frozen
) -> list[list[Hypothesis]]:
    """Search for the hypotheses of the highest score, each row for itself.

    A row that has ended leaves the batch, so it costs nothing more.

    Args:
        decoder: the decoder to search.
        state: its state before the first step, one row for each of ``rows``.
        rows: the rows to decode, with their marks and limits.
        width: how many continuations a row keeps at each step; 1 is greedy search.
        n_best: how many hypotheses to give for a row, ``width`` at most.
        penalties: what the score takes into account besides the log-probability.

    Returns:
        For each row up to ``n_best`` hypotheses: the finished ones by falling score, then, if
        they are too few, those that never finished.

    Raises:
        HeadgateError: if ``width`` or ``n_best`` does not fit, or a coverage penalty is asked of
            a decoder without attention.
    """
    if not 1 <= n_best <= width:
        raise HeadgateError(
            f"1 <= n_best <= width is wanted, got n_best {n_best} and width {width}"
        )
    limits = rows.limits()
    found = _Found(limits, n_best=n_best, length_penalty=penalties.length)
    live = _Live.start(rows)
    going = found.going(live, step=-1)
    while going.numel():
        state, live = decoder.select(state, live.parents[going]), live[going]
        step = live.tokens.shape[1] - 1
        log_probabilities, state = decoder.step(live.tokens[:, -1], state)
        check_log_probabilities(log_probabilities, rows=live.rows.tolist(), step=step, eos=rows.eos)
        possible = rows.possible(log_probabilities, step)
        values, tokens = likeliest(possible, count=width)
        found.add(live[values[:, 0] == -math.inf], finished=False)  # no token is possible
        grown = _extend(live, values, tokens, width=width)
        if penalties.coverage:
            looked = coverage_penalty(decoder, state, penalties.coverage)
            grown = replace(grown, coverage=looked[grown.parents])
        ended = grown.tokens[:, -1] == rows.eos
        found.add(grown[ended], finished=True)
        live = grown[~ended]
        going = found.going(live, step=step)
    return found.best()


@dataclass(frozen=True)
class _Live:
    """Hypotheses of several rows: by row, then best first."""

    rows: Int[Tensor, "K"]
    parents: Int[Tensor, "K"]  # the row of the decoder's state that each grew from
    totals: Float[Tensor, "K"]
    coverage: Float[Tensor, "K"]  # the penalty, 0 where there is none
    tokens: Int[Tensor, "K T"]  # from the start mark on

    def __getitem__(self, index: Tensor) -> _Live:
        return _Live(*(each[index] for each in vars(self).values()))

    @staticmethod
    def start(rows: Rows) -> _Live:
        every = torch.arange(rows.count, device=rows.device)
        totals = torch.zeros_like(every, dtype=torch.float64)
        return _Live(every, every, totals, totals, torch.full_like(every, rows.bos)[:, None])


def _extend(live: _Live, values: Tensor, tokens: Tensor, *, width: int) -> _Live:
    """Keep the best continuations of each row, from the best tokens [K, J] of each hypothesis."""
    hypotheses, choices = values.shape
    _, line, counts = live.rows.unique_consecutive(return_inverse=True, return_counts=True)
    every = torch.arange(hypotheses, device=values.device)
    slot = every - (counts.cumsum(0) - counts)[line]
    # The grid is as wide for one row as for many, so that a tie falls alike in any batch.
    grid = values.new_full((len(counts), width, choices), -math.inf)
    grid[line, slot] = live.totals[:, None] + values
    owners = every.new_zeros((len(counts), width))
    owners[line, slot] = every
    totals, places = grid.flatten(1).topk(width, dim=1)
    possible = totals > -math.inf
    parents = owners.gather(1, places // choices)[possible]
    chosen = tokens[parents, (places % choices)[possible]]
    grown = torch.cat([live.tokens[parents], chosen[:, None]], dim=1)
    return _Live(live.rows[parents], parents, totals[possible], live.coverage[parents], grown)


class _Found:
    """What each row has found, and whether a better one is still possible."""

    def __init__(self, limits: list[int], *, n_best: int, length_penalty: float) -> None:
        self.limits = limits
        self.n_best = n_best
        self.length_penalty = length_penalty
        self.finished: list[list[Hypothesis]] = [[] for _ in limits]
        self.unfinished: list[list[Hypothesis]] = [[] for _ in limits]

    def add(self, ended: _Live, *, finished: bool) -> None:
        """Set hypotheses aside; of each row the best are kept."""
        lists = self.finished if finished else self.unfinished
        norm = length_norm(ended.tokens.shape[1] - 1, self.length_penalty)
        columns = (ended.rows, ended.totals, ended.coverage, ended.tokens)
        for row, total, coverage, tokens in zip(*(each.tolist() for each in columns), strict=True):
            kept = tuple(tokens[1:-1] if finished else tokens[1:])
            lists[row].append(Hypothesis(kept, total, total / norm + coverage, finished))
            lists[row].sort(key=_falling_score)
            del lists[row][self.n_best :]

    def going(self, live: _Live, *, step: int) -> Int[Tensor, "J"]:
        """Set aside what the length limit cuts off, and give the hypotheses that go on."""
        rows = live.rows.tolist()
        cut = [k for k, row in enumerate(rows) if self.limits[row] <= step + 1]
        self.add(live[live.rows.new_tensor(cut)], finished=False)
        best = dict(zip(reversed(rows), reversed(live.totals.tolist()), strict=True))
        open_rows = {row for row in best if self._open(row, best[row], step + 1)}
        return live.rows.new_tensor([k for k, row in enumerate(rows) if row in open_rows])

    def _open(self, row: int, total: float, length: int) -> bool:
        """Whether a hypothesis of this log-probability and length may still be among the best."""
        if length >= self.limits[row]:
            return False
        if len(self.finished[row]) < self.n_best:
            return True
        ends = (length + 1, self.limits[row])
        bound = max(total / length_norm(end, self.length_penalty) for end in ends)
        return bound > self.finished[row][-1].score

    def best(self) -> list[list[Hypothesis]]:
        return [
            (done + cut)[: self.n_best]
            for done, cut in zip(self.finished, self.unfinished, strict=True)
        ]


def _falling_score(hypothesis: Hypothesis) -> float:
    return -hypothesis.score
