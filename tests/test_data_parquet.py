from __future__ import annotations

import datetime
import gzip
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headgate.data.parquet import parquet_files, read_parquet
from headgate.data.store import StoredRows
from headgate.errors import DataError, MissingExtraError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(path: Path, columns: dict[str, Any], *, features: dict[str, Any] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    if features is not None:
        said = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": said})
    pq.write_table(table, path, row_group_size=2)
    return path


VALUES: list[tuple[Any, Any, str | tuple[str, ...]]] = [
    (pa.string(), "안녕 a\nb", "안녕 a\nb"),
    (pa.large_string(), "x", "x"),
    (pa.string_view(), "x", "x"),
    (pa.dictionary(pa.int8(), pa.string()), "x", "x"),
    (pa.int64(), -(2**62), str(-(2**62))),
    (pa.uint8(), 7, "7"),
    (pa.float32(), 0.1, "0.1"),
    (pa.float64(), 0.1, "0.1"),
    (pa.float16(), 0.5, "0.5"),
    (pa.bool_(), True, "true"),
    (pa.decimal128(5, 2), Decimal("1.10"), "1.10"),
    (pa.date32(), datetime.date(2026, 11, 21), "2026-11-21"),
    (pa.timestamp("us"), datetime.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02 03:04:05"),
    (pa.timestamp("ns"), datetime.datetime(2026, 1, 2, 3, 4, 0, 600), "2026-01-02 03:04:00.0006"),
    (pa.time64("us"), datetime.time(1, 2, 30), "01:02:30"),
    (pa.list_(pa.string()), ["a", "b"], ("a", "b")),
    (pa.large_list(pa.large_string()), [], ()),
    (pa.list_(pa.int64(), 2), [1, 2], ("1", "2")),
]


@pytest.mark.parametrize(("kind", "value", "cell"), VALUES, ids=lambda each: str(each))
def test_a_value_becomes_the_text_that_one_would_write(
    tmp_path: Path, kind: Any, value: Any, cell: Any
) -> None:
    table = read_parquet(write(tmp_path / "a.parquet", {"v": pa.array([value] * 3, kind)}))
    assert table.rows == [[cell]] * 3
    assert (table.columns, table.lines) == (("v",), [1, 2, 3])


def test_only_the_wanted_columns_are_read_and_keep_the_names_asked_for(tmp_path: Path) -> None:
    place = write(tmp_path / "a.parquet", {"x": [b"\xff"], "y": ["b"], "a.b": ["c"], "z": [None]})
    table = read_parquet(place, columns=("a.b", "2"))
    assert (table.columns, table.rows) == (("a.b", "2"), [["c", "b"]])
    assert (table.column("2"), table.column("a.b")) == (["b"], ["c"])


def test_sequences_of_unequal_lengths_stay_with_their_rows(tmp_path: Path) -> None:
    rows = [["a"], [], ["b", "c", "d"], ["e", "f"], []]
    table = read_parquet(write(tmp_path / "a.parquet", {"tokens": rows}))
    assert table.column("tokens") == [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "b", "c", None], r"row 4, column 't': the row has no value"),
        ([1.0, 2.0, float("nan")], r"row 3, column 't': a number was wanted, and nan came"),
        ([1.0, float("inf")], r"row 2, column 't': a number was wanted, and inf came"),
        ([["a"], [], ["b", None]], r"row 3, column 't': an element of the sequence has no value"),
        ([["a"], None], r"row 2, column 't': the row has no value"),
        ([None, None], r"row 1, column 't': the row has no value"),
        ([b"\xff"], r"column 't': text, numbers, .*a column of binary came"),
        ([{"a": 1}], r"column 't': text, numbers, .*a column of struct<a: int64> came"),
        ([[["a"]]], r"column 't': text, numbers, .*a column of list<.*list<"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, values: list[Any], message: str) -> None:
    place = write(tmp_path / "a.parquet", {"t": values})
    with pytest.raises(DataError, match=rf"a\.parquet, {message}"):
        read_parquet(place, columns=("t",))


def test_bytes_that_are_no_utf8_are_named(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 2, pa.array([b"ok", b"\xff"], pa.binary()).buffers(), null_count=0
    )
    place = write(tmp_path / "a.parquet", {"t": bad})
    with pytest.raises(DataError, match=r"row 2, column 't': the text is not UTF-8"):
        read_parquet(place, columns=("t",))


def test_where_nothing_is_asked_for_a_note_says_what_is_left_out(tmp_path: Path) -> None:
    columns = {"picture": [b"1", b"2"], "text": ["a", "b"], "year": [1999, None]}
    place = write(tmp_path / "a.parquet", columns)
    table = read_parquet(place)
    assert (table.columns, table.rows) == (("text",), [["a"], ["b"]])
    assert len(table.notes) == 2
    assert "column 'picture'" in table.notes[0]
    assert "row 2, column 'year': the row has no value" in table.notes[1]
    with pytest.raises(DataError, match="no column has text in every row"):
        read_parquet(write(tmp_path / "b.parquet", {"picture": [b"1"]}))


def test_classes_have_the_names_that_the_file_keeps(tmp_path: Path) -> None:
    label = {"names": ["neg", "pos"], "_type": "ClassLabel"}
    tags = {"feature": {"names": ["O", "B"], "_type": "ClassLabel"}, "_type": "List"}
    old = [{"names": ["O", "B"], "_type": "ClassLabel"}]
    columns = {"label": [1, 0, 1], "tags": [[0, 1], [], [1]], "old": [[1], [0], []]}
    features = {"label": label, "tags": tags, "old": old}
    table = read_parquet(write(tmp_path / "a.parquet", columns, features=features))
    assert table.column("label") == ["pos", "neg", "pos"]
    assert table.column("tags") == [("O", "B"), (), ("B",)]
    assert table.column("old") == [("B",), ("O",), ()]
    assert "column 'label' has numbers of classes" in table.notes[0]
    secret = write(tmp_path / "b.parquet", {"label": [0, -1]}, features=features)
    with pytest.raises(DataError, match=r"row 2, column 'label': class -1 .*kept secret"):
        read_parquet(secret, columns=("label",))


def test_a_folder_is_one_table(tmp_path: Path) -> None:
    first = write(tmp_path / "data" / "part-0.parquet", {"t": ["a", "b", "c"]})
    second = write(tmp_path / "data" / "part-1.parquet", {"u": ["x"], "t": ["d"]})
    assert parquet_files(tmp_path) == [first, second]
    table = read_parquet(tmp_path)
    assert table.column("t") == ["a", "b", "c", "d"]
    assert table.lines == [1, 2, 3, 1]
    error = table.error("bad", row=3, column="t")
    assert str(error) == f"{second}, row 1, column 't': bad"
    assert table.notes == ("2 files are read as one table: part-0.parquet, part-1.parquet",)
    with pytest.raises(DataError, match=r"part-0\.parquet: no column 'u'"):
        read_parquet(tmp_path, columns=("u",))
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"a folder of \.parquet files was wanted"):
        read_parquet(tmp_path / "none")


