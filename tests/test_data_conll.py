from __future__ import annotations

import pytest

from headgate.data.columns import Table
from headgate.data.conll import CONLLU, looks_conll, read_conll, read_conllu
from headgate.errors import DataError

NAMES = "Anna NNP B-PER\nKim NNP I-PER\nran VBD O\n\n서울 NNP B-LOC\n은 JX O\n"


def read(text: str, *columns: str) -> Table:
    return read_conll(text, path="a.conll", columns=columns)


def conllu(*lines: str) -> Table:
    return read_conllu("\n".join(lines), path="a.conllu")


def word(number: str, form: str, tag: str = "NOUN") -> str:
    return "\t".join([number, form, form, tag, "_", "_", "0", "root", "_", "_"])


def test_a_sentence_is_a_row_of_sequences() -> None:
    table = read(NAMES)
    assert table.columns == ("1", "2", "3")
    assert table.column("1") == [("Anna", "Kim", "ran"), ("서울", "은")]
    assert table.column("3") == [("B-PER", "I-PER", "O"), ("B-LOC", "O")]
    assert (table.lines, table.roles, table.has_header) == ([1, 5], ("1", "3"), False)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_the_last_one_do_not_matter(end: str, last: bool) -> None:
    text = NAMES if last else NAMES.rstrip()
    found = read(text.replace("\n", end))
    assert (found.rows, found.lines) == (read(NAMES).rows, read(NAMES).lines)


def test_blanks_and_blank_lines_may_be_several() -> None:
    table = read("\n\n  a   X\nb \t Y  \n \n\t\n\nc Z\n\n")
    assert (table.rows, table.lines) == ([[("a", "b"), ("X", "Y")], [("c",), ("Z",)]], [3, 8])


def test_tabs_part_columns_where_there_are_tabs() -> None:
    table = read("New York\tB-LOC\nis\tO\n\nbig\tO\n")
    assert table.column("1") == [("New York", "is"), ("big",)]


def test_a_no_break_space_belongs_to_its_token() -> None:
    assert read("1\u00a0000 CD\nwon NN\n").column("1") == [("1\u00a0000", "won")]


def test_text_is_brought_to_nfc() -> None:
    taken_apart = "\u1112\u1161\u11ab\u1100\u1173\u11af"
    assert read(f"{taken_apart} NNP\ncafe\u0301 NN\n").column("1") == [("한글", "caf\u00e9")]


def test_documents_part_sentences_and_are_no_tokens() -> None:
    table = read("-DOCSTART- -X- O\n\na X O\n-DOCSTART- -X- O\nb Y O\n")
    assert table.column("1") == [("a",), ("b",)]
    assert table.notes == ("2 lines -DOCSTART- are left out",)
    assert read("-DOCSTART-\n\na O\n").column("2") == [("O",)]


def test_a_comment_has_another_number_of_fields() -> None:
    table = read("# id of this = 7\na X\n# X\n#3 Y\n")
    assert table.column("1") == [("a", "#", "#3")]
    assert table.lines == [2]


def test_one_column_has_no_targets() -> None:
    assert read("a\nb\n\nc\n").roles == ("1", None)


@pytest.mark.parametrize("head", ["token\tpos\tner\n", "Word\tPOS\tTag\n"])
@pytest.mark.parametrize("gap", ["", "\n"])
def test_a_plain_header_names_the_columns(head: str, gap: str) -> None:
    table = read(head + gap + "a\tX\tO\nb\tY\tO\n")
    names = tuple(head.split())
    assert (table.columns, table.has_header, table.roles) == (names, True, (names[0], names[2]))
    assert table.rows == [[("a", "b"), ("X", "Y"), ("O", "O")]]


