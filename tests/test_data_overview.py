from __future__ import annotations

import codecs
import gzip
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.data.columns import Cell, Table
from headgate.data.overview import ColumnFacts, Overview, Spread, overview
from headgate.data.overview_file import FileFacts, file_facts
from headgate.data.overview_rows import find_repeats
from headgate.data.overview_words import warnings
from headgate.errors import DataError

CELLS = st.one_of(
    st.sampled_from(["a", "a ", "b", "é", "e\u0301", ""]), st.sampled_from([("a",), ("a", "b"), ()])
)


def table_of(*columns: list[Any]) -> Table:
    names = tuple(f"c{number}" for number in range(1, len(columns) + 1))
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Table("a.csv", names, rows, list(range(2, len(rows) + 2)), True)


def column_of(*cells: Any) -> ColumnFacts:
    return overview(table_of(list(cells))).columns[0]


@given(pairs=st.lists(st.tuples(CELLS, st.none() | CELLS)))
def test_repeats_are_those_that_a_dictionary_finds(pairs: list[tuple[Cell, Cell | None]]) -> None:
    targets: dict[Any, list[Any]] = {}
    for input, target in pairs:
        targets.setdefault(_seen(input), []).append(_seen(target))
    found = find_repeats(iter(pairs))
    assert found.rows == len(pairs) - len(targets)
    clashing = {key for key, each in targets.items() if len(set(each)) > 1}
    assert found.contradictions == len(clashing)
    assert len(found.examples) == min(5, len(clashing))
    for first, second in found.examples:
        assert _seen(pairs[first][0]) == _seen(pairs[second][0])
        assert _seen(pairs[first][1]) != _seen(pairs[second][1])


def _seen(cell: Cell | None) -> Any:
    if isinstance(cell, str):
        return unicodedata.normalize("NFC", cell).strip()
    return cell


@given(lengths=st.lists(st.integers(0, 20), min_size=1))
def test_a_spread_is_read_from_the_sorted_lengths(lengths: list[int]) -> None:
    found = Spread.of(Counter(lengths))
    for share, bound in ((0.5, found.median), (0.95, found.most_are)):
        within = sum(length <= bound for length in lengths)
        below = sum(length < bound for length in lengths)
        assert within >= share * len(lengths) > below
    assert found.longest == max(lengths)
    assert Spread.of(Counter()) == Spread(0, 0, 0)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["good", "bad"] * 5, "classes"),
        (["same"] * 3, "classes"),
        (["0", "1"] * 5, "classes"),
        (["good", "bad", "so so"] * 3, "text"),
        (["1", "-2.5", "1e-3", "3 ", ".5", "1,5", "50%"], "number"),
        (["1", "two"], "text"),
        (["2026-11-21", "1999-1-2T03:04", "21.11.26"], "date"),
        ([("a", "b"), ("c",)], "sequence"),
        ([("a",), "b"], "mixed"),
        (["", " "], "empty"),
        ([str(number) + "x" * 300 for number in range(3)] * 9, "text"),
    ],
)
def test_a_column_has_a_kind(cells: list[Any], kind: str) -> None:
    assert column_of(*cells).kind == kind


def test_classes_are_counted_and_the_doubtful_ones_named() -> None:
    found = column_of(*["good"] * 60, *["Good "] * 20, *["bad"] * 11, "odd", "")
    assert list(found.classes.items()) == [("good", 60), ("Good", 20), ("bad", 11), ("odd", 1)]
    assert found.rare == ["odd"]
    assert found.alike == [("good", "Good")]
    assert found.distinct == 4
    tags = column_of(("B", "O", "O"), ("O", "O", "O", "O", "B", "O", "O"))
    assert tags.classes == {"O": 8, "B": 2}
    words = column_of(*[tuple(f"w{number % 300}" for number in range(1500))])
    assert (words.kind, words.classes, words.distinct) == ("sequence", {}, 300)


def test_trouble_has_its_first_rows() -> None:
    cells = ["fine", "", "e\u0301", "a\x07", "\u200b안", " "] + [""] * 9
    found = column_of(*cells).findings
    assert {name: (each.count, each.lines) for name, each in found.items()} == {
        "empty": (11, [3, 7, 8, 9, 10]),
        "not NFC": (1, [4]),
        "control characters": (1, [5]),
        "invisible or lost characters": (1, [6]),
    }


