"""Rows to train, valid and test, so that a score says what it seems to say.

A row that stands in training and again in the test is remembered, not understood. So equal inputs
form a group, and a group stays on one side. Classes keep their shares on every side, and every
class is in training. The same rows and seed give the same split on every machine.
"""

from __future__ import annotations

import hashlib
import random
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from headgate.errors import DataError

_PARTS = ("train", "valid", "test")
_PLACE = "q"  # 64 bits
_DIGEST = 16  # bytes that stand for a text, so many that no two texts share them


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
    groups = _groups(map(_plain, inputs))
    shares = (1 - valid - test, valid, test)
    parts = _deal(groups, _strata(groups, labels), shares, random.Random(seed))
    for name, share, part in zip(_PARTS, shares, parts, strict=True):
        if share and not part:
            raise DataError(_empty_part(name, rows=len(inputs), distinct=len(groups)))
    train_rows, valid_rows, test_rows = (sorted(part) for part in parts)
    return Split(train_rows, valid_rows, test_rows)


def repeated_rows(inputs: Iterable[str]) -> list[int]:
    """Find the rows whose input already stood in an earlier row.

    Args:
        inputs: the texts, one a row.

    Returns:
        The rows' indices; without them every input stands once.
    """
    return sorted(row for group in _groups(map(_plain, inputs)) for row in group[1:])


def repeats(inputs: Iterable[str]) -> int:
    """Count the rows whose input already stood in an earlier row.

    Args:
        inputs: the texts, one a row.

    Returns:
        The number of such rows.

    Example:
        >>> repeats(["yes", "no", "yes "])
        1
    """
    groups = _groups(map(_plain, inputs))
    return len(groups.rows) - len(groups)


def most_frequent_row(texts: Iterable[str]) -> int:
    """Find the text that comes most often; of several the one that came first.

    Args:
        texts: at least one.

    Returns:
        The first row that it stands in.

    Raises:
        DataError: there is no text.

    Example:
        >>> most_frequent_row(["no", "yes", "no ", "yes"])
        1
    """
    best = max(_groups(texts), key=len, default=None)  # of equals the first
    if best is None:
        raise DataError("the most frequent text was wanted, and there is none")
    return best[0]


@dataclass(frozen=True)
class _Groups:
    """The rows of equal texts, the groups in the order in which their texts first came.

    Args:
        rows: all rows, group after group, and within a group in their order.
        ends: where each group ends in ``rows``.
    """

    rows: array[int]
    ends: array[int]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> array[int]:
        return self.rows[self.ends[index - 1] if index else 0 : self.ends[index]]

    def __iter__(self) -> Iterator[array[int]]:
        return map(self.__getitem__, range(len(self)))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _groups(texts: Iterable[str]) -> _Groups:
    """Gather the rows of equal texts by digests, since the texts may not fit in memory."""
    digests = bytearray()
    for text in texts:
        data = text.encode(errors="surrogatepass")
        digests += hashlib.blake2b(data, digest_size=_DIGEST).digest()
    if not digests:
        return _Groups(array(_PLACE), array(_PLACE))
    first = _first_rows(torch.frombuffer(digests, dtype=torch.int64).view(-1, 2))
    first, rows = first.sort(stable=True)
    ends = torch.unique_consecutive(first, return_counts=True)[1].cumsum(0)
    return _Groups(_as_array(rows), _as_array(ends))


def _first_rows(keys: Int[Tensor, "B K"]) -> Int[Tensor, "B"]:
    """Find for each row the first one with the same key."""
    order = keys[:, 1].argsort(stable=True)
    order = order[keys[order, 0].argsort(stable=True)]
    ordered = keys[order]
    new = torch.ones(len(keys), dtype=torch.bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(1)
    first = torch.empty_like(order)
    first[order] = order[new][new.cumsum(0) - 1]
    return first


def _as_array(values: Int[Tensor, "B"]) -> array[int]:
    found = array(_PLACE, bytes(8 * len(values)))
    torch.frombuffer(found, dtype=torch.int64).copy_(values)
    return found


def _strata(groups: _Groups, labels: Sequence[str] | None) -> list[Sequence[int]]:
    """Gather the numbers of the groups of each class, the classes in sorted order."""
    if labels is None:
        return [range(len(groups))]
    names: dict[str, int] = {}
    numbers = array(_PLACE, (names.setdefault(label, len(names)) for label in labels))
    known = list(names)
    strata: dict[str, array[int]] = {}
    for number, group in enumerate(groups):
        label = known[numbers[group[0]]]
        if len(group) > 1:
            counts = Counter(known[numbers[row]] for row in group)
            label = min(counts, key=lambda name: (-counts[name], name))
        strata.setdefault(label, array(_PLACE)).append(number)
    return [strata[label] for label in sorted(strata)]


def _deal(
    groups: _Groups, strata: list[Sequence[int]], shares: Sequence[float], rng: random.Random
) -> list[array[int]]:
    """Deal each class's groups in a random order, each to the part that lacks most rows.

    What is lacking is counted over all classes so far: the rounding of one class is made up for
    in the next, so that many small classes do not leave the test empty.
    """
    parts = [array(_PLACE) for _ in shares]
    dealt = 0
    for numbers in strata:
        for place, number in enumerate(rng.sample(numbers, len(numbers))):
            group = groups[number]
            dealt += len(group)
            lacking = [share * dealt - len(part) for share, part in zip(shares, parts, strict=True)]
            parts[0 if place == 0 else lacking.index(max(lacking))].extend(group)
    return parts


def _empty_part(name: str, *, rows: int, distinct: int) -> str:
    return (
        f"{rows} rows with {distinct} distinct inputs are too few: the {name} part would be empty; "
        f"bring more rows, or raise the share of {name}{', or set it to 0' * (name == 'test')}"
    )
