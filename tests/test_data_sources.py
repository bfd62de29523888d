from __future__ import annotations

import gzip
import unicodedata
from pathlib import Path

import pytest

from headgate.data.sources import read_table
from headgate.errors import DataError, UnknownNameError

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets in shared/data are absent")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\n안녕,x\nb,y\n"),
        ("a.CSV", "\ufefftext;label\n안녕;x\nb;y\n"),
        ("a.tsv", "text\tlabel\n안녕\tx\nb\ty\n"),
        ("a.jsonl", '{"text": "안녕", "label": "x"}\n{"text": "b", "label": "y"}\n'),
        ("a.ndjson", '{"text": "안녕", "label": "x"}\n\n{"label": "y", "text": "b"}\n'),
        ("a.txt", "text\tlabel\n안녕\tx\nb\ty\n"),
    ],
)
def test_every_format_gives_the_same_columns(tmp_path: Path, name: str, content: str) -> None:
    plain, zipped = tmp_path / name, tmp_path / f"{name}.gz"
    plain.write_text(content, encoding="utf-8")
    zipped.write_bytes(gzip.compress(content.encode()))
    for path in (plain, zipped):
        table = read_table(path, columns=("text", "label"))
        assert table.column("text") == ["안녕", "b"]
        assert table.column("2") == ["x", "y"]
        assert table.path == str(path)


def test_plain_text_is_one_column_of_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("one\r\n\n  two\u2028three\n\t\nfour\x85\n".encode())
    table = read_table(path)
    assert table.columns == ("text",)
    assert table.column("text") == ["one", "  two\u2028three", "four\x85"]
    assert table.lines == [1, 3, 5]


