"""How well a text is foretold: perplexity, and bits per character.

The tokens of a text depend on each other: a hard passage is hard for many tokens on end. So the
interval resamples blocks of neighbouring tokens, not tokens (Carlstein 1986), and says how far
the score may be off for want of text of this kind; it says nothing of other kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation.intervals import bootstrap
from headgate.evaluation.scores import Score

_BLOCKS = 100  # wanted at least …
_LONGEST = 1000  # … of so many tokens at most: a passage, beyond which little depends


def language_scores(
    nats: Float[Tensor, "T"], characters: Int[Tensor, "T"] | None, *, seed: int = 0
) -> dict[str, Score]:
    """Give the scores that a language model is reported by; less is better.

    Args:
        nats: the negative log-probability of each token, [T].
        characters: the characters that each token stands for, [T]; None where they are unknown.
        seed: of the bootstrap.

    Returns:
        "perplexity", e to the mean nats of a token; and, where the characters are known,
        "bits_per_character". Where a token was thought impossible both are infinite.

    Raises:
        DataError: there are no tokens.
        ShapeError: there is not one count a token.

    Example:
        >>> language_scores(torch.full((8,), 0.6931472), torch.ones(8, dtype=int))["perplexity"]
        Score(value=2.0..., low=2.0..., high=2.0..., baseline=None)
    """
    if not len(nats):
        raise DataError("a score needs at least one token, got none")
    if characters is not None and characters.shape != nats.shape:
        raise ShapeError(
            f"one count a token is wanted: {len(characters)} for {len(nats)} tokens came"
        )
    ones = torch.ones(len(nats), dtype=torch.float64)
    scores = {"perplexity": _score(nats.double(), ones, torch.exp, seed=seed)}
    if characters is not None and int(characters.sum()):
        scores["bits_per_character"] = _score(
            nats.double() / math.log(2), characters.double(), torch.Tensor.clone, seed=seed
        )
    return scores


def unigram_nats(ids: Int[Tensor, "T"], counts: Int[Tensor, "V"]) -> Float[Tensor, "T"]:
    """Foretell each token by how often it occurs, whatever stands before it.

    Args:
        ids: the text.
        counts: how often each token occurs in training; one is added to each, so that nothing is
            impossible (Laplace).

    Returns:
        The negative log-probability of each token in float64, [T].

    Example:
        >>> unigram_nats(torch.tensor([0, 1]), torch.tensor([2, 0])).exp()
        tensor([1.3333, 4.0000], dtype=torch.float64)
    """
    added = counts.double() + 1
    return -(added / added.sum()).log()[ids]


def _score(
    above: Tensor, below: Tensor, function: Callable[[Tensor], Tensor], *, seed: int
) -> Score:
    """Give a function of a ratio of sums over tokens; its interval resamples blocks of them."""
    size = max(1, min(_LONGEST, len(above) // _BLOCKS))
    tops, bottoms = (_sums(each, size) for each in (above, below))

    def metric(weights: Float[Tensor, "R B"]) -> Float[Tensor, "R"]:
        return function((weights @ tops) / (weights @ bottoms))

    value = function(above.sum() / below.sum())
    return Score(float(value), *bootstrap(metric, len(tops), seed=seed))


def _sums(values: Tensor, size: int) -> Tensor:
    """Sum over blocks of neighbours; the last one may be short."""
    return torch.stack([block.sum() for block in values.split(size)])
