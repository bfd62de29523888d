"""Texts as one row of ids: nothing is lost, and every unit spells as it reads."""

from __future__ import annotations

import pytest
import torch

from headgate.data.fields import TextField
from headgate.errors import DataError
from headgate.tasks.continuation import Speller
from headgate.tasks.running_text import RunningText, lines_of

TEXT = "따뜻한 영화: a warm film!\n\n  cold, cold…\tend é😀\nlast line"
UNITS = ("character", "byte", "subword")


def running(unit: str, *, rows: bool = False, text: str = TEXT) -> RunningText:
    field = TextField.learn(lines_of(text * 3), unit=unit, vocabulary_size=400)
    return RunningText(field, rows=rows)


def spelt(text: RunningText, ids: list[int]) -> str:
    speller = Speller(text)
    return "".join(speller.give(token) for token in ids) + speller.close()


@pytest.mark.parametrize("unit", UNITS)
def test_a_document_is_read_and_spelt_without_loss(unit: str) -> None:
    text = running(unit)
    ids = text.encode([TEXT]).tolist()
    assert spelt(text, ids) == TEXT
    assert text.prompt(TEXT) == ids
    assert text.end is None
    assert text.field.eos not in ids


@pytest.mark.parametrize("unit", UNITS)
def test_a_piece_never_ends_inside_a_character(unit: str) -> None:
    text = running(unit, text="abc")  # Korean is spelt in bytes, or not at all
    speller, said = Speller(text), ""
    if unit == "character":
        return
    for token in text.prompt(TEXT):
        said += speller.give(token)
        assert "\N{REPLACEMENT CHARACTER}" not in said
        assert TEXT.startswith(said)
    assert said == TEXT
    assert speller.close() == ""


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    text = running("byte")
    ids = text.prompt("é")
    assert spelt(text, [ids[1], *text.prompt("a"), ids[0]]) == "\ufffda\ufffd"


@pytest.mark.parametrize("unit", [*UNITS, "word"])
def test_several_texts_are_closed_by_the_mark(unit: str) -> None:
    text = running(unit, rows=True)
    eos = text.field.eos
    ids = text.encode(["a warm film!", "last line"]).tolist()
    assert ids == [*text.prompt("a warm film!"), eos, *text.prompt("last line"), eos]
    assert text.end == text.start == eos
    assert text.encode([]).tolist() == []


def test_words_close_each_line_of_a_document() -> None:
    text = running("word", text="a b\nc a b\n\n")
    eos, a, b, c = text.field.eos, *(text.field.encode(w)[0] for w in "abc")
    assert text.encode(["a b\nc\n\na"]).tolist() == [a, b, eos, c, eos, eos, a, eos]
    assert text.prompt("a b\nc") == [a, b, eos, c]
    assert text.prompt("a b\n") == [a, b, eos]
    assert text.prompt("") == []
    assert spelt(text, [a, b, eos, c, eos, eos, a]) == "a b\nc\n\na"


def test_a_word_after_words_has_a_space_before_it() -> None:
    text = running("word", text="a b\n" * 3)
    [b] = text.field.encode("b")
    assert Speller(text, "a").give(b) == " b"
    assert Speller(text, "a\n").give(b) == Speller(text).give(b) == "b"


@pytest.mark.parametrize(
    ("unit", "start"), [("character", "\n"), ("subword", "\n"), ("byte", "\n"), ("word", None)]
)
def test_a_document_begins_where_a_line_does(unit: str, start: str | None) -> None:
    text = running(unit)
    assert text.start == (text.field.eos if start is None else text.prompt(start)[0])
    lineless = RunningText(TextField.learn(["ab ab"], unit="character"), rows=False)
    assert lineless.start == lineless.field.eos


def test_unknown_characters_of_a_prompt_are_named() -> None:
    text = running("character", text="abc\n")
    message = r"has not: 'x', 'é'; .*write the prompt without, or train with unit=byte"
    with pytest.raises(DataError, match=message):
        text.prompt("axbéx")
    with pytest.raises(DataError, match="'n', …;"):
        text.prompt("defghijklmno"[:2] + "ghijklmnop")
    assert running("byte", text="abc").unknown("xé") == []


def test_unknown_words_are_read_as_such_and_can_be_listed() -> None:
    text = running("word", text="a b\n")
    assert text.prompt("a x b") == [*text.prompt("a"), text.field.unk, *text.prompt("b")]
    assert text.unknown("y a x b y") == ["y", "x"]


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("unit", [*UNITS, "word"])
def test_what_is_never_written(unit: str, rows: bool) -> None:
    text = running(unit, rows=rows)
    field = text.field
    marks = {field.pad, field.unk, field.bos}
    ends = rows or unit == "word"
    assert set(text.never) == (marks if ends else marks | {field.eos})


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("rows", [False, True])
def test_characters_are_counted_token_by_token(unit: str, rows: bool) -> None:
    text = running(unit, rows=rows)
    counts = text.characters()[text.encode([TEXT])]
    assert int(counts.sum()) == len(TEXT) + rows


@pytest.mark.parametrize("rows", [False, True])
def test_words_count_the_space_after_them(rows: bool) -> None:
    text = running("word", rows=rows, text="one two\nthree four five\n")
    line = "one two" if rows else "one two\nthree four five\n"
    assert int(text.characters()[text.encode([line])].sum()) == len(line) + rows


def test_tokens_have_names() -> None:
    text = running("byte")
    names = [text.name(index) for index in text.prompt("aé")]
    assert names == ["a", "<0xC3>", "<0xA9>"]
    assert [text.name(index) for index in range(4)] == ["<pad>", "<unk>", "<bos>", "<eos>"]
    assert text.encode(["a"]).dtype == torch.int64
