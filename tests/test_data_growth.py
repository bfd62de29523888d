from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.data.fields import TextField

WORDS = ["the cat sat", "the dog sat", "a cat <sep> a dog"]
LETTERS = st.text(alphabet=st.sampled_from("abcdé각 간\u1100\u1161"), min_size=1, max_size=12)


def pieces_of(field: TextField) -> list[str]:
    return [field.tokens([index])[0] for index in range(len(field))]


@given(old=st.lists(LETTERS, min_size=1), new=st.lists(LETTERS))
@settings(max_examples=60)
def test_every_old_id_keeps_its_number(old: list[str], new: list[str]) -> None:
    field = TextField.learn([*old, "a"], unit="character")
    before = field.to_json()
    longer, count = field.extended(new)
    assert pieces_of(longer)[: len(field)] == pieces_of(field)
    assert len(longer) == len(field) + count
    assert field.to_json() == before
    both = TextField.learn([*old, "a", *new], unit="character")
    assert set(pieces_of(longer)) == set(pieces_of(both))
    for text in new:
        assert longer.decode(longer.encode(text)) == both.decode(both.encode(text))


def test_new_words_must_come_as_often_as_those_that_were_learned() -> None:
    field = TextField.learn(WORDS, unit="word", specials=["<sep>"], lowercase=True)
    new = ["Bird bird owl owl owl fox", "bird <sep> <sep> <pad> <pad>"]
    longer, count = field.extended(new)
    counts = Counter(" ".join(new).lower().split())
    assert {word for word in counts if counts[word] >= 2 and word[0] != "<"} == {"bird", "owl"}
    assert pieces_of(longer)[len(field) :] == ["bird", "owl"]
    assert count == 2
    assert field.extended(new, min_frequency=1)[1] == 3
    assert longer.encode("the fox") == [field.encode("the")[0], longer.unk]


def test_the_special_pieces_stay_special() -> None:
    field = TextField.learn(WORDS, unit="word", specials=["<sep>"])
    longer = field.extended(["<sep> new new <eos>"])[0]
    assert longer.special("<sep>") == field.special("<sep>") == 4
    assert longer.encode("<sep> <eos> new") == [longer.unk, longer.unk, len(field)]
    assert longer.decode([4, 3, len(field)]) == "new"


@pytest.mark.parametrize("unit", ["word", "character"])
def test_what_has_grown_is_saved_and_grows_again(unit: str) -> None:
    field = TextField.learn(WORDS * 2, unit=unit)
    once = TextField.from_json(field.extended(["새 새"])[0].to_json())
    twice, count = once.extended(["owl 새 owl", "λ λ"])
    assert count == {"word": 2, "character": 3}[unit]  # owl, λ; w, l, λ
    assert pieces_of(twice)[: len(once)] == pieces_of(once)
    assert pieces_of(once)[: len(field)] == pieces_of(field)
    assert TextField.from_json(twice.to_json()).encode("owl 새 λ") == twice.encode("owl 새 λ")


@pytest.mark.parametrize("unit", ["subword", "byte"])
def test_what_spells_any_text_stays_as_it_is(unit: str) -> None:
    field = TextField.learn(WORDS, unit=unit, vocabulary_size=400)
    assert field.extended(["새로운 글자"]) == (field, 0)


def test_nothing_new_adds_nothing() -> None:
    field = TextField.learn(WORDS, unit="character")
    assert field.extended([]) == (field, 0)
    assert field.extended(["tac", "cat < dog"]) == (field, 0)
