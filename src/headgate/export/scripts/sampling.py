"""How the next token is drawn, from the likely ones."""

from __future__ import annotations

import numpy as np


class Sampling:
    """A way to choose, and its chance.

    Args:
        temperature: what the logits are divided by; 0 takes the likeliest.
        top_k: how many of the likeliest may come; all where None.
        top_p: the share that those which may come have to hold together; all may where None.
        repetition_penalty: what the logit of a token that came before is divided by where it is
            above zero, else multiplied by.
        seed: the same gives the same tokens; by chance where None.
    """

    def __init__(self, temperature=1.0, top_k=None, top_p=None, repetition_penalty=1.0, seed=None):
        if not 0 <= temperature < np.inf or not 0 < repetition_penalty < np.inf:
            raise ValueError("a temperature is 0 or more, and a repetition penalty above 0")
        if (top_k is not None and top_k < 1) or (top_p is not None and not 0 < top_p <= 1):
            raise ValueError("top_k is 1 or more, and top_p above 0 and up to 1")
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.penalty, self.chance = repetition_penalty, np.random.default_rng(seed)

    def probabilities(self, logits, seen=()):
        """Give the distribution of the next token of a row, [V], after those that were seen."""
        scores = np.array(logits, np.float64)
        if len(seen) and self.penalty != 1:
            came = np.unique(np.array(seen, np.int64))
            found = scores[came]
            scores[came] = np.where(found > 0, found / self.penalty, found * self.penalty)
        if self.temperature == 0:
            return (np.arange(len(scores)) == scores.argmax()).astype(np.float64)
        shares = np.exp((scores - scores.max()) / self.temperature)
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")
        kept = shares[order]
        if self.top_k is not None:
            kept[self.top_k :] = 0
            kept /= kept.sum()
        if self.top_p is not None:
            before = np.cumsum(kept) - kept
            before[0] = -1  # the likeliest always may
            kept[before >= self.top_p] = 0
            kept /= kept.sum()
        shares[order] = kept
        return shares

    def draw(self, logits, seen=()):
        """Draw the next token of a row."""
        sums = np.cumsum(self.probabilities(logits, seen))
        return int(np.searchsorted(sums, self.chance.random() * sums[-1], side="right"))
