"""Rows to train, valid and test, so that a score says what it seems to say.

A row that stands in training and again in the test is remembered, not understood. So equal inputs
form a group, and a group stays on one side. Classes keep their shares on every side, and every
class is in training. The same rows and seed give the same split on every machine.
"""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.errors import DataError

_PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Split:
    """Which rows are for what; each list is in the order of the file.

    Args:
        train: indices of the rows to learn from.
        valid: indices of the rows to choose by.
        test: indices of the rows to report.
    """

    train: list[int]
    valid: list[int]
    test: list[int]


def split(
    inputs: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    valid: float = 0.1,
    test: float = 0.1,
    seed: int = 42,
) -> Split:
    """Split rows by chance, evenly over the classes, with equal inputs on one side.

    Inputs are equal if they are so in NFC and without white space at the ends. A group of equal
    inputs with several labels counts as its most frequent one. The first group of every class
    goes to training.

    Args:
        inputs: the texts, one a row.
        labels: the class of each row; None where there are no classes.
        valid: the share of rows for validation; 0 wants none.
        test: the share of rows for the test; 0 wants none.
        seed: the seed of the shuffle.

    Returns:
        The rows' indices.

    Raises:
        DataError: the shares leave nothing for training, the labels are not one a row, or a part
            that was wanted would be empty.

    Example:
        >>> parts = split([str(i) for i in range(20)])
        >>> len(parts.train), len(parts.valid), len(parts.test)
        (16, 2, 2)
    """
    if min(valid, test) < 0 or not valid + test < 1:
        raise DataError(f"shares of 0 or more, below 1 in all, were wanted: {valid=}, {test=} came")
    if labels is not None and len(labels) != len(inputs):
        raise DataError(f"one label a row was wanted: {len(labels)} for {len(inputs)} rows came")
    groups = _groups(inputs)
    shares = (1 - valid - test, valid, test)
    parts = _deal(_strata(groups, labels), shares, random.Random(seed))
    for name, share, part in zip(_PARTS, shares, parts, strict=True):
        if share and not part:
            raise DataError(_empty_part(name, rows=len(inputs), distinct=len(groups)))
    train_rows, valid_rows, test_rows = (sorted(part) for part in parts)
    return Split(train_rows, valid_rows, test_rows)


def repeated_rows(inputs: Sequence[str]) -> list[int]:
    """Find the rows whose input already stood in an earlier row.

    Args:
        inputs: the texts, one a row.

    Returns:
        The rows' indices; without them every input stands once.
    """
    return sorted(row for group in _groups(inputs) for row in group[1:])


def repeats(inputs: Sequence[str]) -> int:
    """Count the rows whose input already stood in an earlier row.

    Args:
        inputs: the texts, one a row.

    Returns:
        The number of such rows.

    Example:
        >>> repeats(["yes", "no", "yes "])
        1
    """
    return len(repeated_rows(inputs))


def _groups(inputs: Sequence[str]) -> list[list[int]]:
    """Gather the rows of equal inputs, in the order in which they first came."""
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(inputs):
        groups.setdefault(unicodedata.normalize("NFC", text).strip(), []).append(row)
    return list(groups.values())


def _strata(groups: list[list[int]], labels: Sequence[str] | None) -> list[list[list[int]]]:
    """Gather the groups of each class, the classes in sorted order."""
    if labels is None:
        return [groups]
    strata: dict[str, list[list[int]]] = {}
    for group in groups:
        counts = Counter(labels[row] for row in group)
        label = min(counts, key=lambda name: (-counts[name], name))
        strata.setdefault(label, []).append(group)
    return [strata[label] for label in sorted(strata)]


def _deal(
    strata: list[list[list[int]]], shares: Sequence[float], rng: random.Random
) -> list[list[int]]:
    """Deal each class's groups in a random order, each to the part that lacks most rows.

    What is lacking is counted over all classes so far: the rounding of one class is made up for
    in the next, so that many small classes do not leave the test empty.
    """
    parts: list[list[int]] = [[] for _ in shares]
    dealt = 0
    for groups in strata:
        for place, group in enumerate(rng.sample(groups, len(groups))):
            dealt += len(group)
            lacking = [share * dealt - len(part) for share, part in zip(shares, parts, strict=True)]
            parts[0 if place == 0 else lacking.index(max(lacking))].extend(group)
    return parts


def _empty_part(name: str, *, rows: int, distinct: int) -> str:
    return (
        f"{rows} rows with {distinct} distinct inputs are too few: the {name} part would be empty; "
        f"bring more rows, or raise the share of {name}{', or set it to 0' * (name == 'test')}"
    )
