"""How well a model expects texts that stand by themselves, a row each."""

from __future__ import annotations

import math

from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation.intervals import bootstrap
from headgate.evaluation.scores import Score


def perplexity(
    nats: Float[Tensor, "B"],
    tokens: Int[Tensor, "B"],
    *,
    baseline: Float[Tensor, "B"] | None = None,
    seed: int = 0,
) -> Score:
    """Give perplexity, exp of the mean nats a token; less is better.

    Args:
        nats: the negative log-likelihood of each row, [B].
        tokens: how many tokens each row has, [B].
        baseline: a baseline's negative log-likelihood of each row, [B].
        seed: the seed of the bootstrap, which is over rows.

    Returns:
        The score with its interval.

    Raises:
        ShapeError: there is not one number of tokens a row.
        DataError: there is no token.

    Example:
        >>> import torch
        >>> round(perplexity(torch.tensor([2.0, 4.0]).log(), torch.tensor([1, 2])).value, 3)
        2.0
    """
    if tokens.shape != nats.shape:
        raise ShapeError(f"{len(nats)} numbers of tokens are wanted, got {len(tokens)}")
    if not len(nats) or not int(tokens.sum()):
        raise DataError("perplexity is a mean over tokens, and none came")
    sums, counts = nats.double(), tokens.double()
    interval = bootstrap(
        lambda weights: ((weights @ sums) / (weights @ counts)).exp(), len(nats), seed=seed
    )
    total = float(counts.sum())
    beside = None if baseline is None else math.exp(float(baseline.double().sum()) / total)
    return Score(math.exp(float(sums.sum()) / total), *interval, beside)
