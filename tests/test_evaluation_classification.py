"""Classification scores against scikit-learn."""

from __future__ import annotations

from inspect import unwrap

import pytest
import torch
from sklearn import metrics
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation.classification import (
    accuracy,
    class_scores,
    classification_scores,
    confusion_matrix,
    macro_f1,
)
from headgate.evaluation.intervals import bootstrap


def labels(classes: int, rows: int = 400) -> tuple[Tensor, Tensor]:
    """Skewed targets, and predictions that are right two times in three."""
    generator = torch.Generator().manual_seed(classes)
    targets = (torch.rand(rows, generator=generator) ** 2 * classes).long()
    wrong = torch.randint(classes, (rows,), generator=generator)
    right = torch.rand(rows, generator=generator) < 0.67
    return torch.where(right, targets, wrong), targets


@pytest.mark.parametrize("classes", [2, 3, 17])
def test_scores_are_scikit_learns(classes: int) -> None:
    predictions, targets = labels(classes)
    confusion = confusion_matrix(predictions, targets, classes=classes)
    assert confusion.tolist() == metrics.confusion_matrix(targets, predictions).tolist()
    assert accuracy(confusion).value == pytest.approx(metrics.accuracy_score(targets, predictions))
    expected = metrics.precision_recall_fscore_support(targets, predictions)
    scores = class_scores(confusion)
    found = [
        [each.precision.value for each in scores],
        [each.recall.value for each in scores],
        [each.f1.value for each in scores],
        [each.support for each in scores],
    ]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs)
    assert macro_f1(confusion).value == pytest.approx(
        metrics.f1_score(targets, predictions, average="macro")
    )


def test_a_class_that_does_not_occur_is_left_out_of_macro_f1() -> None:
    predictions, targets = torch.tensor([0, 0, 3]), torch.tensor([0, 3, 3])
    confusion = confusion_matrix(predictions, targets, classes=5)
    assert macro_f1(confusion).value == pytest.approx(
        metrics.f1_score(targets, predictions, average="macro")
    )
    assert class_scores(confusion)[1].f1.value == 0.0


def test_the_interval_of_macro_f1_is_that_of_its_rows() -> None:
    predictions, targets = labels(3)
    score = macro_f1(confusion_matrix(predictions, targets, classes=3))
    cells = torch.nn.functional.one_hot(targets * 3 + predictions, 9).double()

    def metric(weights: Tensor) -> Tensor:
        tables = (weights @ cells).view(-1, 3, 3)
        both = 2 * tables.diagonal(dim1=1, dim2=2)
        return (both / (tables.sum(1) + tables.sum(2))).mean(1)

    assert (score.low, score.high) == pytest.approx(bootstrap(metric, rows=400), abs=0.006)
    assert score.low < score.value < score.high


def test_intervals_keep_a_width_when_all_is_right() -> None:
    targets = torch.tensor([0] * 40 + [1] * 4)
    scores = classification_scores(targets, targets, class_names=["ham", "spam"])
    for score in scores.values():
        assert score.value == score.high == 1.0
        assert score.low < 0.96
    assert scores["f1:spam"].low < scores["accuracy"].low


def test_every_score_has_its_baseline() -> None:
    predictions, targets = labels(2)
    baseline = torch.zeros_like(targets)
    scores = classification_scores(
        predictions, targets, class_names=["no", "yes"], baseline=baseline
    )
    assert list(scores) == ["accuracy", "macro_f1", "f1:yes"]
    assert scores["accuracy"].baseline == pytest.approx((targets == 0).float().mean().item())
    assert scores["macro_f1"].baseline == pytest.approx(
        metrics.f1_score(targets, baseline, average="macro")
    )
    assert scores["f1:yes"].baseline == 0.0
    beside = class_scores(
        confusion_matrix(predictions, targets, classes=2),
        baseline=confusion_matrix(baseline, targets, classes=2),
    )
    assert beside[0].recall.baseline == 1.0


def test_the_rarer_class_is_the_targets_rarer_one() -> None:
    targets = torch.tensor([0, 1, 1])
    assert "f1:a" in classification_scores(targets, targets, class_names=["a", "b"])
    targets = torch.tensor([0, 1])
    assert "f1:b" in classification_scores(targets, targets, class_names=["a", "b"])
    assert list(classification_scores(targets, targets, class_names=["a", "b", "c"])) == [
        "accuracy",
        "macro_f1",
    ]


def test_bad_labels_are_named() -> None:
    good = torch.tensor([0, 1, 1])
    with pytest.raises(DataError, match="row 2: the target must be a class from 0 to 1, got 7"):
        confusion_matrix(good, torch.tensor([0, 7, 1]), classes=2)
    with pytest.raises(DataError, match=r"row 3: the prediction .* got -1"):
        confusion_matrix(torch.tensor([0, 1, -1]), good, classes=2)
    with pytest.raises(ShapeError, match=r"\(3,\) and targets of shape \(2,\)"):
        unwrap(confusion_matrix)(good, good[:2], classes=2)  # as where shapes go unchecked
    with pytest.raises(DataError, match="at least one row"):
        confusion_matrix(good[:0], good[:0], classes=2)
