"""Words of a source: as the tokenizer parts them, and in the place of unknown ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.data.fields import TextField
from headgate.tasks.pair_fields import alike
from headgate.tasks.pair_search import with_copies, words_of

FIELD = TextField.learn(["from me to you", "from me to you"], unit="word")
SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1f\x85\xa0\u1680\u2003\u2028\u3000\u200b\ufeff"


@given(st.text(alphabet=st.sampled_from("ab é\u0301가" + SPACES), max_size=20))
def test_there_is_a_word_for_each_id(text: str) -> None:
    words = words_of(text)
    assert len(words) == len(FIELD.encode(text))
    assert [FIELD.encode(word) for word in words] == [[each] for each in FIELD.encode(text)]


def test_unknown_words_are_taken_and_known_ones_left() -> None:
    ids = FIELD.encode("from Zoë to you")
    words = words_of("hello  Zoë and cafe\u0301")
    assert with_copies(FIELD, ids, words, [0, 1, 2, 3]) == "from Zoë to you"
    assert with_copies(FIELD, [FIELD.unk, FIELD.unk], words, [3, 0]) == "café hello"
    assert with_copies(FIELD, [], words, []) == ""


@pytest.mark.parametrize(
    ("sources", "targets", "same"),
    [
        (["where are you"], ["you are where"], True),
        (["abcdefghij"] * 9, ["abcdefghi!"] * 9, True),
        (["abcdefgh"], ["abcdefXY"], False),
        (["abc abc"], ["abc 가나다라마"], False),
        (["12.3.2001"], ["2001-03-12"], False),
        ([""], ["a"], False),
    ],
)
def test_sides_are_alike_by_their_characters(
    sources: list[str], targets: list[str], same: bool
) -> None:
    assert alike(sources, targets) is same
    assert alike(targets, sources) is same
