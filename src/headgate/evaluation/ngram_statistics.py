"""BLEU and chrF as functions of sums over sentences, for many resamples at once.

Both scores hang on the sentences only through sums of counts. So a resample costs one line of a
matrix product, not a pass over the texts. The counts of BLEU come from sacrebleu; those of chrF,
which it does not give, are taken here.

Sources: Papineni et al., "BLEU", 2002; Popović, "chrF", 2015; Post, "A call for clarity in
reporting BLEU scores", 2018, whose choices these are: BLEU of orders 1 to 4 with exponential
smoothing, chrF of orders 1 to 6 with β = 2, no spaces, and an average over the orders that occur.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

_WORD_ORDERS = 4
_CHARACTER_ORDERS = 6
_BETA = 2


def bleu_of_sums(sums: Float[Tensor, "R C"]) -> Float[Tensor, "R"]:
    """Give BLEU from the sums of sentences' counts.

    Args:
        sums: for each resample the length of the hypotheses, that of the references, the
            matching n-grams of each order and all n-grams of each order, [R, 10].

    Returns:
        The scores, from 0 to 100, [R].
    """
    length, wanted = sums[:, 0], sums[:, 1]
    matches, totals = sums[:, 2 : 2 + _WORD_ORDERS], sums[:, 2 + _WORD_ORDERS :]
    # The first order without a match counts as half a match, the next as a quarter, and so on.
    halvings = ((matches == 0).cumsum(1) * (matches == 0)).to(sums.dtype)
    precisions = torch.where(matches > 0, matches, 0.5**halvings) / totals
    brevity = (1 - wanted / length).clamp(max=0).exp()
    scores = 100 * brevity * precisions.log().mean(1).exp()
    defined = (matches > 0).any(1) & (totals > 0).all(1)
    return torch.where(defined, scores, 0.0)


def chrf_statistics(hypothesis: str, references: Sequence[str]) -> list[int]:
    """Count the character n-grams of a hypothesis, of its best reference, and of both.

    Args:
        hypothesis: a translation.
        references: what it is compared with; the one of the highest chrF is taken.

    Returns:
        For each order the n-grams of the hypothesis, of the reference, and the matching ones.
    """
    ours = _ngrams(hypothesis)
    rows = [_matches(ours, _ngrams(reference)) for reference in references]
    if len(rows) == 1:
        return rows[0]
    return rows[int(chrf_of_sums(torch.tensor(rows, dtype=torch.float64)).argmax())]


def chrf_of_sums(sums: Float[Tensor, "R C"]) -> Float[Tensor, "R"]:
    """Give chrF from the sums of sentences' counts.

    Args:
        sums: what ``chrf_statistics`` counts, summed for each resample, [R, 18].

    Returns:
        The scores, from 0 to 100, [R].
    """
    ours, theirs, matches = sums.unflatten(1, (_CHARACTER_ORDERS, 3)).unbind(2)
    occurs = (ours > 0) & (theirs > 0)
    orders = occurs.sum(1)
    precision = torch.where(occurs, matches / ours, 0.0).sum(1) / orders
    recall = torch.where(occurs, matches / theirs, 0.0).sum(1) / orders
    scores = 100 * (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)
    return scores.nan_to_num(nan=0.0)


def _ngrams(text: str) -> list[Counter[str]]:
    text = "".join(text.split())
    orders = range(1, _CHARACTER_ORDERS + 1)
    return [Counter(text[i : i + n] for i in range(len(text) - n + 1)) for n in orders]


def _matches(ours: list[Counter[str]], theirs: list[Counter[str]]) -> list[int]:
    counts = []
    for mine, other in zip(ours, theirs, strict=True):
        both = sum(min(count, other[ngram]) for ngram, count in mine.items() if ngram in other)
        # An order that the reference is too short for is no fault of the hypothesis.
        counts += [mine.total() if other else 0, other.total(), both]
    return counts
