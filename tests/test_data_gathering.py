from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headgate.data.columns import Table
from headgate.data.series import Gathered, constants_of, gather, series_of
from headgate.data.sources import read_table
from headgate.errors import DataError

NAMES = ("id", "day", "x", "word", "place")


def table_of(rows: list[list[Any]], columns: tuple[str, ...] = NAMES, **more: Any) -> Table:
    return Table("a.csv", columns, rows, list(range(2, len(rows) + 2)), True, **more)


STEPS = [
    ["b", "10", "1.5", "no", "Seoul"],
    ["a", "2", "", "yes", "Lyon"],
    ["b", "9", "2.5", "yes", "Seoul"],
    ["a", "1", "7", "yes", "Lyon"],
    ["b", "11", "nan", "no", "Seoul"],
]


def test_one_row_of_each_series_in_the_order_of_time() -> None:
    found = gather(table_of(STEPS), series="id", time="day")
    assert found.columns == NAMES
    (b, a) = found.rows
    assert (b[0], b[1], b[3], b[4]) == ("b", ("9", "10", "11"), ("yes", "no", "no"), "Seoul")
    assert (a[0], a[1], a[3], a[4]) == ("a", ("1", "2"), ("yes", "yes"), "Lyon")
    torch.testing.assert_close(b[2], torch.tensor([[2.5], [1.5], [torch.nan]]), equal_nan=True)
    torch.testing.assert_close(a[2], torch.tensor([[7.0], [torch.nan]]), equal_nan=True)
    assert list(found.lines) == [2, 3]
    assert [list(map(int, lines)) for lines in found.steps] == [[4, 2, 6], [5, 3]]
    assert found.notes == ("2 series, told apart by 'id', of 2 to 3 steps",)


def test_without_a_column_the_whole_file_is_one_series() -> None:
    found = gather(table_of(STEPS), time="2")
    assert len(found) == 1
    assert found.rows[0][0] == ("a", "a", "b", "b", "b")
    assert found.rows[0][1] == ("1", "2", "9", "10", "11")
    assert "one series of 5 steps" in found.notes[0]
    unordered = gather(table_of(STEPS))
    assert unordered.rows[0][0] == ("b", "a", "b", "a", "b")
    assert isinstance(unordered.rows[0][1], torch.Tensor)


def test_an_id_of_digits_stays_a_text() -> None:
    rows = [["7", "1"], ["7", "2"], [" 8 ", "3"], ["08", "4"]]
    found = gather(table_of(rows, ("id", "x")), series="id")
    assert [row[0] for row in found.rows] == ["7", "8", "08"]
    names = [["강남", "1"], ["\u1100\u1161\u11bc\u1102\u1161\u11b7", "2"]]
    assert len(gather(table_of(names, ("id", "x")), series="id")) == 1


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 10**6), st.floats(width=32) | st.none()),
        min_size=1,
        unique_by=lambda row: row[:2],
    ).filter(lambda rows: not any(row[2] in (float("inf"), -float("inf")) for row in rows)),
    dates=st.booleans(),
)
def test_it_gives_what_a_dictionary_gives(rows: list[Any], dates: bool) -> None:
    first = datetime(1999, 12, 31)
    cells = [
        [
            key,
            str(first + timedelta(days=when)) if dates else str(when),
            "" if x is None else str(x),
        ]
        for key, when, x in rows
        if not dates or when < 10**5
    ]
    if not cells or all(cell[2] in ("", "nan") for cell in cells):
        return
    expected: dict[str, list[list[str]]] = {}
    for cell in cells:
        expected.setdefault(cell[0], []).append(cell)
    found = gather(table_of(cells, ("id", "when", "x")), series="id", time="when")
    assert [row[0] for row in found.rows] == list(expected)
    for (_, when, x), steps in zip(found.rows, expected.values(), strict=True):
        ordered = sorted(steps, key=lambda step: step[1] if dates else int(step[1]))
        assert list(when) == [step[1] for step in ordered]
        values = torch.tensor([[float(step[2] or "nan")] for step in ordered])
        torch.testing.assert_close(x, values, equal_nan=True, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("times", "order"),
    [
        (["10", "9", "1e1"], None),
        (["2020/02/01", "2019-12-31", "2020-1-5"], [1, 2, 0]),
        (["1.5", "-2", "1"], [1, 2, 0]),
        (["9007199254740993", "9007199254740992", "0"], [2, 1, 0]),
        (["Wed", "Mon", "Tue"], [0, 1, 2]),
    ],
)
def test_time_is_by_value_by_date_or_as_the_file_has_it(
    times: list[str], order: list[int] | None
) -> None:
    table = table_of([[time, str(i)] for i, time in enumerate(times)], ("when", "x"))
    if order is None:
        with pytest.raises(
            DataError, match=r"row 4, column 'when': '1e1' is also the time of row 2"
        ):
            gather(table, time="when")
        return
    found = gather(table, time="when")
    assert series_of(found, "x")[0].flatten().tolist() == order
    said = [note for note in found.notes if "stay in the order of the file" in note]
    assert len(said) == (times[0] == "Wed")


