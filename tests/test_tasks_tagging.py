from __future__ import annotations

import pytest

from headgate.tasks.tagging import Entity, Tagging, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Anna ran.", ["Anna", "ran", "."]),
        ("(Well, yes!)", ["(", "Well", ",", "yes", "!", ")"]),
        ("그는 “집에” 갔다。", ["그는", "“", "집에", "”", "갔다", "。"]),
        ("It's a well-known 5.5 %...", ["It's", "a", "well-known", "5.5", "%", "..."]),
        ("$5 €7", ["$", "5", "€", "7"]),
        ("?! -- a\u00a0b\u3000c", ["?", "!", "--", "a", "b", "c"]),
        ("+82 a@b.c", ["+82", "a@b.c"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_marks_stand_apart_at_the_ends_of_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_an_answer_is_a_row() -> None:
    found = Tagging.of(["Ada", "Lovelace", "wrote"], ["B-PER", "I-PER", "O"], "BIO")
    assert found.entities == (Entity("PER", 0, 2, "Ada Lovelace"),)
    assert found.row() == {
        "prediction": ("B-PER", "I-PER", "O"),
        "tokens": ("Ada", "Lovelace", "wrote"),
        "entities": "PER: Ada Lovelace",
    }
    assert str(found) == "Ada/B-PER Lovelace/I-PER wrote/O"


def test_tags_of_no_scheme_have_no_entities() -> None:
    found = Tagging.of(["a", "b"], ["B-X", "NOUN"], "none")
    assert found.entities == ()
    assert list(found.row()) == ["prediction", "tokens"]
