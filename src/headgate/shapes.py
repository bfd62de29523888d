"""The axes that stand in signatures, as NOTATION.md lists them.

A shape is a jaxtyping string of these words: ``Float[Tensor, "T B M"]``; a test holds that no
signature has another. ``_`` is any size, ``*rows`` any number of axes.
"""

from __future__ import annotations

AXES = {
    "B": "batch: rows that run side by side",
    "C": "counts that a metric is computed from",
    "D": "layers × directions of a stack",
    "E": "features of an embedding, units of an encoder state, entries of a bag",
    "J": "rows that are chosen among K",
    "K": "hypotheses of a beam, rows of a decoder",
    "L": "output: units of an output; steps of a target",
    "M": "input: features of one step",
    "N": "hidden: units of a state",
    "N2": "two states side by side, 2·N",
    "Q": "units of a query",
    "R": "resamples of a bootstrap",
    "S": "source: steps of an encoder's sequence",
    "S_max": "the greatest source length",
    "T": "time: steps of a sequence",
    "V": "vocabulary: classes of a softmax",
}
