"""Sampling: the next token drawn by chance, from the likely ones.

The order is the usual one: what came before is made less likely (Keskar et al. 2019), the
temperature sharpens or flattens, top-k keeps the k likeliest (Fan et al. 2018), top-p the
likeliest that together hold a share p (Holtzman et al. 2020).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import HeadgateError, ShapeError

_SEEDS = 2**63  # torch holds so many, above zero and below


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    Args:
        temperature: what the logits are divided by; 0 takes the likeliest token, of equals the
            one of the lowest id.
        top_k: how many of the likeliest tokens may come; all where None.
        top_p: the share of the probability that the likeliest tokens which may come have to
            hold together; all tokens may where None.
        repetition_penalty: θ of CTRL: the logit of a token that came before is divided by it
            where it is positive, else multiplied; 1 changes nothing.
        seed: of the draws; the same one gives the same tokens. By chance where None.

    Raises:
        HeadgateError: a number is out of its range.

    Example:
        >>> Sampling(top_k=2).probabilities(torch.tensor([[0.0, 0.0, -9.0]])).tolist()
        [[0.5, 0.5, 0.0]]
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise HeadgateError(f"temperature is a number of 0 or more, not {self.temperature}")
        if self.top_k is not None and not (_is_whole(self.top_k) and self.top_k >= 1):
            raise HeadgateError(f"top_k is a whole number of 1 or more, not {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise HeadgateError(f"top_p is a share above 0 and up to 1, not {self.top_p}")
        if not 0 < self.repetition_penalty < math.inf:
            raise HeadgateError(
                f"repetition_penalty is a number above 0, not {self.repetition_penalty}"
            )
        if self.seed is not None and not (_is_whole(self.seed) and -_SEEDS <= self.seed < _SEEDS):
            raise HeadgateError(f"seed is a whole number of 64 bits, not {self.seed}")

    def generator(self, row: int = 0) -> torch.Generator:
        """Give the chance of a row; torch's own stays as it is.

        Args:
            row: the row's number; row 0 alone draws as in a batch.

        Returns:
            A generator, seeded with ``seed`` + ``row``.
        """
        generator = torch.Generator()
        if self.seed is None:
            generator.seed()
        else:
            generator.manual_seed((self.seed + row + _SEEDS) % (2 * _SEEDS) - _SEEDS)
        return generator

    def probabilities(
        self,
        logits: Float[Tensor, "K V"],
        seen: Sequence[Sequence[int]] | None = None,
    ) -> Float[Tensor, "K V"]:
        """Give the distribution that the next token is drawn from.

        Args:
            logits: of the next token, or its log-probabilities, [K, V]; minus infinity for what
                must not come.
            seen: the tokens that came before, for each row; none where None.

        Returns:
            Probabilities in float64; each row sums to 1, [K, V].

        Raises:
            ShapeError: there is not one list of tokens a row.
            HeadgateError: a logit is NaN or plus infinity, or nothing may come; it names the row.
        """
        _check(logits, seen)
        scores = logits.detach().double()
        if seen is not None and self.repetition_penalty != 1:
            scores = _penalized(scores, seen, self.repetition_penalty)
        if self.temperature == 0:
            best = torch.zeros_like(scores)
            return best.scatter_(1, _first_best(scores)[:, None], 1.0)
        scores = scores - scores.max(1, keepdim=True).values  # a small temperature may overflow
        shares = (scores / self.temperature).softmax(1)
        if self.top_k is None and self.top_p is None:
            return shares
        return self._cut(shares)

    def _cut(self, shares: Tensor) -> Tensor:
        """Keep the likeliest tokens, of equals those of the lowest ids, and scale to 1."""
        ordered, order = shares.sort(dim=1, descending=True, stable=True)
        if self.top_k is not None:
            ordered[:, self.top_k :] = 0.0
            ordered = ordered / ordered.sum(1, keepdim=True)
        if self.top_p is not None:
            before = ordered.cumsum(1) - ordered
            before[:, 0] = -1.0  # the likeliest always may
            ordered[before >= self.top_p] = 0.0
            ordered = ordered / ordered.sum(1, keepdim=True)
        return torch.zeros_like(shares).scatter_(1, order, ordered)


def draw(
    probabilities: Float[Tensor, "K V"], generators: Sequence[torch.Generator]
) -> Int[Tensor, "K"]:
    """Draw one token a row, each row by a chance of its own.

    Args:
        probabilities: as ``Sampling.probabilities`` gives, [K, V].
        generators: one a row; each gives one number.

    Returns:
        The tokens, [K]; none has probability 0.

    Raises:
        ShapeError: there is not one generator a row.
    """
    if len(generators) != len(probabilities):
        raise ShapeError(
            f"one generator a row is wanted: {len(generators)} for {len(probabilities)} rows came"
        )
    numbers = [torch.rand(1, dtype=torch.float64, generator=each) for each in generators]
    sums = probabilities.double().cumsum(1)
    # below the whole, also where rounding leaves the whole below 1
    places = torch.cat(numbers)[:, None].to(sums.device) * sums[:, -1:]
    return torch.searchsorted(sums, places, right=True)[:, 0]


def _penalized(scores: Tensor, seen: Sequence[Sequence[int]], penalty: float) -> Tensor:
    scores = scores.clone()
    for row, tokens in enumerate(seen):
        places = torch.tensor(sorted(set(tokens)), dtype=torch.int64, device=scores.device)
        found = scores[row, places]
        scores[row, places] = torch.where(found > 0, found / penalty, found * penalty)
    return scores.clamp(max=torch.finfo(scores.dtype).max)  # a penalty next to 0 overflows


def _first_best(scores: Tensor) -> Tensor:
    """Find the best token of each row, of equals the one of the lowest id."""
    best = scores == scores.max(1, keepdim=True).values
    return best.to(torch.uint8).argmax(1)


def _check(logits: Tensor, seen: Sequence[Sequence[int]] | None) -> None:
    if seen is not None and len(seen) != len(logits):
        raise ShapeError(
            f"one list of tokens a row is wanted: {len(seen)} for {len(logits)} rows came"
        )
    wrong = torch.nonzero(logits.isnan() | (logits == math.inf))
    if len(wrong):
        row, token = (int(at) for at in wrong[0])
        raise HeadgateError(
            f"row {row}: the logit of token {token} is {logits[row, token].item()}; finite "
            "numbers are wanted, or minus infinity for what must not come"
        )
    empty = torch.nonzero((logits == -math.inf).all(1))
    if len(empty):
        raise HeadgateError(f"row {int(empty[0])}: every logit is minus infinity: nothing may come")


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)
