from __future__ import annotations

import pytest

from headgate.data.column_lists import column_list, columns_in, ends_by_number, is_compound
from headgate.data.columns import Table
from headgate.errors import DataError

WIDE = ["id", "V1", "V2", "V3", "이름", "a,b", "a:b", "x"]


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("V1", [1]),
        ("2", [1]),
        ("V1:V3", [1, 2, 3]),
        ("V1 : V3", [1, 2, 3]),
        ("2:4", [1, 2, 3]),
        ("V1:4", [1, 2, 3]),
        ("V2:V2", [2]),
        ("x,V1,id", [7, 1, 0]),
        ("x, V1 ,3", [7, 1, 2]),
        ("V1:V2,x", [1, 2, 7]),
        ("a,b", [5]),
        ("a:b", [6]),
        ("a,b,x", [5, 7]),
        ("x,a,b", [7, 5]),
        ("a:b,a,b", [6, 5]),
        ("a,b:a:b", [5, 6]),
        ("이름:a,b", [4, 5]),
        ("V3:이름", [3, 4]),
    ],
)
def test_a_word_names_columns(spec: str, found: list[int]) -> None:
    assert column_list(WIDE, spec) == found


def test_a_name_goes_before_a_number() -> None:
    assert column_list(["b", "1", "1:2"], "1") == [1]
    assert column_list(["b", "1", "1:2"], "1:2") == [2]
    assert column_list(["b", "1", "c"], "1:3") == [1, 2]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("y", "no column 'y'"),
        ("x,y", "no column 'y'"),
        ("V1:V9", "no column 'V9'"),
        ("W1:V3", "no column 'W1'"),
        ("0:3", "no column '0'"),
        ("2:99", "no column '99'"),
        (":", "no column ''"),
        ("x,", "no column ''"),
        ("V3:V1", r"ends before it begins: 'V1' is column 2, 'V3' column 4"),
        ("V1:V3,V2", "'V2' more than once"),
        ("x,x", "'x' more than once"),
        ("x,8", "'x' more than once"),
    ],
)
def test_what_is_wrong_with_a_word_is_named(spec: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        column_list(WIDE, spec)


def test_two_columns_of_one_name_are_chosen_by_number() -> None:
    with pytest.raises(DataError, match="columns 1 and 3 are named 'a'"):
        column_list(["a", "b", "a"], "b,a")
    assert column_list(["a", "b", "a"], "1:3") == [0, 1, 2]


def test_a_table_adds_its_file_and_what_was_decided() -> None:
    table = Table("a.csv", ("x",), [["1"]], [1], False, ("row 1 is data",))
    with pytest.raises(DataError, match=r"^a\.csv: no column 'y'.*\(row 1 is data\)"):
        columns_in(table, "x,y")


def test_many_columns_take_little_time() -> None:
    names = [f"{number},{number}" for number in range(2000)]
    assert column_list(names, ",".join(names)) == list(range(2000))


def test_numbers_are_told_from_names() -> None:
    assert ends_by_number("2:60, 3") == ["2", "60", "3"]
    assert ends_by_number("V2:60") == ["V2:60"]
    assert ends_by_number("7") == ["7"]
    assert [is_compound(spec) for spec in ("a", "a,b", "a:b")] == [False, True, True]
