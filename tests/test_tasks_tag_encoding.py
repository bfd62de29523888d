from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tolerances import assert_equal

from headgate.data.fields import TextField
from headgate.tasks.tag_encoding import Reader, as_line, spell

SENTENCES = [("A", "b"), ("한글", "b", "b"), ("New York",), ("b" * 9, "A")]


def reader(*, letters: bool = True) -> Reader:
    words = TextField.learn([as_line(s) for s in SENTENCES], unit="word", min_frequency=1)
    spelt = [word for sentence in SENTENCES for word in sentence]
    return Reader(words, TextField.learn(spelt, unit="character") if letters else None, 4)


@pytest.mark.parametrize(
    ("word", "longest", "letters"),
    [("abc", 3, "abc"), ("abcd", 3, "abd"), ("abcdef", 4, "abef"), ("ab", 1, "a"), ("", 3, "")],
)
def test_of_a_long_word_both_ends_are_read(word: str, longest: int, letters: str) -> None:
    assert spell(word, longest) == letters


@settings(max_examples=200)
@given(st.lists(st.text(min_size=1), min_size=1))
def test_a_line_has_as_many_words_as_it_was_given(words: list[str]) -> None:
    """Also of white space alone, or of what a user's text may call a special piece."""
    words = [word.encode(errors="ignore").decode() or "x" for word in words]
    ids = reader(letters=False).encode([words]).ids[0]
    assert len(ids) == len(words)


def test_each_distinct_word_is_spelt_once() -> None:
    found = reader().encode(SENTENCES)
    assert found.places == [[0, 1], [2, 1, 1], [3], [4, 0]]
    assert [len(row) for row in found.letters] == [1, 1, 2, 4, 4]


def test_a_batch_holds_its_own_words_only() -> None:
    own = reader()
    found = own.encode(SENTENCES)
    batch = found.batch([1, 0])
    assert batch.ids.tolist() == [
        own.words.encode("한글 b b"),
        [*own.words.encode("A b"), own.words.pad],
    ]
    assert batch.lengths.tolist() == [3, 2]
    assert batch.sizes.tolist() == [2, 1, 1]
    assert batch.places.tolist() == [[0, 1, 1], [2, 1, 0]]
    for row, sentence in enumerate([SENTENCES[1], SENTENCES[0]]):
        for place, word in enumerate(sentence):
            spelt = batch.letters[batch.places[row, place]]
            assert own.letters is not None
            assert spelt[spelt != 0].tolist() == own.letters.encode(word)


def test_without_letters_every_word_is_spelt_alike() -> None:
    batch = reader(letters=False).encode(SENTENCES).batch([1, 0])
    assert batch.letters.shape == (1, 1)
    assert_equal(batch.places, batch.ids * 0, "bits")