def test_text_that_is_a_table_by_its_tabs_says_so(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text('Go.\tVa !\n"Run\tCours !\n', encoding="utf-8")
    table = read_table(path)
    assert not table.has_header
    assert table.column("2") == ["Va !", "Cours !"]
    assert table.notes[0] == "every line has 1 TAB: read as a table of 2 columns"


def test_text_that_is_nearly_a_table_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("a\tb\n" * 20 + "c\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no column '2'.*20 of 21 lines have 1 TAB, but line 21"):
        read_table(path, columns=("2", "1"))


def test_a_semicolon_as_separator_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b\n1,5;2\n", encoding="utf-8")
    table = read_table(path)
    assert table.column("a") == ["1,5"]
    assert "semicolon" in table.notes[0]


def test_the_kind_goes_before_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_text("image,caption\n1.jpg,A child\n", encoding="utf-8")
    assert read_table(path, kind="csv").column("caption") == ["A child"]
    assert read_table(path).columns == ("text",)


def test_encoding_and_quoting_reach_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('글,"라벨\n"좋아,1\n'.encode("cp949"))
    table = read_table(path, encoding="cp949", quoting="none")
    assert table.column("글") == ['"좋아']
    with pytest.raises(DataError, match=r"a\.csv, row 1: byte .*--encoding cp949"):
        read_table(path)


def test_a_folder_is_one_file_a_class(tmp_path: Path) -> None:
    korean = unicodedata.normalize("NFD", "한국")
    (tmp_path / f"{korean}.txt").write_text("김\n박\n", encoding="utf-8")
    (tmp_path / "English.txt").write_text("\nSmith\n", encoding="utf-8")
    (tmp_path / "notes.md").write_text("not a class", encoding="utf-8")
    table = read_table(tmp_path, columns=("text", "label"))
    assert table.column("text") == ["Smith", "김", "박"]
    assert table.column("label") == ["English", "한국", "한국"]
    assert table.notes == ("each .txt file is a class, 2 in all: English, 한국",)
    error = table.error("too short", row=2, column="text")
    assert str(error) == f"{tmp_path / korean}.txt, row 2, column 'text': too short"


def test_a_folder_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one \.txt file a class, or .* and this one has neither"):
        read_table(tmp_path)
    (tmp_path / "a.txt").write_text("fine\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text(" \n", encoding="utf-8")
    with pytest.raises(DataError, match=r"b\.txt: the file is empty"):
        read_table(tmp_path)
    (tmp_path / "b.txt").write_bytes("ok\n좋아\n".encode("cp949"))
    with pytest.raises(DataError, match=r"b\.txt, row 2: byte"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", r"a\.txt: the file is empty"),
        ("a.csv", b"\n \r\n", r"a\.csv: the file is empty"),
        ("a.csv", b"\xef\xbb\xbf", r"a\.csv: the file is empty"),
        ("a.csv.gz", b"no gzip", r"a\.csv\.gz: the gzip data is broken or cut off"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], r"broken or cut off"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-8] + b"\0" * 8, r"broken or cut off"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), r"a\.csv\.gz: the file is empty"),
        ("a.tsv", b"a\tb\n\0\tc\n", r"a\.tsv, row 2: a NUL byte"),
        ("a.csv", "가,나\n1,2\n".encode("utf-16"), r"a\.csv, row 1: .*--encoding utf-16$"),
        ("a.xlsx", b"x", r"a\.xlsx: unknown ending '\.xlsx'; known: \.csv, .*kind: csv, tsv"),
        ("noending", b"x", r"unknown ending ''"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no such file; did you mean 'reviews\.csv'\?"):
        read_table(tmp_path / "review.csv")
    with pytest.raises(DataError, match=r"no such file, and no folder '.*nowhere'"):
        read_table(tmp_path / "nowhere" / "a.csv")
    with pytest.raises(DataError, match=r"no such file"):
        read_table(tmp_path / "a", kind="csv")


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(
        UnknownNameError, match=r"unknown quoting 'some'.* known: all, minimal, none"
    ):
        read_table(path, quoting="some")
    with pytest.raises(
        UnknownNameError, match=r"unknown kind of file 'xls'.* known: conll, conllu, csv, jsonl"
    ):
        read_table(path, kind="xls")
    with pytest.raises(DataError, match=r"unknown encoding 'klingon'"):
        read_table(path, encoding="klingon")


@needs_data
def test_real_files_are_read_whole() -> None:
    spam = read_table(DATA / "sms_spam" / "sms.tsv", columns=("2", "1"))
    assert (len(spam), set(spam.column("1"))) == (5574, {"ham", "spam"})
    korean = read_table(DATA / "tatoeba_eng_kor" / "kor.txt")
    assert (len(korean), len(korean.columns), korean.column("2")[0]) == (3723, 3, "가.")
    names = read_table(DATA / "names_nationality")
    assert "SOURCE" in names.notes[0]  # shown, so that the user takes the stray file away
    assert len(set(names.column("label"))) == 19
    chat = read_table(DATA / "korean_chatbot" / "ChatbotData.csv", columns=("Q", "A"))
    assert (len(chat), chat.has_header) == (11823, True)


def test_several_columns_in_one_word_decide_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("5,6,7\n8,9,10\n")
    assert len(read_table(path, columns=["1:3"])) == len(read_table(path, columns=["1,3"])) == 2
    assert len(read_table(path, columns=["5:7"], header=True)) == 1
    path.write_text("V1,V2,V4\n8,9,10\n")
    assert read_table(path, columns=["V2:V4", "V1"]).columns == ("V1", "V2", "V4")
    with pytest.raises(DataError, match=r"a\.csv: no column 'V3'.*\(row 1 is read as the header"):
        read_table(path, columns=["V2:V3"])


def test_several_columns_in_one_word_are_read_of_json(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": 1, "y": 2.50, "z": "a"}\n' * 2)
    table = read_table(path, columns=["x,y", "z"])
    assert table.columns == ("x", "y", "z")
    assert table.rows[0] == ["1", "2.50", "a"]


def test_a_header_of_many_names_is_noted_in_brief(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join([",".join(f"V{i}" for i in range(900)), ",".join("1" * 900)]))
    (note,) = read_table(path).notes
    assert note.endswith("'V11', … (900 in all)")
