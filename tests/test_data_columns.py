from __future__ import annotations

import pytest

from headgate.data.columns import Table, column_index, shown, wants_header
from headgate.errors import DataError

TABLE = Table(
    "a.csv", ("text", "2", "label"), [["x", "y", "z"], ["u", "v", "w"]], [2, 5], True, ("a note",)
)


@pytest.mark.parametrize(
    ("name", "cells", "own"),
    [("text", ["x", "u"], "text"), ("3", ["z", "w"], "label"), ("1", ["x", "u"], "text")],
)
def test_a_column_has_a_name_and_a_number(name: str, cells: list[str], own: str) -> None:
    assert TABLE.column(name) == cells
    assert TABLE.name_of(name) == own


def test_a_name_goes_before_a_number() -> None:
    assert column_index(("2", "1"), "2") == 0


@pytest.mark.parametrize("name", ["0", "4", "-1", "labels", "١"])
def test_a_missing_column_lists_those_there_are(name: str) -> None:
    with pytest.raises(DataError) as caught:
        TABLE.column(name)
    message = str(caught.value)
    assert message.startswith(f"a.csv: no column {name!r}")
    assert "'text', '2', 'label'" in message
    assert "(a note)" in message
    assert ("did you mean 'label'?" in message) == (name == "labels")


def test_a_name_that_stands_twice_is_ambiguous() -> None:
    with pytest.raises(DataError, match="columns 1 and 3 are named 'a'"):
        column_index(("a", "b", "a"), "a")
    assert column_index(("a", "b", "a"), "3") == 2


@pytest.mark.parametrize(
    ("columns", "default", "header"),
    [
        ((), True, True),
        ((), False, False),
        (("2", "1"), True, False),
        (("text",), False, True),
        (("2", "label"), False, True),
    ],
)
def test_the_columns_asked_for_decide_the_header(
    columns: tuple[str, ...], default: bool, header: bool
) -> None:
    assert wants_header(columns, default=default) is header


def test_an_error_names_line_and_column() -> None:
    error = TABLE.error("the text is empty", row=1, column="3")
    assert str(error) == "a.csv, row 5, column 'label': the text is empty"
    assert len(TABLE) == 2


def test_a_long_cell_is_cut_in_messages() -> None:
    assert shown("x" * 1000) == f"'{'x' * 39}…'"
    assert shown("x" * 40) == f"'{'x' * 40}'"