def test_a_large_file_goes_to_the_disk_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"t": ["a", "안녕", ""], "tags": [["x"], [], ["y", "z"]]}
    place = write(tmp_path / "a.parquet", columns)
    whole = read_parquet(place)
    monkeypatch.setenv("HEADGATE_READ_WHOLE", "0")
    stored = read_parquet(place)
    assert isinstance(stored.rows, StoredRows)
    assert (list(stored.rows), list(stored.lines)) == (whole.rows, whole.lines)
    assert (stored.columns, stored.notes, stored.files) == (whole.columns, whole.notes, [])
    empty = write(tmp_path / "b.parquet", {"t": pa.array([], pa.string())})
    with pytest.raises(DataError, match="there are columns, but no row"):
        read_parquet(empty)


def test_what_pyarrow_has_not_learned_yet_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(tmp_path / "a.parquet", {"t": ["a"]})

    def unable(*_: Any, **__: Any) -> Any:
        raise pa.ArrowNotImplementedError("nested data")

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", unable)
    with pytest.raises(DataError, match=r"a\.parquet: pyarrow cannot read .*: nested data"):
        read_parquet(place, columns=("t",))


def test_what_is_no_parquet_file_is_said(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.parquet", {"t": ["a" * 999] * 99}).read_bytes()
    broken = tmp_path / "b.parquet"
    for content in (b"no parquet", whole[:-9], whole[:50] + b"\0" * 40 + whole[90:]):
        broken.write_bytes(content)
        with pytest.raises(DataError, match=r"b\.parquet: this is no Parquet file, or it is dam"):
            read_parquet(broken, columns=("t",))
    broken.write_bytes(gzip.compress(whole))
    with pytest.raises(DataError, match="it is gzip'd: unpack it first"):
        read_parquet(broken)
    broken.write_bytes(b"")
    with pytest.raises(DataError, match=r"b\.parquet: the file is empty"):
        read_parquet(broken)
    with pytest.raises(DataError, match=r"there is no such file"):
        read_parquet(tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"there are columns, but no row"):
        read_parquet(write(tmp_path / "d.parquet", {"t": pa.array([], pa.string())}))


def test_a_missing_column_lists_the_columns(tmp_path: Path) -> None:
    place = write(tmp_path / "a.parquet", {"text": ["a"]})
    with pytest.raises(DataError, match=r"no column 'txt'; did you mean 'text'\?"):
        read_parquet(place, columns=("txt",))


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=r"pip install 'headgate\[data\]'"):
        read_parquet(tmp_path / "a.parquet")


def test_tokens_and_tags_have_their_roles_unless_columns_are_asked_for(tmp_path: Path) -> None:
    columns = {"id": ["1"], "tokens": [["Ada", "left"]], "tags": [["B-PER", "O"]]}
    tagged = write(tmp_path / "a.parquet", columns)
    assert read_parquet(tagged).roles == ("tokens", "tags")
    assert read_parquet(tagged, columns=["tokens", "tags"]).roles is None
    assert read_parquet(write(tmp_path / "b.parquet", {"tokens": [["a"]]})).roles is None
