"""Frames to a labelling, by connectionist temporal classification.

A path has a symbol a frame, a label or the blank; it stands for the labelling that is left when
repeats are made one and then blanks are taken out. The probability of a labelling is the sum over
its paths, of which ``best_path`` finds the likeliest one and ``prefix_search`` the sum.

Sources: Graves et al., "Connectionist temporal classification", 2006; Hannun et al., "First-pass
large vocabulary continuous speech recognition using bi-directional recurrent DNNs", 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor

from headgate.errors import HeadgateError, ShapeError

_NEVER = -math.inf


@dataclass(frozen=True)
class Labelling:
    """A labelling of frames.

    Args:
        labels: what is said, without blanks.
        log_probability: in nats, of the paths that were looked at.
    """

    labels: tuple[int, ...]
    log_probability: float


def collapse(path: Sequence[int], blank: int) -> tuple[int, ...]:
    """Give the labelling of a path.

    Args:
        path: a symbol a frame.
        blank: the symbol that says nothing.

    Returns:
        Its labels.

    Example:
        >>> collapse([1, 1, 0, 1, 2, 2, 0], 0)
        (1, 1, 2)
    """
    before = [blank, *path]
    return tuple(
        each for each, last in zip(path, before, strict=False) if each not in (blank, last)
    )


def frames_needed(labels: Sequence[int]) -> int:
    """Count the frames that a labelling needs at least: equal neighbours have a blank between them.

    Args:
        labels: the labelling.

    Returns:
        The number of frames.

    Example:
        >>> frames_needed([1, 2, 2])
        4
    """
    return len(labels) + sum(a == b for a, b in pairwise(labels))


def best_path(log_probabilities: Float[Tensor, "T V"], *, blank: int) -> Labelling:
    """Give the labelling of the likeliest path: each frame's likeliest symbol.

    Args:
        log_probabilities: of each symbol at each frame, [T, V].
        blank: the symbol that says nothing.

    Returns:
        The labelling, with the log-probability of that path.
    """
    _check(log_probabilities, blank)
    values, path = log_probabilities.max(1)
    return Labelling(collapse(path.tolist(), blank), float(values.sum()))


def prefix_search(
    log_probabilities: Float[Tensor, "T V"], *, blank: int, width: int, n_best: int = 1
) -> list[Labelling]:
    """Search for the likeliest labellings: a beam of prefixes, each with all of its paths.

    A prefix has two probabilities: of its paths that end with a blank, and of those that end with
    its last label, which a further such label would only lengthen.

    Args:
        log_probabilities: of each symbol at each frame, [T, V].
        blank: the symbol that says nothing.
        width: prefixes that are kept after a frame.
        n_best: labellings that are wanted.

    Returns:
        The labellings, the likeliest first; fewer where there are not so many. A prefix that once
        fell out of the beam lacks the paths that it had then.

    Raises:
        HeadgateError: the width is less than what is wanted, or than 1.
        ShapeError: the symbols have no blank.
    """
    _check(log_probabilities, blank)
    if not 1 <= n_best <= width:
        raise HeadgateError(f"n_best is from 1 to the width of the beam: {n_best} of {width} came")
    beam: _Beam = {(): (0.0, _NEVER)}
    # of more extensions of one prefix no more than the width stay, and one may repeat its label
    likeliest = log_probabilities.topk(min(width + 2, log_probabilities.shape[1]), dim=1)[1]
    frames = zip(log_probabilities.double().tolist(), likeliest.tolist(), strict=True)
    for frame, labels in frames:
        grown = _grown(beam, frame, [label for label in labels if label != blank], blank)
        ranked = sorted(grown, key=lambda prefix: (-_sum(*grown[prefix]), prefix))
        beam = {prefix: grown[prefix] for prefix in ranked[:width]}
    return [Labelling(prefix, _sum(*beam[prefix])) for prefix in list(beam)[:n_best]]


_Beam = dict[tuple[int, ...], tuple[float, float]]  # ended by a blank, by the last label


def _grown(beam: _Beam, frame: list[float], likeliest: list[int], blank: int) -> _Beam:
    """Give each prefix that a frame leads to, with both of its log-probabilities."""
    ended = {prefix: _sum(*both) for prefix, both in beam.items()}
    known: dict[tuple[int, ...], list[int]] = {}  # labels that lead from one to another of the beam
    for prefix in beam:
        known.setdefault(prefix[:-1], []).extend(prefix[-1:])
    found: _Beam = {}
    for prefix, (_, by_label) in beam.items():
        stays = by_label + frame[prefix[-1]] if prefix else _NEVER
        found[prefix] = (ended[prefix] + frame[blank], stays)
    for prefix, (by_blank, _) in beam.items():
        last = prefix[-1] if prefix else blank
        for label in dict.fromkeys([*likeliest, *known.get(prefix, [])]):
            longer = (*prefix, label)
            comes = frame[label] + (by_blank if label == last else ended[prefix])
            before = found.get(longer, (_NEVER, _NEVER))
            found[longer] = (before[0], _sum(before[1], comes))
    return {prefix: both for prefix, both in found.items() if max(both) > _NEVER}


def _sum(one: float, other: float) -> float:
    """Give the logarithm of a sum of two probabilities, from their logarithms."""
    high, low = (one, other) if one > other else (other, one)
    return high if low == _NEVER else high + math.log1p(math.exp(low - high))


def _check(log_probabilities: Tensor, blank: int) -> None:
    symbols = log_probabilities.shape[1]
    if not 0 <= blank < symbols:
        raise ShapeError(f"the blank is one of {symbols} symbols, got {blank}")
