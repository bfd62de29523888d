from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from headgate.data.columns import Table
from headgate.data.delimited import Wishes
from headgate.data.lazy import VARIABLE, is_large, read_lazily
from headgate.data.sources import read_table
from headgate.data.store import RowWriter, StoredRows
from headgate.errors import DataError

PLAIN = st.text(alphabet=st.sampled_from('ab,\t;" \r\n\ufeff\u2028안é\x85{}'), max_size=40)
PLAINLY = Wishes()
CELLS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=9),
    st.lists(st.text("a\xff안", max_size=3)).map(tuple),
)


def outcome(read: Any, *words: Any, **named: Any) -> Any:
    """What a reader gives, or its error; a table as what can be compared."""
    try:
        table: Table | None = read(*words, **named)
    except DataError as error:
        return str(error)
    if table is None:
        return None
    parts = (table.path, table.columns, table.has_header, table.notes, table.roles, table.files)
    return [*parts, [list(row) for row in table.rows], list(table.lines)]


def assert_same(
    path: Path,
    kind: str,
    wishes: Wishes = PLAINLY,
    *,
    encoding: str | None = None,
    piece: int = 7,
    exact: bool = True,
) -> Any:
    whole = outcome(
        read_table,
        path,
        kind=kind,
        columns=wishes.columns,
        header=wishes.header,
        quoting=wishes.quoting,
        encoding=encoding,
    )
    for size, limit in ((piece, 0), (1 << 20, 1 << 20)):
        named: dict[str, Any] = {"wishes": wishes, "encoding": encoding}
        lazy = outcome(read_lazily, path, kind=kind, piece=size, limit=limit, **named)
        # Of a file with several faults the whole reader names another one first.
        assert (
            lazy is None
            or lazy == whole
            or (not exact and isinstance(whole, str) and isinstance(lazy, str))
        )
    return lazy


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lazy") / "data"


@given(
    text=PLAIN,
    kind=st.sampled_from(["csv", "tsv", "txt"]),
    quoting=st.sampled_from([None, "all", "none"]),
)
@settings(max_examples=60)
def test_any_text_is_read_as_if_it_were_read_whole(
    place: Path, text: str, kind: str, quoting: str | None
) -> None:
    assume(kind != "csv" or "\r" not in text.replace("\r\n", ""))  # its first line ends at \n only
    place.write_bytes(text.encode())
    for header in (None, False):
        assert_same(place, kind, Wishes((), header, quoting), exact=False)


@given(
    rows=st.lists(
        st.lists(st.text(alphabet='ab,"\n안', max_size=5), min_size=2, max_size=2), min_size=1
    )
)
def test_a_table_is_read_as_if_it_were_read_whole(place: Path, rows: list[list[str]]) -> None:
    written = ['"' + '","'.join(cell.replace('"', '""') for cell in row) + '"\r\n' for row in rows]
    place.write_bytes("".join(["\r\n", *written]).encode())
    found = assert_same(place, "csv", Wishes(("1", "2")))
    assert found[-2] == rows


RECORD = st.fixed_dictionaries({"t": st.text(max_size=5), "tags": st.lists(st.text(max_size=2))})
BROKEN = st.sampled_from(["", "{", '{"t": null}', '{"x": 1}', "[1]", '{"t": "\\ud800"}'])


@given(
    lines=st.lists(st.one_of(RECORD.map(json.dumps), BROKEN), min_size=1),
    columns=st.sampled_from([(), ("t",), ("2",)]),
)
def test_records_are_read_as_if_they_were_read_whole(
    place: Path, lines: list[str], columns: tuple[str, ...]
) -> None:
    place.write_text("\n".join(lines), encoding="utf-8")
    if columns == ("2",):  # of a table with fewer columns than the file a number means another
        columns = ("tags",)
    assert_same(place, "jsonl", Wishes(columns), exact=False)


def test_many_records_are_read_in_several_batches(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        json.dumps({"text": f"안녕 {number}", "tags": ["a"] * (number % 3)})
        for number in range(4400)
    ]
    path.write_text("\n\n".join(rows), encoding="utf-8")
    found = assert_same(path, "jsonl", piece=4000)
    assert len(found[-2]) == 4400
    path.write_text("\n".join([*rows, '{"text": 1}']), encoding="utf-8")
    found = assert_same(path, "jsonl", piece=1 << 16)
    assert found == f"{path}, row 4401, column 'tags': the row has no value"


