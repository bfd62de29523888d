"""Frames to a labelling, by connectionist temporal classification.

A path has a symbol a frame, a label or the blank; its labelling is what is left when repeats are
made one and then blanks are taken out.
"""

from __future__ import annotations

import math

import numpy as np

NEVER = -math.inf


def best_path(expected, blank):
    """Give the labelling of the likeliest path, and that path's log-probability.

    Args:
        expected: log-probabilities [T, V].
        blank: the symbol that says nothing.
    """
    path = expected.argmax(1).tolist()
    pairs = zip(path, [blank, *path[:-1]], strict=True)
    labels = tuple(label for label, last in pairs if label not in (blank, last))
    return labels, float(expected.max(1).sum())


def prefix_search(expected, blank, width):
    """Search for the likeliest labelling over all of its paths.

    A prefix has two log-probabilities: of its paths that end with a blank, and of those that end
    with its last label.

    Args:
        expected: log-probabilities [T, V].
        blank: the symbol that says nothing.
        width: prefixes that are kept after a frame.

    Returns:
        The labelling and its log-probability.
    """
    beam = {(): (0.0, NEVER)}
    # of more extensions of one prefix no more than the width stay, and one may repeat its label
    likeliest = np.argsort(-expected, axis=1, kind="stable")[:, : width + 2]
    for frame, labels in zip(expected.tolist(), likeliest.tolist(), strict=True):
        grown = _grown(beam, frame, [label for label in labels if label != blank], blank)
        ranked = sorted(grown, key=lambda prefix: (-_sum(*grown[prefix]), prefix))
        beam = {prefix: grown[prefix] for prefix in ranked[:width]}
    best = next(iter(beam))
    return best, _sum(*beam[best])


def _grown(beam, frame, likeliest, blank):
    """Give each prefix that a frame leads to, with both of its log-probabilities."""
    ended = {prefix: _sum(*both) for prefix, both in beam.items()}
    known = {}  # labels that lead from one prefix of the beam to another
    found = {}
    for prefix, (_, by_label) in beam.items():
        known.setdefault(prefix[:-1], []).extend(prefix[-1:])
        stays = by_label + frame[prefix[-1]] if prefix else NEVER
        found[prefix] = (ended[prefix] + frame[blank], stays)
    for prefix, (by_blank, _) in beam.items():
        last = prefix[-1] if prefix else blank
        for label in dict.fromkeys([*likeliest, *known.get(prefix, [])]):
            longer = (*prefix, label)
            comes = frame[label] + (by_blank if label == last else ended[prefix])
            before = found.get(longer, (NEVER, NEVER))
            found[longer] = (before[0], _sum(before[1], comes))
    return {prefix: both for prefix, both in found.items() if max(both) > NEVER}


def _sum(one, other):
    """Give the logarithm of a sum of two probabilities, from their logarithms."""
    high, low = max(one, other), min(one, other)
    return high if low == NEVER else high + math.log1p(math.exp(low - high))
