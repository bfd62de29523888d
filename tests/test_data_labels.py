from __future__ import annotations

import unicodedata

import pytest

from headgate.data.labels import LabelField
from headgate.errors import DataError


def test_new_classes_follow_the_old_ones() -> None:
    field = LabelField.learn(["spam", "ham"])
    longer = field.extended(["toast", " spam", "eggs", "toast"])
    assert longer.classes == ("ham", "spam", "eggs", "toast")
    assert field.classes == ("ham", "spam")
    again = LabelField.from_json(longer.to_json()).extended(["a", "eggs"])
    assert again.classes == ("ham", "spam", "eggs", "toast", "a")
    assert [again.encode(label) for label in longer.classes] == [0, 1, 2, 3]


def test_a_class_is_known_however_it_was_typed() -> None:
    field = LabelField.learn(["긍정", "부정"])
    assert field.extended([unicodedata.normalize("NFD", "긍정") + " "]).classes == field.classes
    assert field.extended([]).classes == field.classes


def test_an_empty_label_is_refused() -> None:
    with pytest.raises(DataError, match="label 2 of 2 is empty"):
        LabelField(["a", "b"]).extended(["c", " "])
