from __future__ import annotations

import pytest

from headgate.data.columns import Table
from headgate.data.records import read_records
from headgate.errors import DataError


def read(*texts: str, columns: tuple[str, ...] = ()) -> Table:
    lines = [2 * i + 1 for i in range(len(texts))]
    return read_records(texts, lines, columns=columns, path="a.jsonl")


def test_values_become_text_as_they_are_written() -> None:
    table = read('{"t": "안녕", "n": 0.10, "i": -3, "big": 1e400, "b": true}')
    assert table.columns == ("t", "n", "i", "big", "b")
    assert table.rows == [["안녕", "0.10", "-3", "1e400", "true"]]


def test_only_the_columns_asked_for_are_read() -> None:
    rows = ('{"meta": {"x": 1}, "text": "a"}', '{"text": "b", "meta": null}')
    table = read(*rows, columns=("text", "2"))
    assert (table.columns, table.lines) == (("text", "2"), [1, 3])
    assert table.rows == [["a", "a"], ["b", "b"]]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ('{"t": null}', r"row 3, column 't': the row has no value"),
        ('{"other": 1}', r"row 3, column 't': the row has no value"),
        ('{"t": {"a": 1}}', r"row 3, column 't': text or a number was wanted, and .*\{\"a\""),
        ('{"t": ["a", 1]}', r"row 3, column 't': a list of texts was wanted, and item 2 is 1"),
        ('{"t": [["a"]]}', r"row 3, column 't': a list of texts was wanted, and item 1 is .*\[\"a"),
        ('{"t": ["a", null]}', r"row 3, column 't': a list of texts .* item 2 is 'null'"),
        ('{"t": ["\\ud800"]}', r"row 3, column 't': a list of texts .* item 1 is .*ud800"),
        ('{"t": "\\ud800"}', r"row 3, column 't': half of a surrogate pair .*ud800"),
        ('{"t": NaN}', r"row 3: not JSON \(NaN is not a value\)"),
        ('{"t": "a"', r"row 3: not JSON"),
        ('["a"]', r"row 3: a JSON object .* '\[\"a\"\]' came"),
        ("{}", r"row 3: a JSON object .* '\{\}' came"),
        ('{"t": ' + "[" * 200_000, r"row 3: not JSON"),
    ],
)
def test_a_bad_row_is_named(bad: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.jsonl, {message}"):
        read('{"t": "a"}', bad)


def test_a_missing_key_lists_the_keys() -> None:
    with pytest.raises(DataError, match=r"a\.jsonl: no column 'txt'; did you mean 'text'\?"):
        read('{"text": "a"}', columns=("txt",))


def test_a_list_of_texts_is_a_sequence() -> None:
    table = read('{"tokens": ["서울", "은"], "tags": ["B-LOC", "O"]}', '{"tokens": [], "tags": []}')
    assert table.rows == [[("서울", "은"), ("B-LOC", "O")], [(), ()]]


def test_tokens_and_tags_are_the_columns_where_none_is_named() -> None:
    row = '{"id": 7, "tags": ["O"], "tokens": ["a"]}'
    assert read(row).roles == ("tokens", "tags")
    assert read(row, columns=("tokens", "id")).roles is None
    assert read('{"tokens": ["a"]}').roles is None


def test_columns_by_number_are_those_of_the_file() -> None:
    line = '{"question": "when?", "answer": "now", "who": "me"}'
    table = read_records([line], [1], columns=("2", "1"), path="a.jsonl")
    assert (table.column("2"), table.column("1")) == (["now"], ["when?"])
    one = read_records([line], [1], columns=("1", "3"), path="a.jsonl")
    assert (one.column("1"), one.column("3")) == (["when?"], ["me"])
