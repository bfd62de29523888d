"""The scores of attention: how well a decoder's state d fits each encoder state e.

A score is a function of the projected queries, [B, L, N], and keys, [B, S, N]; the
projections are parameters of the layer, named in ``SCORES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Queries = Float[Tensor, "B L N"]
Keys = Float[Tensor, "B S N"]
Scores = Float[Tensor, "B L S"]


def dot(d: Queries, e: Keys) -> Scores:
    """Score dᵀe.

    Args:
        d: decoder states, [B, L, N].
        e: encoder states, [B, S, N].

    Returns:
        The scores, [B, L, S].
    """
    return d @ e.transpose(1, 2)


def scaled(d: Queries, e: Keys) -> Scores:
    """Score dᵀe / √N.

    Args:
        d: decoder states, [B, L, N].
        e: encoder states, [B, S, N].

    Returns:
        The scores, [B, L, S].
    """
    return dot(d, e) / d.shape[-1] ** 0.5


def additive(d: Queries, e: Keys, v: Float[Tensor, "N"]) -> Scores:
    """Score vᵀ tanh(W_d d + W_e e), with both projections already made.

    Args:
        d: W_d d, [B, L, N].
        e: W_e e, [B, S, N].
        v: the vector that weighs the units, [N].

    Returns:
        The scores, [B, L, S].
    """
    return torch.tanh(d[:, :, None] + e[:, None]) @ v


def location(d: Float[Tensor, "B L S_max"], e: Keys) -> Scores:
    """Score W_d d, one number for each place of the source, whatever stands there.

    Args:
        d: W_d d, [B, L, S_max]: the matrix fixes the greatest source length S_max.
        e: encoder states, [B, S, N], of which only the length S matters.

    Returns:
        The scores, [B, L, S].
    """
    return d[..., : e.shape[1]]


@dataclass(frozen=True)
class Score:
    """A score, and what it is computed from.

    Args:
        function: from d, e, and v where there is one, to scores.
        formula: the score as its paper writes it.
        source: the paper.
        query: the query passes a matrix W_d.
        key: the key passes a matrix W_e.
        vector: a vector v weighs the units.
    """

    function: Callable[..., Scores]
    formula: str
    source: str
    query: bool = False
    key: bool = False
    vector: bool = False


_LUONG = "Luong, Pham & Manning 2015"
_BAHDANAU = "Bahdanau, Cho & Bengio 2015"

SCORES: dict[str, Score] = {
    "additive": Score(
        additive, "vᵀ tanh(W_d d + W_e e)", _BAHDANAU, query=True, key=True, vector=True
    ),
    "dot": Score(dot, "dᵀ e", _LUONG),
    "general": Score(dot, "dᵀ W_e e", _LUONG, key=True),
    "location": Score(location, "W_d d", _LUONG, query=True),
    "scaled": Score(scaled, "dᵀ e / √N", "Vaswani et al. 2017"),
}
