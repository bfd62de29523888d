"""Where tokens stand: beside texts that are cut by hand, and by every kind of tokenizer."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest

from headgate.data.fields import TextField
from headgate.inspection.spans import spans

TEXT = "Ärger im Café, sagte sie:\n  „Żółć 12½“ — 한국어도 좋다. the end"


def cut(text: str, tokens: Sequence[str]) -> list[str]:
    return [text[start:end] for start, end in spans(text, tokens)]


@pytest.mark.parametrize("unit", ["character", "word", "subword", "byte"])
@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_tokens_of_a_field_stand_where_they_were_cut(unit: str, lowercase: bool, form: str) -> None:
    text = unicodedata.normalize(form, TEXT)  # type: ignore[arg-type]
    field = TextField.learn([TEXT] * 3, unit=unit, lowercase=lowercase)
    tokens = field.tokens(text)
    for token, piece in zip(tokens, cut(text, tokens), strict=True):
        wanted = token[0] if token.endswith("]") else token
        known = unicodedata.normalize("NFC", piece)
        assert (known.lower() if lowercase else known) == wanted
    assert spans(text, tokens) == sorted(spans(text, tokens))
    if unit != "word":
        covered = sorted({place for span in spans(text, tokens) for place in range(*span)})
        assert covered == list(range(len(text)))


def test_lower_case_is_not_sought_further_on() -> None:
    assert spans("The the", ["the", "the"]) == [(0, 3), (4, 7)]


def test_what_is_unknown_is_the_word_or_the_character() -> None:
    assert cut("a xfilm film\nb", ["a", "<unk>", "film", "<eos>", "b"]) == [
        "a",
        "xfilm",
        "film",
        "\n",
        "b",
    ]
    assert cut("aßb", ["a", "<unk>", "b"]) == ["a", "ß", "b"]
    assert cut("so <unk> it", ["so", "<unk>", "it"]) == ["so", "<unk>", "it"]


def test_bytes_of_one_character_share_its_place() -> None:
    assert spans("aéb", ["a", "é[1/2]", "é[2/2]", "b"]) == [(0, 1), (1, 2), (1, 2), (2, 3)]
    assert cut("x é[1/2] y", ["x", "é[1/2]", "y"]) == ["x", "é[1/2]", "y"]


def test_what_is_not_there_gets_the_gap() -> None:
    assert spans("one two", ["<bos>", "one", "four", "two", "<eos>"]) == [
        (0, 0),
        (0, 3),
        (3, 4),
        (4, 7),
        (7, 7),
    ]
    assert spans("", ["a"]) == [(0, 0)]
    assert spans("abc", []) == []


def test_letters_that_grow_in_lower_case() -> None:
    text = "İstanbul ve İzmir"
    assert cut(text, text.lower().split()) == ["İstanbul", "ve", "İzmir"]
