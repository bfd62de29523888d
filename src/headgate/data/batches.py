"""Rows to batches of nearly one length, in an order that a seed decides.

A recurrent pass over ragged rows runs in segments, one for each length in the batch, each with
the rows that are still active. Batches of rows with exactly one length run in one piece. So as
many batches as possible are of one length; the rows left over are batched with their neighbours
in length. Rows stand longest first, which is the order that the segments need.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from headgate.errors import ShapeError

Length = int | tuple[int, int]  # of a row; or of its source and its target
Item = TypeVar("Item")

_WINDOW = 4  # batches of rows near in source that are then sorted by target


def pad(
    sequences: Sequence[Sequence[int]], pad_id: int
) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B"]]:
    """Lay ids of unequal lengths out as one tensor.

    Args:
        sequences: B rows of ids; rows may be empty.
        pad_id: the id that fills a row after its end.

    Returns:
        The ids, int64 (B, T) with T the longest row, and the rows' lengths, int64 (B,).

    Raises:
        ShapeError: there are no rows.

    Example:
        >>> pad([[5, 6], [7]], 0)
        (tensor([[5, 6],
                [7, 0]]), tensor([2, 1]))
    """
    if not len(sequences):
        raise ShapeError("a batch needs at least one row, and none came")
    lengths = torch.tensor([len(row) for row in sequences], dtype=torch.int64)
    ids = torch.full((len(sequences), int(lengths.max())), pad_id, dtype=torch.int64)
    real = torch.arange(ids.shape[1]) < lengths[:, None]
    ids[real] = torch.tensor(list(chain.from_iterable(sequences)), dtype=torch.int64)
    return ids, lengths


class Batches:
    """Row indices, dealt into batches of equal or nearly equal lengths.

    Args:
        lengths: each row's length, or the pair of its source's and its target's.
        batch_size: the most rows of a batch.
        tokens: the most places of a batch, padding included; for pairs, both sides together. A
            row that is longer is a batch of its own.
        seed: the seed of the shuffles.

    Raises:
        ShapeError: there are no rows, or not exactly one of batch_size and tokens, 1 or more.

    Example:
        >>> Batches([3, 5, 3, 5], batch_size=2).in_order()
        [[1, 3], [0, 2]]
    """

    def __init__(
        self,
        lengths: Sequence[Length],
        *,
        batch_size: int | None = None,
        tokens: int | None = None,
        seed: int = 0,
    ) -> None:
        given = [size for size in (batch_size, tokens) if size is not None]
        if len(given) != 1 or given[0] < 1:
            raise ShapeError(
                f"one of batch_size and tokens, 1 or more, was wanted: {batch_size=}, {tokens=}"
            )
        if not len(lengths):
            raise ShapeError("batches need at least one row, and none came")
        shared: dict[Length, tuple[int, int]] = {}  # of equal lengths one object, not one a row
        self._keys = [shared.setdefault(length, _pair(length)) for length in lengths]
        self._batch_size = batch_size
        self._tokens = tokens
        self._seed = seed
        self._count = len(self.epoch(0))

    def __len__(self) -> int:
        """Count an epoch's batches: every epoch has as many."""
        return self._count

    def epoch(self, n: int) -> list[list[int]]:
        """Deal the rows for one epoch.

        Args:
            n: the epoch's number; with the seed it decides all, so that a training resumes.

        Returns:
            Batches of row indices in a random order; each row is in one batch, longest first.
        """
        rng = random.Random(f"{self._seed}/{n}")
        rows = rng.sample(range(len(self._keys)), len(self._keys))
        batches, rest = self._of_one_length(rows)
        batches += self._chunks(self._neighbours(rest))
        rng.shuffle(batches)
        return [self._longest_first(batch) for batch in batches]

    def in_order(self) -> list[list[int]]:
        """Deal the rows for evaluation.

        Returns:
            Batches of row indices, the longest rows first; ``restore`` undoes the order.
        """
        rows = self._longest_first(range(len(self._keys)))
        return self._chunks(rows)

    def _longest_first(self, rows: Iterable[int]) -> list[int]:
        return sorted(rows, key=self._keys.__getitem__, reverse=True)

    def _of_one_length(self, rows: list[int]) -> tuple[list[list[int]], list[int]]:
        """Fill batches with rows of exactly one length; give these and the rows left over."""
        buckets: dict[tuple[int, int], list[int]] = {}
        for row in rows:
            buckets.setdefault(self._keys[row], []).append(row)
        full: list[list[int]] = []
        rest: list[int] = []
        for key, bucket in buckets.items():
            size = self._room(key)
            end = len(bucket) - len(bucket) % size
            full += [bucket[start : start + size] for start in range(0, end, size)]
            rest += bucket[end:]
        return full, rest

    def _neighbours(self, rows: list[int]) -> list[int]:
        """Order rows so that neighbours are near in source and in target.

        Sorted by source, cut into windows, and each window sorted by target: up in one and down
        in the next, so that a batch across the border is not the longest with the shortest.
        """
        by_source = self._longest_first(rows)
        ordered: list[int] = []
        start = 0
        descending = True
        while start < len(by_source):
            size = _WINDOW * self._room(self._keys[by_source[start]])
            window = by_source[start : start + size]
            ordered += sorted(window, key=self._by_target, reverse=descending)
            start += size
            descending = not descending
        return ordered

    def _by_target(self, row: int) -> tuple[int, int]:
        source, target = self._keys[row]
        return target, source

    def _room(self, key: tuple[int, int]) -> int:
        """How many rows of this length a batch holds."""
        if self._batch_size is not None:
            return self._batch_size
        return max(1, (self._tokens or 0) // max(1, sum(key)))

    def _chunks(self, rows: list[int]) -> list[list[int]]:
        """Cut ordered rows into batches, each as large as its longest row allows."""
        batches: list[list[int]] = []
        longest = (0, 0)
        for row in rows:
            source, target = self._keys[row]
            grown = (max(longest[0], source), max(longest[1], target))
            if not batches or len(batches[-1]) >= self._room(grown):
                batches.append([])
                grown = (source, target)
            batches[-1].append(row)
            longest = grown
        return batches


def restore(batches: Sequence[Sequence[int]], results: Iterable[Iterable[Item]]) -> list[Item]:
    """Put results that came batch by batch back in the order of the rows.

    Args:
        batches: row indices, as ``Batches.in_order`` gives them; each row once.
        results: for each batch, one result a row.

    Returns:
        One result a row, in the order of the rows.

    Raises:
        ShapeError: there are not as many results as rows.

    Example:
        >>> restore([[1, 2], [0]], [["b", "c"], ["a"]])
        ['a', 'b', 'c']
    """
    rows = list(chain.from_iterable(batches))
    flat = list(chain.from_iterable(results))
    if len(flat) != len(rows):
        raise ShapeError(f"one result a row was wanted: {len(flat)} for {len(rows)} rows came")
    ordered = sorted(zip(rows, flat, strict=True), key=lambda pair: pair[0])
    return [result for _, result in ordered]


def _pair(length: Length) -> tuple[int, int]:
    """A row without a target has one of length 0."""
    return (length, 0) if isinstance(length, int) else length