def test_the_note_on_order_names_the_odd_row() -> None:
    rows = [["2020-01-01", "1"], ["soon", "2"], ["2019-01-01", "3"]]
    found = gather(table_of(rows, ("when", "x")), time="when")
    assert (
        "column 'when' has neither numbers nor dates throughout (row 3: 'soon')" in found.notes[1]
    )
    assert series_of(found, "x")[0].flatten().tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ((3, 0, " "), r"a\.csv, row 5, column 'id': the row does not say which series"),
        ((3, 1, ""), r"a\.csv, row 5, column 'day': the row has no time"),
        ((4, 1, "9.0"), r"a\.csv, row 6, column 'day': '9\.0' is also the time of row 4"),
    ],
)
def test_a_broken_row_is_named(changed: tuple[int, int, str], message: str) -> None:
    rows = [list(row) for row in STEPS]
    row, column, cell = changed
    rows[row][column] = cell
    with pytest.raises(DataError, match=message):
        gather(table_of(rows), series="id", time="day")


def test_a_text_among_numbers_is_noted_and_then_refused_with_its_row() -> None:
    rows = [["a", str(i), str(i)] for i in range(30)]
    rows[17][2] = "1,5"
    table = gather(table_of(rows, ("id", "day", "x")), series="id", time="day")
    assert (
        "column 'x' is read as text: 1 of its 30 cells is no number, the first in row 19: '1,5'"
        in (table.notes)
    )
    with pytest.raises(DataError, match=r"a\.csv, row 19, column 'x': '1,5' has a comma"):
        series_of(table, "x")


def test_infinity_is_no_number() -> None:
    rows = [["1", "2"], ["2", "inf"], ["3", "4"]]
    table = gather(table_of(rows, ("day", "x")), time="day")
    with pytest.raises(DataError, match=r"row 3, column 'x': a finite number .* 'inf' came"):
        series_of(table, "x")


def test_columns_that_say_nothing_stay_texts() -> None:
    found = gather(table_of([["1", ""], ["2", ""]], ("day", "x")), time="day")
    assert found.rows[0][1] == ""


def test_a_step_of_a_folder_names_its_file() -> None:
    table = table_of([["1", "2"], ["2", "x"]], ("day", "x"), files=["a/1.csv", "a/1.csv"])
    found = gather(table, time="day")
    assert found.files == ["a/1.csv"]
    assert (
        str(found.step_error("no", row=0, step=1, column="x")) == "a/1.csv, row 3, column 'x': no"
    )


def test_what_cannot_be_gathered_says_why() -> None:
    table = table_of(STEPS)
    with pytest.raises(DataError, match="named as the series and as the time"):
        gather(table, series="id", time="1")
    with pytest.raises(DataError, match="no column 'when'"):
        gather(table, time="when")
    with pytest.raises(DataError, match="each row has a whole sequence already"):
        gather(gather(table, series="id"), series="id")


def test_a_label_is_one_text_of_a_series() -> None:
    rows = [["a", "1", "x", ""], ["a", "1", "x", ""], ["b", "0.1", "y", ""]]
    found = gather(table_of(rows, ("id", "label", "word", "none")), series="id")
    assert constants_of(found, "label") == ["1", "0.1"]
    assert constants_of(found, "word") == ["x", "y"]
    assert constants_of(found, "none") == ["", ""]
    rows[1][1:3] = ["2", "z"]
    found = gather(table_of(rows, ("id", "label", "word", "none")), series="id")
    for column, values in (("label", "'1' and '2'"), ("word", "'x' and 'z'")):
        with pytest.raises(DataError, match=rf"row 2, column '{column}': one value .* {values}"):
            constants_of(found, column)


def test_a_file_goes_from_its_bytes_to_series(tmp_path: Path) -> None:
    path = tmp_path / "기온.csv"
    text = "\ufeff날짜,지역,기온\r\n2020/1/2,서울,-3.5\r\n2020/1/1,서울,-4\r\n2020/1/1,부산,2"
    path.write_bytes(text.encode())
    table = gather(read_table(path), series="지역", time="날짜")
    assert isinstance(table, Gathered)
    assert [series.flatten().tolist() for series in series_of(table, "기온")] == [[-4, -3.5], [2]]


def test_two_columns_of_one_name_are_both_there() -> None:
    found = gather(table_of([["1", "5", "6"], ["2", "7", "8"]], ("day", "x", "x")), time="day")
    assert series_of(found, "2:3")[0].tolist() == [[5, 6], [7, 8]]
