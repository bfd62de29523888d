from __future__ import annotations

import json

import pytest
import torch

from headgate.errors import DataError, ShapeError
from headgate.inspection.attention import (
    AttentionMap,
    alignment_line,
    attention_map,
    entropy,
    strongest,
    to_dict,
)


def test_numbers_come_as_lists_or_as_any_tensor() -> None:
    rows = [[0.75, 0.25], [0.5, 0.5]]
    from_lists = attention_map(rows, source="ab", target=["x", "y"])
    tensor = torch.tensor(rows, dtype=torch.bfloat16, requires_grad=True)
    from_tensor = attention_map(tensor, source=["a", "b"], target="xy")
    assert from_lists.weights.tolist() == from_tensor.weights.tolist() == rows
    assert not from_tensor.weights.requires_grad
    assert (from_tensor.source, from_tensor.target) == (("a", "b"), ("x", "y"))


def test_the_map_keeps_its_own_copy() -> None:
    weights = torch.ones(1, 1, dtype=torch.float64)
    attention = attention_map(weights, source="a", target="b")
    weights.zero_()
    assert attention.weights.item() == 1.0


def test_labels_that_do_not_fit_are_refused_with_both_shapes() -> None:
    with pytest.raises(ShapeError, match=r"2 target and 4 source.*\(2, 4\).*\(2, 3\)"):
        attention_map(torch.ones(2, 3), source="abcd", target="xy")
    with pytest.raises(ShapeError, match="transposed"):
        attention_map(torch.ones(3, 2), source="abc", target="xy")
    with pytest.raises(ShapeError, match=r"\(1, 2, 3\)"):
        attention_map(torch.ones(1, 2, 3), source="abc", target="xy")
    with pytest.raises(ShapeError, match=r"row 1 .* has 1 numbers, but there are 2"):
        attention_map([[1.0, 0.0], [1.0]], source="ab", target="xy")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.5])
def test_a_bad_weight_is_named_with_its_place(bad: float) -> None:
    with pytest.raises(DataError, match=f"{bad} at target 1 'y', source 0 'a'$"):
        attention_map([[1.0, 0.0], [bad, 0.5]], source="ab", target="xy")


def test_of_many_bad_weights_some_are_named() -> None:
    with pytest.raises(DataError, match=r"; 7 more$"):
        attention_map(torch.full((2, 5), torch.nan), source="abcde", target="xy")


def test_entropy_is_in_bits_of_the_normalised_row() -> None:
    rows = [[1.0, 0.0, 0.0, 0.0], [0.25] * 4, [2.0, 2.0, 0.0, 0.0], [0.0] * 4]
    attention = attention_map(rows, source="abcd", target="wxyz")
    assert entropy(attention).tolist() == pytest.approx([0.0, 2.0, 1.0, 0.0])


def test_the_strongest_source_is_the_first_of_equals_and_none_without_weight() -> None:
    attention = attention_map([[0.2, 0.8], [0.5, 0.5], [0.0, 0.0]], source="ab", target="xyz")
    assert strongest(attention) == [1, 0, None]
    assert alignment_line(attention) == "b→x a→y ∅→z"


def test_the_alignment_shows_spaces() -> None:
    attention = attention_map([[0.1, 0.9], [0.9, 0.1]], source=["11월", " "], target=["-", "11"])
    assert alignment_line(attention) == "␣→- 11월→11"


def test_plain_data_survives_json() -> None:
    attention = attention_map(torch.rand(2, 3), source=["년", '"', ""], target="x\n")
    data = json.loads(json.dumps(to_dict(attention)))
    again = attention_map(data["weights"], source=data["source"], target=data["target"])
    assert torch.equal(again.weights, attention.weights)
    assert (again.source, again.target) == (attention.source, attention.target)


@pytest.mark.parametrize(("source", "target"), [("", ""), ("ab", ""), ("", "xy")])
def test_an_empty_map_is_a_map(source: str, target: str) -> None:
    rows: list[list[float]] = [[] for _ in target]
    attention = attention_map(rows, source=source, target=target)
    assert attention.weights.shape == (len(target), len(source))
    assert entropy(attention).tolist() == [0.0] * len(target)
    assert strongest(attention) == [None] * len(target)


def test_the_dataclass_checks_too() -> None:
    with pytest.raises(ShapeError, match=r"\(1, 1\).*\(2, 1\)"):
        AttentionMap(torch.ones(2, 1), ("a",), ("x",))
