from __future__ import annotations

import pytest

from headgate.data.columns import Table
from headgate.data.delimited import Wishes, read_delimited, separator_of
from headgate.errors import DataError


def read(text: str, separator: str = ",", **wishes: object) -> Table:
    return read_delimited(
        text,
        path="a.csv",
        separator=separator,
        wishes=Wishes(**wishes),  # pyright: ignore[reportArgumentType]
        names_first=True,
    )


def test_a_row_counts_from_the_line_where_it_starts() -> None:
    table = read('text,label\n"a\nb",x\n\n"say ""hi""",y\r\nlast,z')
    assert table.rows == [["a\nb", "x"], ['say "hi"', "y"], ["last", "z"]]
    assert table.lines == [2, 5, 6]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(end: str) -> None:
    table = read(f"a,b{end}1,2{end}{end}3,4")
    assert (table.rows, table.lines) == ([["1", "2"], ["3", "4"]], [2, 4])


def test_a_field_may_be_huge() -> None:
    book = "word " * 100_000
    assert read(f'text\n"{book}"\n').rows == [[book]]


@pytest.mark.parametrize(
    ("quoting", "separator", "cell"),
    [
        (None, "\t", '"a"'),
        (None, ",", "a"),
        ("none", ",", '"a"'),
        ("minimal", "\t", "a"),
        ("all", "\t", "a"),
    ],
)
def test_quotes_are_letters_in_tsv_unless_told(
    quoting: str | None, separator: str, cell: str
) -> None:
    text = f'text{separator}label\n"a"{separator}b\n'
    assert read(text, separator, quoting=quoting).rows == [[cell, "b"]]


def test_an_open_quote_in_tsv_ends_with_its_line() -> None:
    assert read('t\tl\n"a\tb\nc\td\n', "\t").rows == [['"a', "b"], ["c", "d"]]


@pytest.mark.parametrize("bad", ['"never closed,x\nb,y\n', '"closed" early,x\nb,y\n'])
def test_a_quote_that_does_not_match_names_its_row(bad: str) -> None:
    with pytest.raises(DataError, match=r"a.csv, row 3: the quotes do not match"):
        read(f"text,label\nfine,z\n{bad}")


@pytest.mark.parametrize(("row", "came"), [("a,b,c", 3), ("alone", 1)])
def test_a_row_of_another_width_is_named(row: str, came: int) -> None:
    with pytest.raises(DataError) as caught:
        read(f'text,label\n"x\ny",z\n{row}\n')
    message = str(caught.value)
    assert message.startswith(f"a.csv, row 4: 2 fields were wanted, as in row 1, and {came} came")
    assert "comma" in message


def test_the_header_follows_the_columns_unless_given() -> None:
    text = "ham,hello\nspam,win\n"
    assert read(text, columns=("2", "1")).columns == ("1", "2")
    assert len(read(text, columns=("2", "1"))) == 2
    assert read(text, columns=("ham",)).columns == ("ham", "hello")
    assert read(text, columns=("2", "1"), header=True).columns == ("ham", "hello")
    assert len(read(text, columns=("ham",), header=False)) == 2


def test_what_was_decided_about_the_header_is_said() -> None:
    text = "ham,hello\nspam,win\n"
    assert read(text).notes == ("row 1 is read as the header: 'ham', 'hello'",)
    (note,) = read(text, columns=("1",)).notes
    assert note == "row 1 is read as data, not as a header: 'ham', 'hello'"
    assert read(text, header=False).notes == ()


def test_names_lose_the_white_space_round_them() -> None:
    assert read("text , label\na,b\n").columns == ("text", "label")


def test_a_header_alone_is_an_error() -> None:
    with pytest.raises(DataError, match="there is a header, but no row after it"):
        read("text,label\n")


@pytest.mark.parametrize(
    ("first", "separator"),
    [
        ("a,b", ","),
        ("a;b;c", ";"),
        ("a\tb", "\t"),
        ("a;b,c", ","),
        ("a;b\tc", ","),
        ('"x,y";b', ";"),
        ("text", ","),
    ],
)
def test_the_separator_is_what_the_first_line_shows(first: str, separator: str) -> None:
    assert separator_of(f"\n{first}\n1,2;3\t4\n") == separator
