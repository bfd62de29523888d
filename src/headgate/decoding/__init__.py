"""Searches for a good output sequence, over a protocol that any decoder can keep."""

from __future__ import annotations

from .beam import beam
from .greedy import greedy
from .protocol import Decoder, Hypothesis, Rows, length_norm

__all__ = ["Decoder", "Hypothesis", "Rows", "beam", "greedy", "length_norm"]
