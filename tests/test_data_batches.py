from __future__ import annotations

import random
from collections import Counter
from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.data.batches import Batches, Length, pad, restore
from headgate.errors import ShapeError

SINGLE = st.lists(st.integers(0, 12), min_size=1, max_size=150)
PAIRS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=150)


def gauss_lengths(rows: int, seed: int = 1) -> list[tuple[int, int]]:
    rng = random.Random(seed)
    sources = [max(1, round(rng.gauss(12, 4))) for _ in range(rows)]
    return [(source, max(1, round(rng.gauss(source, 3)))) for source in sources]


def test_pad_fills_each_row_after_its_end() -> None:
    ids, lengths = pad([[5, 6, 7], [], [8]], 9)
    assert ids.tolist() == [[5, 6, 7], [9, 9, 9], [8, 9, 9]]
    assert lengths.tolist() == [3, 0, 1]
    assert ids.dtype == lengths.dtype == torch.int64


def test_pad_needs_a_row() -> None:
    assert pad([[]], 0)[0].shape == (1, 0)
    with pytest.raises(ShapeError, match="at least one row"):
        pad([], 0)


@given(lengths=SINGLE | PAIRS, size=st.integers(1, 9), epoch=st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_every_row_is_in_one_batch_of_an_epoch(
    lengths: list[Length], size: int, epoch: int
) -> None:
    batches = Batches(lengths, batch_size=size)
    for dealt in (batches.epoch(epoch), batches.in_order()):
        assert sorted(chain(*dealt)) == list(range(len(lengths)))
        assert all(1 <= len(batch) <= size for batch in dealt)
        for batch in dealt:
            keys = [lengths[row] for row in batch]
            assert keys == sorted(keys, reverse=True)  # pyright: ignore
    assert len(batches.epoch(epoch)) == len(batches)


@given(lengths=PAIRS, budget=st.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_no_batch_has_more_places_than_its_budget(
    lengths: list[tuple[int, int]], budget: int
) -> None:
    batches = Batches(lengths, tokens=budget)
    for batch in batches.epoch(1) + batches.in_order():
        source, target = (max(side) for side in zip(*(lengths[row] for row in batch), strict=True))
        assert len(batch) == 1 or len(batch) * (source + target) <= budget
    assert sorted(chain(*batches.epoch(1))) == list(range(len(lengths)))
    assert len(batches.epoch(5)) == len(batches)


def test_an_epoch_follows_from_seed_and_number() -> None:
    lengths = [source for source, _ in gauss_lengths(200)]
    first = Batches(lengths, batch_size=8, seed=3)
    assert first.epoch(2) == Batches(lengths, batch_size=8, seed=3).epoch(2)
    assert first.epoch(2) != first.epoch(1)
    assert first.epoch(2) != Batches(lengths, batch_size=8, seed=4).epoch(2)
    sizes = [lengths[batch[0]] for batch in first.epoch(0)]
    assert sizes != sorted(sizes)
    assert sizes != sorted(sizes, reverse=True)


def test_rows_of_one_length_fill_batches_and_the_rest_joins_its_neighbours() -> None:
    lengths = [3] * 10 + [4] * 9 + [30] * 2
    random.Random(0).shuffle(lengths)
    dealt = Batches(lengths, batch_size=4).epoch(0)
    kinds = Counter(tuple(sorted(lengths[row] for row in batch)) for batch in dealt)
    assert kinds == {(3,) * 4: 2, (4,) * 4: 2, (3, 4, 30, 30): 1, (3,): 1}


def test_pairs_are_near_in_source_and_in_target() -> None:
    lengths = gauss_lengths(5000)
    dealt = Batches(lengths, batch_size=32).epoch(0)
    distinct = [len({lengths[row][side] for row in batch}) for batch in dealt for side in (0, 1)]
    assert sum(distinct) / len(distinct) < 2.5
    padded = [len(b) * max(lengths[row][side] for row in b) for b in dealt for side in (0, 1)]
    assert sum(padded) / sum(map(sum, lengths)) < 1.1


def test_results_go_back_to_the_order_of_the_rows() -> None:
    lengths = [source for source, _ in gauss_lengths(100)]
    order = Batches(lengths, batch_size=7).in_order()
    assert [lengths[batch[0]] for batch in order] == sorted(
        (lengths[batch[0]] for batch in order), reverse=True
    )
    results = [[f"row {row}" for row in batch] for batch in order]
    assert restore(order, results) == [f"row {row}" for row in range(100)]
    with pytest.raises(ShapeError, match="99 for 100 rows"):
        restore(order, [*results[:-1], results[-1][:-1]])


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({}, "batch_size=None, tokens=None"),
        ({"batch_size": 4, "tokens": 9}, "batch_size=4, tokens=9"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"tokens": -1}, "tokens=-1"),
    ],
)
def test_one_size_must_be_given(sizes: dict[str, int], said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        Batches([1, 2], **sizes)
    with pytest.raises(ShapeError, match="at least one row"):
        Batches([], batch_size=4)