BAD = [
    ("csv", "a,b\n1,2\n3\n", r"row 3: 2 fields were wanted, as in row 1, and 1 came"),
    ("csv", '\n\n"a\nb",c\n1,2\n"x\n\ny",2\n1,2,3\n', r"row 9: 2 fields were wanted, as in row 3"),
    ("csv", 'a,b\n1,"2\n3,4\n', r"row 2: the quotes do not match \(unexpected end of data\)"),
    ("csv", 'a,b\n1,2\n"x"y,4\n', r"row 3: the quotes do not match \(',' expected after '\"'\)"),
    ("csv", "a,b\n", r"row 1: there is a header, but no row after it"),
    ("csv", " \n\n", r"the file is empty"),
    ("txt", "one\ntwo\0\n", r"row 2: a NUL byte"),
]


@pytest.mark.parametrize(("kind", "text", "message"), BAD)
def test_an_error_is_that_of_the_whole_file(
    tmp_path: Path, kind: str, text: str, message: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(text.encode())
    found = assert_same(path, kind)
    with pytest.raises(DataError, match=message):
        raise DataError(found)


def test_the_first_line_decides_also_where_it_is_blank(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\x85\na\tb\n".encode())
    assert assert_same(path, "csv", piece=2)[-2] == [["a\tb"]]


def test_encodings_are_those_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("글,라벨\n좋아,가\n싫어,나\n".encode("cp949"))
    assert assert_same(path, "csv", encoding="cp949")[-2] == [["좋아", "가"], ["싫어", "나"]]
    whole = outcome(read_table, path, kind="csv")
    lazy = outcome(read_lazily, path, kind="csv", wishes=Wishes())
    assert whole == lazy
    assert "--encoding cp949" in lazy
    path.write_bytes(b"a,b\n" + b"x,y\n" * 9 + b"x,\xff\n")
    assert "row 11: byte 0xff (byte 3 of the row)" in assert_same(path, "csv")
    assert "unknown encoding 'klingon'" in outcome(read_table, path, encoding="klingon")


@pytest.mark.parametrize("encoding", ["utf-16", "UTF_32", "utf-7", "iso2022_jp", "klingon"])
def test_what_has_to_be_read_whole_is_left(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n", encoding="utf-8")
    assert read_lazily(path, kind="txt", wishes=Wishes(), encoding=encoding) is None
    assert read_lazily(path, kind="conllu", wishes=Wishes()) is None
    path.write_text("Anna B-PER\nran O\n\nGo O\n", encoding="utf-8")
    assert read_lazily(path, kind="txt", wishes=Wishes()) is None


def test_a_text_that_is_nearly_a_table_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(["a\tb"] * 20 + ["\n\nodd", "odder\t\t"]), encoding="utf-8")
    assert "20 of 22 lines have 1 TAB, but line 23 has 0 TABs" in assert_same(path, "txt")[3][0]
    path.write_text("a\tb\n" * 20, encoding="utf-8")
    assert len(assert_same(path, "txt")[1]) == 2


def test_a_gzip_is_read_through(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert assert_same(path, "csv")[-2] == [["1", "2"]]
    path.write_bytes(gzip.compress(b"a,b\n1,2\n")[:-9])
    found = outcome(read_lazily, path, kind="csv", wishes=Wishes())
    assert "the gzip data is broken or cut off" in found


def test_the_size_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"x" * 100)
    assert not is_large(path)
    assert not is_large(tmp_path)
    monkeypatch.setenv(VARIABLE, "499")
    assert is_large(path)  # five times as much text
    monkeypatch.setenv(VARIABLE, "500")
    assert not is_large(path)
    monkeypatch.setenv(VARIABLE, "1G")
    with pytest.raises(DataError, match=r"HEADGATE_READ_WHOLE is a number of bytes.*not '1G'"):
        is_large(path)


@given(rows=st.lists(st.tuples(CELLS, CELLS)), limit=st.sampled_from([0, 1 << 20]), data=st.data())
def test_stored_rows_are_a_list_of_rows(rows: list[Any], limit: int, data: st.DataObject) -> None:
    writer = RowWriter(2, limit=limit)
    for row in rows:
        writer.append(row)
    stored: StoredRows = writer.rows()
    plain = [list(row) for row in rows]
    assert (list(stored), stored[:], stored[::-2], len(stored)) == (
        plain,
        plain,
        plain[::-2],
        len(rows),
    )
    column = stored.column(1)
    assert list(column) == list(column[:]) == [row[1] for row in rows]
    assert list(column[1:3]) == [row[1] for row in rows[1:3]]
    if rows:
        chosen = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1)))
        assert list(column.take(chosen)) == [rows[row][1] for row in chosen]
        assert (stored[-1], column[-1]) == (plain[-1], rows[-1][1])
    with pytest.raises(IndexError):
        stored[len(rows)]
    with pytest.raises(IndexError):
        column[len(rows)]
