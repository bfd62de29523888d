"""How well a rare class is found: average precision, and the threshold to find it by."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation.intervals import bootstrap
from headgate.evaluation.scores import Score


class Threshold(NamedTuple):
    """A threshold, and what it reaches: a row is in the class from this probability on."""

    value: float
    precision: float
    recall: float
    f1: float


def average_precision(
    probabilities: Float[Tensor, "B"], targets: Int[Tensor, "B"], *, seed: int = 0
) -> Score:
    """Give the area under the steps of the precision-recall curve.

    AP = Σ (R_k − R_{k−1}) P_k over the thresholds k from the highest to the lowest.

    The baseline is the share of rows in the class, which a ranking by chance reaches. The
    interval is the bootstrap's.

    Args:
        probabilities: the probability of the class for each row, [B].
        targets: 1 where the row is in the class, 0 elsewhere, [B].
        seed: the seed of the bootstrap.

    Returns:
        The score.
    """
    order, last = _ranking(probabilities, targets)
    hits = targets.cpu()[order].double()

    def metric(weights: Tensor) -> Tensor:
        weights = weights[:, order]
        found = (weights * hits).cumsum(1)[:, last]
        taken = weights.cumsum(1)[:, last]
        precision = torch.where(taken > 0, found / taken, 0.0)
        step = found.diff(dim=1, prepend=found.new_zeros(len(found), 1))
        return (step * precision).sum(1) / found[:, -1]  # NaN with nothing to find

    rows = len(targets)
    value = float(metric(torch.ones(1, rows, dtype=torch.float64)))
    return Score(value, *bootstrap(metric, rows, seed=seed), float(hits.mean()))


def best_threshold(probabilities: Float[Tensor, "B"], targets: Int[Tensor, "B"]) -> Threshold:
    """Choose the threshold of the highest F1.

    It is to be chosen on validation rows; on the rows it was chosen on, its F1 is too high.

    Args:
        probabilities: the probability of the class for each row, [B].
        targets: 1 where the row is in the class, 0 elsewhere, [B].

    Returns:
        The threshold, one of the probabilities, and what it reaches on these rows; of several
        that reach the same, the highest.
    """
    order, last = _ranking(probabilities, targets)
    found = targets.cpu()[order].double().cumsum(0)[last]
    taken = (last + 1).double()
    precision, recall = found / taken, found / found[-1]
    f1 = 2 * found / (taken + found[-1])
    best = int(f1.argmax())
    value = probabilities.cpu()[order[last[best]]]
    return Threshold(*(float(each) for each in (value, precision[best], recall[best], f1[best])))


def _ranking(probabilities: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Give the rows by falling probability, and the last place of each distinct one."""
    _check(probabilities, targets)
    ranked, order = probabilities.cpu().sort(descending=True, stable=True)
    ends = torch.ones(len(ranked), dtype=torch.bool)
    ends[:-1] = ranked[1:] != ranked[:-1]
    return order, torch.nonzero(ends)[:, 0]


def _check(probabilities: Tensor, targets: Tensor) -> None:
    if probabilities.shape != targets.shape:
        raise ShapeError(
            f"one probability a target is wanted; got probabilities of shape "
            f"{tuple(probabilities.shape)} and targets of shape {tuple(targets.shape)}"
        )
    bad = torch.nonzero(~((probabilities >= 0) & (probabilities <= 1)))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"a probability from 0 to 1 is wanted, got {float(probabilities[row])}", row=row + 1
        )
    bad = torch.nonzero((targets != 0) & (targets != 1))
    if len(bad):
        row = int(bad[0])
        raise DataError(f"a target of 0 or 1 is wanted, got {int(targets[row])}", row=row + 1)
    if not bool((targets == 1).any()):
        raise DataError(f"none of the {len(targets)} rows is in the class: nothing to be found")