def test_a_column_asked_for_by_name_makes_a_header() -> None:
    text = "surface class\na X\n"
    assert read(text).rows == [[("surface", "a"), ("class", "X")]]
    assert read(text, "surface").column("class") == [("X",)]
    assert read("text tag\na X\n", "1", "2").column("1") == [("text", "a")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a X\n\nb\n", r"a\.conll, row 3: 2 columns were wanted, as in row 1, and 1 came"),
        ("a X\nb Y Z\n", r"a\.conll, row 2: 2 columns .* 3 came \(columns are parted by blanks\)"),
        ("a\tX\nb Y\n", r"a\.conll, row 2: 2 columns .* 1 came \(columns are parted by TABs\)"),
        ("a\tX\nb\t\n", r"a\.conll, row 2, column '2': the field is empty"),
        ("a\tX\n\tY\n", r"a\.conll, row 2, column '1': the field is empty"),
        ("\n \n", r"a\.conll: the file has no token"),
        ("-DOCSTART- O\n", r"a\.conll: the file has no token"),
        ("token tag\n", r"a\.conll: the file has no token"),
    ],
)
def test_a_bad_line_is_named(text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}"):
        read(text)


def test_conllu_has_named_columns() -> None:
    table = conllu("# text = a b", word("1", "a"), word("2", "b", "VERB"), "", word("1", "한글"))
    assert (table.columns, table.roles) == (CONLLU, ("FORM", "UPOS"))
    assert table.column("FORM") == [("a", "b"), ("한글",)]
    assert table.column("UPOS") == [("NOUN", "VERB"), ("NOUN",)]
    assert (table.lines, table.notes) == ([2, 5], ())


def test_ranges_and_empty_nodes_are_left_out_and_it_is_said() -> None:
    table = conllu(word("1-2", "don't"), word("1", "do"), word("2", "n't"), word("2.1", "go"))
    assert table.column("FORM") == [("do", "n't")]
    said = "1 multiword ranges and 1 empty nodes are left out: they are no words of their own"
    assert table.notes == (said,)


def test_forms_may_hold_blanks_and_hashes() -> None:
    table = conllu(word("1", "1 000"), word("2", "#"))
    assert table.column("FORM") == [("1 000", "#")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1\ta\tb"], r"row 1: 10 columns were wanted, as in CoNLL-U, and 3 came .* TABs"),
        ([word("1", "a"), word("2", "b") + "\tmore"], r"row 2: 10 columns .* and 11 came"),
        ([word("1", "a").replace("\t", " ")], r"row 1: 10 columns .* and 1 came"),
        ([word("1", "")], r"row 1, column 'FORM': the field is empty"),
        ([word("one", "a")], r"row 1, column 'ID': a number, a range .* 'one' came"),
        (["# nothing", ""], r"the file has no token"),
    ],
)
def test_a_bad_line_of_conllu_is_named(lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.conllu(, |: ){message}"):
        conllu(*lines)


@pytest.mark.parametrize(
    "text",
    [
        NAMES,
        NAMES.replace("\n", "\r\n"),
        "-DOCSTART-\n\n" + NAMES,
        "# id one\na DT\ndog NN\n\nthe DT\ncat NN\nsat VBD\nthe DT\n",
        "그 DET\n개가 NOUN\n\n그 DET\n고양이가 NOUN\n",
        "a\tB-X\n\nb\tO\n",
    ],
)
def test_columns_are_recognized(text: str) -> None:
    assert looks_conll(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "a X\nb Y\n",  # no blank line
        "a\tspam\nb\tham\n\n",  # a table, and a blank line at its end
        "a\tspam\n\nb\tham\n",
        "We ran.\nThey sat.\n\nWe slept.\n",
        "나는 간다\n너는 온다\n\n그는 잔다\n",
        "GO HOME\nSIT DOWN\n\nEAT UP\n",
        "a X\n\nb Y Z\n",
        "A\nB\n\nC\n",
        "The cat sat\non the mat\n\nand was glad\n",
    ],
)
def test_prose_and_tables_are_no_columns(text: str) -> None:
    assert not looks_conll(text)
