"""How well classes are told apart: accuracy, F1, and the ranking of a rare class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation.intervals import Interval, bootstrap_counts, wilson
from headgate.evaluation.scores import Score


def confusion_matrix(
    predictions: Int[Tensor, "B"], targets: Int[Tensor, "B"], *, classes: int
) -> Int[Tensor, "V V"]:
    """Count the rows of each target that were given each class.

    Args:
        predictions: the class that each row was given, [B].
        targets: the class that each row has, [B].
        classes: V, the number of classes.

    Returns:
        The counts, [V, V]: a line for each target, a column for each prediction.

    Raises:
        ShapeError: if there is not one prediction for each target.
        DataError: if there are no rows, or one holds what is no class.
    """
    if predictions.shape != targets.shape:
        raise ShapeError(
            f"one prediction a target is wanted; got predictions of shape "
            f"{tuple(predictions.shape)} and targets of shape {tuple(targets.shape)}"
        )
    if len(targets) == 0:
        raise DataError("a score needs at least one row, got none")
    for kind, given in (("target", targets), ("prediction", predictions)):
        bad = torch.nonzero((given < 0) | (given >= classes))
        if len(bad):
            row = int(bad[0])
            raise DataError(
                f"the {kind} must be a class from 0 to {classes - 1}, got {int(given[row])}",
                row=row + 1,
            )
    cells = targets.long() * classes + predictions.long()
    return torch.bincount(cells, minlength=classes**2).view(classes, classes).cpu()


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of one class, and how many rows have it as their target."""

    precision: Score
    recall: Score
    f1: Score
    support: int


def accuracy(confusion: Int[Tensor, "V V"], *, baseline: Int[Tensor, "V V"] | None = None) -> Score:
    """Give the share of rows whose class is right, with Wilson's interval.

    Args:
        confusion: the counts by target and prediction, [V, V].
        baseline: the same counts of a baseline's predictions.

    Returns:
        The score.
    """
    beside = None if baseline is None else _share(baseline.trace(), baseline.sum())
    return _proportion(confusion.trace(), confusion.sum(), beside)


def class_scores(
    confusion: Int[Tensor, "V V"], *, baseline: Int[Tensor, "V V"] | None = None
) -> list[ClassScores]:
    """Give precision, recall and F1 of each class.

    Each is a proportion, or follows from one: F1 = 2J / (1 + J), where J is the share of hits
    among the rows that have the class as target or prediction. So each has Wilson's interval. A
    score with nothing to divide by is 0.

    Args:
        confusion: the counts by target and prediction, [V, V].
        baseline: the same counts of a baseline's predictions.

    Returns:
        The scores of each class, in the order of the classes.
    """
    besides = [None] * len(confusion) if baseline is None else _tallies(baseline)
    return [
        _scores_of_class(tally, beside)
        for tally, beside in zip(_tallies(confusion), besides, strict=True)
    ]


def macro_f1(
    confusion: Int[Tensor, "V V"],
    *,
    baseline: Int[Tensor, "V V"] | None = None,
    seed: int = 0,
) -> Score:
    """Give the mean of the classes' F1, over the classes that occur.

    A class that is neither a target nor a prediction of any row is left out. The interval is the
    bootstrap's. If that has no width, as when every row is right, it is the mean of the classes'
    own intervals, which is rather too wide than too narrow.

    Args:
        confusion: the counts by target and prediction, [V, V].
        baseline: the same counts of a baseline's predictions.
        seed: the seed of the bootstrap.

    Returns:
        The score.
    """
    cells, metric = _macro_f1(confusion)
    interval = bootstrap_counts(metric, cells, seed=seed)
    if interval.low == interval.high:
        present = (confusion.sum(0) + confusion.sum(1) > 0).tolist()
        own = [each.f1 for each, p in zip(class_scores(confusion), present, strict=True) if p]
        low, high = sum(each.low for each in own), sum(each.high for each in own)
        interval = Interval(low / len(own), high / len(own))
    beside = None if baseline is None else _value(*_macro_f1(baseline))
    return Score(_value(cells, metric), *interval, beside)


def classification_scores(
    predictions: Int[Tensor, "B"],
    targets: Int[Tensor, "B"],
    *,
    class_names: Sequence[str],
    baseline: Int[Tensor, "B"] | None = None,
    seed: int = 0,
) -> dict[str, Score]:
    """Give the scores that a classifier is reported by.

    Args:
        predictions: the class that each row was given, [B].
        targets: the class that each row has, [B].
        class_names: the name of each class.
        baseline: a baseline's predictions for the same rows, [B].
        seed: the seed of the bootstrap.

    Returns:
        "accuracy" and "macro_f1". Of two classes also the F1 of the one that fewer targets
        have, under "f1:" and its name; of equally many, the second.
    """
    classes = len(class_names)
    confusion = confusion_matrix(predictions, targets, classes=classes)
    beside = None if baseline is None else confusion_matrix(baseline, targets, classes=classes)
    scores = {
        "accuracy": accuracy(confusion, baseline=beside),
        "macro_f1": macro_f1(confusion, baseline=beside, seed=seed),
    }
    if classes == 2:
        first, second = confusion.sum(1).tolist()
        rarer = 0 if first < second else 1
        scores[f"f1:{class_names[rarer]}"] = class_scores(confusion, baseline=beside)[rarer].f1
    return scores


@dataclass(frozen=True)
class _Tally:
    """The rows of one class: hits, all that were predicted, all that are targets."""

    hits: int
    predicted: int
    actual: int


def _tallies(confusion: Tensor) -> list[_Tally]:
    sums = (confusion.diagonal(), confusion.sum(0), confusion.sum(1))
    return [_Tally(*counts) for counts in zip(*(each.tolist() for each in sums), strict=True)]


def _scores_of_class(tally: _Tally, beside: _Tally | None) -> ClassScores:
    precision = _proportion(
        tally.hits, tally.predicted, beside and _share(beside.hits, beside.predicted)
    )
    recall = _proportion(tally.hits, tally.actual, beside and _share(beside.hits, beside.actual))
    return ClassScores(precision, recall, _f1(tally, beside), tally.actual)


def _f1(tally: _Tally, beside: _Tally | None) -> Score:
    either = _proportion(tally.hits, tally.predicted + tally.actual - tally.hits, None)
    value, low, high = (2 * j / (1 + j) for j in (either.value, either.low, either.high))
    base = beside and _share(2 * beside.hits, beside.predicted + beside.actual)
    return Score(value, low, high, base)


def _proportion(successes: Tensor | int, trials: Tensor | int, beside: float | None) -> Score:
    return Score(_share(successes, trials), *wilson(int(successes), int(trials)), beside)


def _share(part: Tensor | int, whole: Tensor | int) -> float:
    return int(part) / int(whole) if int(whole) else 0.0


def _macro_f1(confusion: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Give the cells that hold a row, and macro F1 as a function of such counts, [R, C]."""
    lines, columns = torch.nonzero(confusion, as_tuple=True)
    diagonal = lines == columns

    def metric(counts: Float[Tensor, "R C"]) -> Float[Tensor, "R"]:
        empty = counts.new_zeros(len(counts), len(confusion))
        hits = empty.index_add(1, lines[diagonal], counts[:, diagonal])
        either = empty.index_add(1, lines, counts).index_add(1, columns, counts)
        present = either > 0
        return torch.where(present, 2 * hits / either, 0.0).sum(1) / present.sum(1)

    return confusion[lines, columns], metric


def _value(cells: Tensor, metric: Callable[[Tensor], Tensor]) -> float:
    return float(metric(cells[None].double()))
