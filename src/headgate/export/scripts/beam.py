"""Beam search over a decoder: the best few beginnings of an answer at every step.

A beginning that takes the end mark is set aside and leaves its place to others. The search ends
when none that goes on can come to a better score than what was set aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from texts import BOS, EOS

LEAST_COVERAGE = 1e-30  # of a place that nothing looked at: its logarithm is finite


@dataclass(frozen=True)
class Found:
    """An answer: its ids, the sum of their log-probabilities, its score, and whether it ended."""

    tokens: tuple
    log_probability: float
    score: float
    finished: bool


class Decoder:
    """The decoder of a model, one step for several beginnings of an answer.

    Args:
        graphs: the model.
    """

    def __init__(self, graphs):
        self.graphs, self.states = graphs, graphs.facts["search"]["states"]

    def start(self, **source):
        """Read a source, a batch of one; give the memory of it."""
        return self.graphs("encoder", **source)

    def step(self, tokens, memory):
        """Take a token each, [K]; give log-probabilities [K, V], attention [K, S], the memory."""
        found = self.graphs("decoder", tokens=np.array(tokens, np.int64), **memory)
        after = {name: found.get(f"{name}_next", value) for name, value in memory.items()}
        return found["log_probabilities"], found.get("attention"), after

    def select(self, memory, rows):
        """Keep, repeat or reorder the rows of a memory."""
        return {
            name: value.take(rows, 1 if name in self.states else 0)
            for name, value in memory.items()
        }

    def looked_at(self, memory, tokens):
        """Give the place of the source that each token of an answer looked at most."""
        places = []
        for token in (BOS, *tokens[:-1]):
            _, attention, memory = self.step([token], memory)
            places.append(int(attention[0].argmax()))
        return places[: len(tokens)]


def search(decoder, memory, facts):
    """Find the answer of the highest score.

    Args:
        decoder: the decoder.
        memory: of one source.
        facts: width, limits and penalties, as model.json has them.

    Returns:
        What was found.
    """
    best = Best(facts)
    tokens, totals, coverage = [(BOS,)], np.zeros(1), np.zeros(1)
    looked = np.zeros((1, 1), np.float32)
    for step in range(facts["max_length"]):
        expected, attention, memory = decoder.step([each[-1] for each in tokens], memory)
        expected = possible(expected, step, facts)
        for row in np.flatnonzero(expected.max(1) == -np.inf):  # no token may follow
            best.add(tokens[row], totals[row], coverage[row], finished=False)
        parents, chosen, totals = continued(totals, expected, facts["beam_width"])
        tokens = [
            (*tokens[row], token) for row, token in zip(parents, chosen.tolist(), strict=True)
        ]
        looked = (looked if attention is None else looked + attention)[parents]
        coverage = best.covered(looked)
        for row in np.flatnonzero(chosen == EOS):
            best.add(tokens[row], totals[row], coverage[row], finished=True)
        going = np.flatnonzero(chosen != EOS)
        tokens, totals = [tokens[row] for row in going], totals[going]
        looked, coverage = looked[going], coverage[going]
        if not tokens or not best.may_grow(totals[0], step + 1):
            break
        memory = decoder.select(memory, parents[going])
    else:
        for row in zip(tokens, totals, coverage, strict=True):
            best.add(*row, finished=False)
    return best.found


class Best:
    """The best answer so far; one that came to its end stands before all that did not."""

    def __init__(self, facts):
        self.facts, self.found = facts, None

    def add(self, tokens, total, coverage, *, finished):
        """Look at an answer, with its start mark and, where it ended, its end mark."""
        score = float(total) / self.norm(len(tokens) - 1) + float(coverage)
        old, kept = self.found, tokens[1:-1] if finished else tokens[1:]
        if old is None or (finished, score) > (old.finished, old.score):
            self.found = Found(kept, float(total), score, finished)

    def norm(self, length):
        """Give what the log-probability of an answer of so many tokens is divided by."""
        return ((5 + length) / 6) ** self.facts["length_penalty"]

    def covered(self, looked):
        """Give what answers lose that have not looked at all of their source, [K, S] to [K]."""
        shares = looked.astype(np.float64).clip(LEAST_COVERAGE, 1.0)
        return self.facts["coverage_penalty"] * np.log(shares).sum(1)

    def may_grow(self, total, length):
        """Tell whether a beginning may still come to a better score than the best that ended."""
        if self.found is None or not self.found.finished:
            return True
        ends = (length + 1, self.facts["max_length"])
        return max(total / self.norm(end) for end in ends) > self.found.score


def possible(expected, step, facts):
    """Leave out what may not come: marks, and the end before the least length."""
    expected = np.minimum(expected.astype(np.float64), 0.0)
    expected[:, facts["barred"]] = -np.inf
    if step < facts["min_length"]:
        expected[:, EOS] = -np.inf
    return expected


def continued(totals, expected, width):
    """Keep the best continuations: their parents, their tokens and their log-probabilities."""
    grown = (totals[:, None] + expected).ravel()
    order = np.argsort(-grown, kind="stable")[:width]
    order = order[grown[order] > -np.inf]
    return order // expected.shape[1], order % expected.shape[1], grown[order]