def test_too_many_values_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.data.overview._MOST_VALUES", 5)
    assert column_of(*"abcde" * 9).distinct == 5
    found = column_of(*"abcdef" * 9)
    assert (found.distinct, found.classes, found.kind) == (None, {}, "text")


def test_the_roles_of_the_file_stand_where_no_column_is_named() -> None:
    plain = table_of(["a", "a"], ["x", "y"])
    assert overview(plain).repeats is None
    ruled = Table("a", plain.columns, plain.rows, plain.lines, True, roles=("c1", "c2"))
    found = overview(ruled)
    assert (found.input, found.target) == ("c1", "c2")
    assert found.repeats is not None
    assert found.repeats.contradictions == 1
    assert overview(plain, input="2").input == "c2"
    with pytest.raises(DataError, match="no column 'c3'"):
        overview(plain, input="c3")


def test_an_overview_is_json() -> None:
    found = overview(table_of(["a", "a"] * 9, ["x", "y"] * 9), input="c1", target="c2").to_dict()
    again = json.loads(json.dumps(found))
    assert again["rows"] == 18
    assert again["repeats"] == {"rows": 17, "contradictions": 1, "examples": [[0, 1]]}
    assert again["columns"][1]["classes"] == {"x": 9, "y": 9}
    assert again["columns"][1]["rare"] == ["x", "y"]


def test_warnings_are_sentences() -> None:
    table = table_of(["a b", "a b ", "", *"cdefgh"], ["x", "y", "y", *"xxxxxX"])
    found: Overview = overview(table, input="c1", target="c2")
    facts = FileFacts(9, "UTF-8", "", {"LF": 3, "CRLF": 2})
    lines = warnings(found, table, facts)
    assert lines[0] == (
        "1 input with different targets, such as 'a b' in rows 2 and 3: no model can be right on "
        "all of them"
    )
    assert lines[1].startswith("1 row of 9 repeat an input")
    assert "column 'c1': empty in 1 row (4): fill them in, or take the rows out" in lines
    assert lines[-1] == "line ends are mixed: 3 LF, 2 CRLF; each is read as one"
    assert warnings(overview(table_of(["a", "b"])), table) == []


@pytest.mark.parametrize(
    ("data", "encoding", "evidence"),
    [
        (b"a\n", "ASCII", "no byte is above"),
        ("안녕\n".encode(), "UTF-8", "every byte fits"),
        (codecs.BOM_UTF8 + "안\n".encode(), "UTF-8", "begins with its mark"),
        (
            b"a\n" + "좋아 이 영화는 정말\n".encode("cp949"),
            "cp949",
            "row 2 is not UTF-8; as cp949 it reads '좋아",
        ),
        ("a\n".encode("utf-16"), "utf-16", "its mark"),
        (b"a\0b" * 9, "unknown", "NUL"),
    ],
)
def test_the_bytes_show_the_encoding(
    tmp_path: Path, data: bytes, encoding: str, evidence: str
) -> None:
    (tmp_path / "a").write_bytes(data)
    found = file_facts(tmp_path / "a")
    assert (found.size, found.encoding, found.problem) == (len(data), encoding, "")
    assert evidence in found.evidence


@given(parts=st.lists(st.sampled_from(["a", "안", "\n", "\r\n", "\r"])), size=st.integers(1, 5))
def test_line_ends_are_counted_over_pieces(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], size: int
) -> None:
    text = "".join(parts)
    path = tmp_path_factory.getbasetemp() / "ends"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headgate.data.overview_file._PIECE", size)
        found = file_facts(path)
    pairs = text.count("\r\n")
    counts = {"LF": text.count("\n") - pairs, "CRLF": pairs, "CR": text.count("\r") - pairs}
    assert found.line_ends == {name: count for name, count in counts.items() if count}
    assert found.encoding == ("UTF-8" if "안" in text else "ASCII")


def test_a_file_that_breaks_off_shows_what_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    whole = gzip.compress("".join(f"안녕 {number}\n" for number in range(300_000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    found = file_facts(path)
    assert found.problem.startswith(f"the gzip data is broken or cut off after {found.size} bytes")
    assert found.size > 0
    assert found.encoding == "UTF-8"
    assert "cannot be read" in file_facts(tmp_path / "none").problem
