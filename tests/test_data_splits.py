from __future__ import annotations

import random
import unicodedata
from itertools import chain

import pytest

from headgate.data.splits import Split, repeated_rows, repeats, split
from headgate.errors import DataError


def parts_of(parts: Split) -> list[list[int]]:
    return [parts.train, parts.valid, parts.test]


@pytest.mark.parametrize("seed", range(20))
def test_equal_inputs_stay_on_one_side_and_every_row_has_a_place(seed: int) -> None:
    rng = random.Random(seed)
    inputs = [f"text {rng.randrange(100)}" for _ in range(300)]
    parts = split(inputs, [rng.choice("abcd") for _ in inputs], seed=seed)
    assert sorted(chain(*parts_of(parts))) == list(range(300))
    train, valid, test = ({inputs[row] for row in part} for part in parts_of(parts))
    assert len(train) + len(valid) + len(test) == len(set(inputs))


def test_the_shares_are_met_overall_and_in_each_class() -> None:
    labels = ["spam" if i % 8 == 0 else "ham" for i in range(1000)]
    parts = split([str(i) for i in range(1000)], labels, valid=0.1, test=0.2)
    sizes = [len(part) for part in parts_of(parts)]
    assert sizes == pytest.approx([700, 100, 200], abs=2)
    spam = [sum(labels[row] == "spam" for row in part) for part in parts_of(parts)]
    assert spam == pytest.approx([87.5, 12.5, 25], abs=2)


def test_many_small_classes_are_all_in_training_and_fill_the_test() -> None:
    labels = [f"class {i % 50}" for i in range(150)]
    parts = split([str(i) for i in range(150)], labels)
    assert {labels[row] for row in parts.train} == set(labels)
    assert [len(part) for part in parts_of(parts)] == pytest.approx([120, 15, 15], abs=2)


def test_a_split_is_the_same_on_every_machine() -> None:
    inputs = [str(i) for i in range(20)]
    parts = split(inputs, seed=42)
    assert (parts.valid, parts.test) == ([7, 15], [4, 11])
    assert split(inputs, seed=42) == parts
    assert split(inputs, seed=43) != parts


def test_a_share_of_nothing_is_an_empty_part() -> None:
    parts = split(["a", "b", "c"], valid=0, test=0)
    assert parts == Split([0, 1, 2], [], [])


def test_a_mixed_group_counts_as_its_most_frequent_label() -> None:
    inputs = ["same", "same ", "same"] + [str(i) for i in range(27)]
    labels = ["b", "a", "a"] + ["b"] * 27
    parts = split(inputs, labels)
    assert {0, 1, 2} <= set(parts.train)  # the only group of "a" is in training


def test_repeats_are_equal_in_nfc_and_without_outer_space() -> None:
    inputs = ["é", "b", unicodedata.normalize("NFD", "é"), " é\n", "É"]
    assert repeated_rows(inputs) == [2, 3]
    assert repeats(inputs) == 2
    assert repeats(["a", "b"]) == 0


def test_too_few_rows_say_how_many_and_what_to_do() -> None:
    inputs = ["a", "a ", "b", "c", "d"]
    with pytest.raises(DataError) as caught:
        split(inputs)
    message = str(caught.value)
    assert "5 rows with 4 distinct inputs are too few: the test part would be empty" in message
    assert "set it to 0" in message
    with pytest.raises(DataError, match=r"0 rows .* the train part"):
        split([], valid=0, test=0)


@pytest.mark.parametrize(("valid", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.0, float("nan"))])
def test_shares_that_leave_no_training_are_refused(valid: float, test: float) -> None:
    with pytest.raises(DataError, match=f"valid={valid}, test={test}"):
        split(["a", "b", "c"], valid=valid, test=test)


def test_labels_must_be_one_a_row() -> None:
    with pytest.raises(DataError, match="1 for 2 rows"):
        split(["a", "b"], ["x"])
