from __future__ import annotations

from math import isnan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headgate.data.numerals import (
    MISSING,
    Wrong,
    is_missing,
    is_number_text,
    number_text,
    read_numbers,
)


def wrong(*cells: str) -> Wrong:
    found = read_numbers(cells)
    assert isinstance(found, Wrong)
    return found


@given(values=st.lists(st.floats(width=32, allow_infinity=False)))
def test_what_is_written_is_read(values: list[float]) -> None:
    texts = ["" if isnan(value) else repr(value) for value in values]
    found = read_numbers(texts)
    expected = torch.tensor(values, dtype=torch.float32)
    assert isinstance(found, torch.Tensor)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@given(value=st.floats(width=32, allow_infinity=False, allow_nan=False))
def test_a_number_is_written_so_that_it_is_read_again(value: float) -> None:
    found = read_numbers([number_text(value)])
    assert isinstance(found, torch.Tensor)
    assert found.item() == value


def test_numbers_may_stand_in_blanks_and_with_exponents() -> None:
    found = read_numbers(["1e3", " 7 ", "-.5", "+2.", "٣"])
    assert isinstance(found, torch.Tensor)
    assert found.tolist() == [1000.0, 7.0, -0.5, 2.0, 3.0]
    assert [number_text(value) for value in (1.0, -3.0, 0.1, 1e20)] == ["1", "-3", "0.1", "1e+20"]


def test_what_is_missing_is_nan_in_any_case() -> None:
    cells = [*MISSING, "NaN", " NA ", "Null", "N/A"]
    found = read_numbers(cells)
    assert isinstance(found, torch.Tensor)
    assert found.isnan().all()
    assert all(map(is_missing, cells))
    assert not is_missing("0")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("1,5", "has a comma: the decimal sign is a point"),
        ("-1.234,5", "has a comma"),
        ("1,000", "thousands are not parted"),
        ("inf", "a finite number was wanted"),
        ("-Infinity", "a finite number was wanted"),
        ("1e39", "is too large"),
        ("1e400", "is too large"),
        ("1_000", "a finite number was wanted"),
        ("0x10", "a finite number was wanted"),
        ("셋", "'셋' came"),
        ("12 kg", "'12 kg' came"),
        ("-nan", "'-nan' came"),
    ],
)
def test_what_is_no_number_is_named_with_its_place(cell: str, why: str) -> None:
    found = wrong("1", "", cell, "x")
    assert found.place == 2
    assert why in found.why
    assert repr(cell) in found.why
    assert not is_number_text(cell)


def test_no_cells_are_no_numbers() -> None:
    found = read_numbers([])
    assert isinstance(found, torch.Tensor)
    assert found.shape == (0,)
