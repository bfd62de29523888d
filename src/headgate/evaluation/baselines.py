"""What a model has to beat: simple models that look at little or nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag, one_hot

from headgate.errors import DataError, ShapeError
from headgate.evaluation.hashed_bags import Bags, batches, hash_texts

Label = TypeVar("Label", bound=Hashable)

_BUCKETS = 2**18
_MOST_PARAMETERS = 2**23  # many classes get fewer buckets: 32 MB of weights at most
_MOST_ENTRIES = 16_000_000  # about 1 GB while fitting
_MOST_CELLS = 2**25  # texts × classes: 128 MB for each such table
_FIT = 30.0  # how much the data count against the penalty


def majority(train_labels: Sequence[Label]) -> Label:
    """Give the most frequent label; of several, the one that came first.

    Args:
        train_labels: the labels of the training rows.

    Returns:
        The label.

    Raises:
        DataError: if there are no labels.

    Example:
        >>> majority(["ham", "spam", "ham"])
        'ham'
    """
    if not train_labels:
        raise DataError("a baseline needs at least one training row, got none")
    return Counter(train_labels).most_common(1)[0][0]


def most_frequent_target(train_targets: Sequence[str], *, rows: int) -> list[str]:
    """Give every row the most frequent training target: the baseline that reads nothing.

    Args:
        train_targets: the targets of the training rows.
        rows: how many rows want one.

    Returns:
        The target, once a row.
    """
    return [majority(train_targets)] * rows


def copy_source(sources: Sequence[str]) -> list[str]:
    """Give every source as its own translation.

    Args:
        sources: the sources.

    Returns:
        The same texts.
    """
    return list(sources)


@dataclass(frozen=True)
class NgramClassifier:
    """A linear model on n-grams: what a text classifier has to beat.

    Multinomial logistic regression with an L2 penalty on TF-IDF bags of words, pairs of words and
    runs of 2 to 5 characters. ``fit`` builds it.

    Attributes:
        weight: the weight of each bucket for each class, [M, V].
        bias: the bias of each class, [V].
        idf: the inverse document frequency of each bucket, [M].
        texts_read: how many texts it was fitted on.
    """

    weight: Float[Tensor, "M V"]
    bias: Float[Tensor, "V"]
    idf: Float[Tensor, "M"]
    texts_read: int

    @staticmethod
    def fit(
        texts: Sequence[str], labels: Int[Tensor, "B"], *, n_classes: int, seed: int = 0
    ) -> NgramClassifier:
        """Fit to texts.

        Memory has a bound: beyond 16 million distinct n-grams, counted text by text, or 33
        million texts × classes, it reads a random sample of the texts.

        Args:
            texts: the texts.
            labels: the class of each, [B].
            n_classes: V, the number of classes.
            seed: the seed of the sample.

        Returns:
            The fitted classifier.

        Raises:
            ShapeError: if there is not one label a text.
            DataError: if there are no texts, or a label is no class.
        """
        if labels.shape != (len(texts),):
            raise ShapeError(
                f"{len(texts)} labels are wanted, one a text; got shape {tuple(labels.shape)}"
            )
        if not texts:
            raise DataError("a baseline needs at least one training row, got none")
        bad = torch.nonzero((labels < 0) | (labels >= n_classes))
        if len(bad):
            row = int(bad[0])
            raise DataError(
                f"the label must be a class from 0 to {n_classes - 1}, got {int(labels[row])}",
                row=row + 1,
            )
        most = max(1, _MOST_CELLS // n_classes)
        order = random.Random(seed).sample(range(len(texts)), min(most, len(texts)))
        bags = hash_texts(
            (texts[row] for row in order), buckets=_buckets(n_classes), most_entries=_MOST_ENTRIES
        )
        read = len(bags.starts)
        idf = _idf(bags, _buckets(n_classes))
        targets = one_hot(labels.cpu().long()[order[:read]], n_classes).float()
        # A bucket that no text fell into keeps a weight of 0, so the fit leaves it out.
        seen, compact = bags.features.unique(return_inverse=True)
        weighted = _tf_idf(bags, idf)
        fitted, bias = _minimise(
            Bags(compact.int(), weighted.weights, weighted.starts), targets, features=len(seen)
        )
        weight = torch.zeros(len(idf), n_classes).index_copy(0, seen.long(), fitted)
        return NgramClassifier(weight, bias, idf, read)

    def probabilities(self, texts: Sequence[str]) -> Float[Tensor, "B V"]:
        """Give the probability of each class for each text.

        Args:
            texts: the texts.

        Returns:
            The probabilities, [B, V].
        """
        parts = [self.bias.new_zeros(0, len(self.bias))]
        for some in batches(texts):
            counts = hash_texts(some, buckets=len(self.idf))
            logits = _product(_tf_idf(counts, self.idf), self.weight) + self.bias
            parts.append(logits.softmax(1))
        return torch.cat(parts)


def _buckets(n_classes: int) -> int:
    room = max(1, _MOST_PARAMETERS // max(1, n_classes))
    return min(_BUCKETS, 2 ** (room.bit_length() - 1))


def _idf(bags: Bags, buckets: int) -> Tensor:
    """Give log((1 + N) / (1 + texts with the feature)) + 1."""
    frequency = torch.bincount(bags.features, minlength=buckets).float()
    return ((1 + len(bags.starts)) / (1 + frequency)).log() + 1


def _tf_idf(bags: Bags, idf: Tensor) -> Bags:
    """Weigh counts as (1 + log count) idf, each text to length 1."""
    weights = (1 + bags.weights.log()) * idf[bags.features]
    owners = bags.owners()
    squares = weights.new_zeros(len(bags.starts)).index_add(0, owners, weights**2)
    return Bags(bags.features, weights / squares.sqrt()[owners], bags.starts)


def _transpose(bags: Bags, features: int) -> Bags:
    """Give the texts of each feature in place of the features of each text."""
    order = bags.features.argsort(stable=True)
    sizes = torch.bincount(bags.features, minlength=features)
    starts = (sizes.cumsum(0) - sizes).int()
    return Bags(bags.owners()[order], bags.weights[order], starts)


def _product(bags: Bags, matrix: Tensor) -> Tensor:
    return embedding_bag(
        bags.features, matrix, bags.starts, mode="sum", per_sample_weights=bags.weights
    )


def _minimise(bags: Bags, targets: Tensor, *, features: int) -> tuple[Tensor, Tensor]:
    """Minimise the mean cross-entropy + penalty · |W|² / 2, from zero.

    The gradient is written out: Xᵀ (P − Y) / B is a product of the same kind as X W, and several
    times as fast as what autograd makes of it.
    """
    penalty = 1 / (_FIT * len(targets))
    across = _transpose(bags, features)
    weight = torch.zeros(features, targets.shape[1])
    bias = torch.zeros(targets.shape[1])
    optimiser = torch.optim.LBFGS(
        [weight, bias],
        max_iter=60,
        history_size=5,
        tolerance_grad=1e-5,
        tolerance_change=1e-7,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        scores = (_product(bags, weight) + bias).log_softmax(1)
        error = (scores.exp() - targets) / len(targets)
        weight.grad = _product(across, error) + penalty * weight
        bias.grad = error.sum(0)
        loss = -(scores * targets).sum() / len(targets) + penalty / 2 * weight.square().sum()
        return float(loss)

    optimiser.step(closure)
    return weight, bias
