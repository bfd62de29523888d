"""Stop strings however the text is cut, and rows that end as they should."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.data.fields import TextField
from headgate.errors import DataError, ShapeError
from headgate.tasks.continuation import Row, Stops, check_length
from headgate.tasks.running_text import RunningText


def twin(text: str, stops: list[str]) -> str:
    """Cut a text where the first stop string is whole; of several the longest."""
    for end in range(1, len(text) + 1):
        found = [stop for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(map(len, found))]
    return text


@given(
    text=st.text("abc", max_size=12),
    stops=st.lists(st.text("abc", min_size=1, max_size=4), max_size=3),
    cuts=st.lists(st.integers(0, 12), max_size=4),
)
def test_stops_do_not_hang_on_how_the_text_is_cut(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    held, said = Stops(stops), ""
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for begin, end in itertools.pairwise(ends):
        said += held.give(text[begin:end])
        assert twin(text, stops).startswith(said)  # nothing that has to be taken back
        if held.met:
            break
    assert (said if held.met else said + held.held) == twin(text, stops)


def test_only_what_may_become_a_stop_string_is_held_back() -> None:
    held = Stops(["END", "\n\n"])
    assert [held.give(piece) for piece in ("a", "E", "x", "\n", "EN", "", "\n", "\n")] == [
        "a", "", "Ex", "", "\n", "", "EN", "",
    ]  # fmt: skip
    assert held.met


def row(*, rows: bool = False, **changed: int) -> tuple[Row, RunningText]:
    text = RunningText(TextField.learn(["abcé\n"], unit="byte"), rows=rows)
    return Row(text, [], stop=["bc"], length=changed.get("length", 9)), text


def taken(one: Row, text: RunningText, letters: str) -> list[str]:
    said = []
    for token in text.prompt(letters):
        if one.open:
            said.append(one.take(token))
    return said


def test_a_row_ends_at_a_stop_string_and_gives_what_stands_before_it() -> None:
    one, text = row()
    assert taken(one, text, "abab" + "c" + "aa") == ["a", "", "ba", "", ""]
    assert not one.open


def test_a_row_ends_at_its_length_and_gives_what_was_held_back() -> None:
    one, text = row(length=2)
    assert taken(one, text, "abc") == ["a", "b"]
    half, text = row(length=1)
    assert taken(half, text, "é") == ["\ufffd"]
    none, text = row(length=0)
    assert taken(none, text, "a") == []


def test_a_row_ends_at_the_end_mark() -> None:
    one, text = row(rows=True)
    assert taken(one, text, "ab") == ["a", ""]
    assert one.take(text.field.eos) == "b"
    assert not one.open
    assert one.seen == [*text.prompt("ab"), text.field.eos]


def test_what_cannot_end_a_text_is_refused(unchecked: None) -> None:
    with pytest.raises(ShapeError, match="a number of tokens, 0 or more, not -1"):
        check_length(-1, [])
    with pytest.raises(DataError, match="a stop string is empty"):
        check_length(3, ["a", ""])
    with pytest.raises(DataError, match=r"come as a list: \['END'\], not 'END'"):
        check_length(3, "END")


def test_a_stop_string_of_letters_and_of_their_parts_are_one() -> None:
    for form in ("NFC", "NFD"):
        held = Stops([unicodedata.normalize(form, "강")])
        assert (held.give("물 강"), held.met) == ("물 ", True)
