"""Searches for a good output sequence, over a protocol that any decoder can keep."""

from __future__ import annotations

from .ancestral import sample
from .beam import beam
from .greedy import greedy
from .protocol import Attentive, Decoder, Hypothesis, Penalties, Rows, length_norm
from .sampling import Sampling, draw

__all__ = [
    "Attentive",
    "Decoder",
    "Hypothesis",
    "Penalties",
    "Rows",
    "Sampling",
    "beam",
    "draw",
    "greedy",
    "length_norm",
    "sample",
]
