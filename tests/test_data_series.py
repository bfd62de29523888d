from __future__ import annotations

from typing import Any

import pytest
import torch

from headgate.data.columns import Table
from headgate.data.series import gather, is_series, series_of
from headgate.errors import DataError

NAN = float("nan")


def table_of(rows: list[list[Any]], *columns: str) -> Table:
    names = columns or tuple(f"V{number}" for number in range(1, len(rows[0]) + 1))
    return Table("a.csv", names, rows, list(range(2, len(rows) + 2)), True)


def assert_same(found: list[torch.Tensor], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, torch.tensor(other), rtol=0, atol=0, equal_nan=True)


def test_columns_of_numbers_are_steps() -> None:
    rows = [["a", "1", "2", "3"], ["b", "4", "", "6"], ["c", "7", "", ""], ["d", "", "8", "NaN"]]
    table = table_of(rows)
    assert is_series(table, "V2:V4")
    assert not is_series(table, "V2")
    expected = [[[1.0], [2.0], [3.0]], [[4.0], [NAN], [6.0]], [[7.0]], [[NAN], [8.0]]]
    assert_same(series_of(table, "V2:V4"), expected)
    assert_same(series_of(table_of(rows[:1]), "4,V2"), [[[3.0], [1.0]]])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["x", "1", "2", "1,5"], r"row 3, column 'V4': '1,5' has a comma"),
        (["x", "inf", "2", "3"], r"row 3, column 'V2': a finite number"),
        (["x", "", " ", "?"], r"row 3: the row has no value in these columns"),
        (["x", "1", ("a",), ""], r"row 3, column 'V3': a number was wanted.*a series came"),
    ],
)
def test_a_row_of_steps_that_is_none_is_named(row: list[Any], message: str) -> None:
    table = table_of([["w", "1", "2", "3"], row])
    with pytest.raises(DataError, match=r"a\.csv, " + message):
        series_of(table, "V2:V4")


def test_cells_that_are_series_come_as_they_are() -> None:
    one, two = torch.zeros(3, 2), torch.ones(1, 2)
    table = table_of([[one, "x"], [two, "y"]], "series", "label")
    found = series_of(table, "series")
    assert found[0] is one
    assert found[1] is two
    assert is_series(table, "series")
    assert not is_series(table, "label")
    assert not is_series(table_of([[torch.zeros(3, 4, 5)]]), "V1")


def test_columns_of_series_are_channels() -> None:
    rows = [["a", "1", "5", "x"], ["a", "2", "6", "3"], ["b", "1", "7", "4"]]
    table = gather(table_of(rows, "id", "t", "x", "y"), series="id", time="t")
    assert is_series(table, "x")
    assert is_series(table, "x,y")
    assert not is_series(table, "id")
    with pytest.raises(DataError, match=r"a\.csv, row 2, column 'y'.*'x' came"):
        series_of(table, "x,y")
    rows[0][3] = "2"
    table = gather(table_of(rows, "id", "t", "x", "y"), series="id", time="t")
    assert_same(series_of(table, "y,x"), [[[2.0, 5.0], [3.0, 6.0]], [[4.0, 7.0]]])


def test_steps_that_are_texts_are_read_where_most_are_numbers() -> None:
    rows = [["a", "1"], ["a", "2"], ["a", "x"]]
    table = gather(table_of(rows, "id", "x"), series="id")
    assert is_series(table, "x")
    words = gather(table_of([["a", "to"], ["a", "be"], ["a", "1"]], "id", "x"), series="id")
    assert not is_series(words, "x")
    assert not is_series(table_of([[("1", "2")]]), "V1")
    assert_same(series_of(table_of([[("1", "")]]), "V1"), [[[1.0], [NAN]]])
    with pytest.raises(DataError, match=r"row 2, column 'V1': step 2: .* 'b' came"):
        series_of(table_of([[("1", "b")]]), "V1")


def test_channels_of_different_lengths_are_refused() -> None:
    rows = [[torch.zeros(3, 1), torch.zeros(3, 1)], [torch.zeros(3, 1), torch.zeros(2, 1)]]
    with pytest.raises(DataError, match=r"row 3: channels of equally many steps.*'V2' \(2, 1\)"):
        series_of(table_of(rows), "V1,V2")


def test_a_text_is_no_series_and_two_ways_are_named() -> None:
    with pytest.raises(DataError, match=r"column 'V1': a series was wanted.*--series COL.*V2:V60"):
        series_of(table_of([["12", "x"]]), "V1")
