"""A text shaded by a unit: every letter stands there once, under the colour of its token."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from headgate.inspection.drawing import SIGNS
from headgate.inspection.labels import display_width
from headgate.inspection.spans import spans
from headgate.inspection.unit_svg import text_svg
from headgate.inspection.unit_text import pieces, printable, shaded

TEXT = "The 영화 <b> & é\nnext\tline cafe\u0301 \x1b end"
NAMESPACE = "{http://www.w3.org/2000/svg}"


def plain(picture: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", picture)


def test_pieces_make_up_the_text() -> None:
    tokens = TEXT.split()
    cut = pieces(TEXT, spans(TEXT, tokens))
    assert "".join(cut) == TEXT
    assert [piece.strip() for piece in cut] == tokens
    assert pieces("aé", [(0, 1), (1, 2), (1, 2)]) == ("a", "é", "")
    assert pieces("", []) == ()


@pytest.mark.parametrize("width", [2, 7, 80])
@pytest.mark.parametrize("colour", [False, True])
def test_every_letter_stands_there(width: int, colour: bool) -> None:
    values = [index / len(TEXT) for index in range(len(TEXT))]
    lines = shaded(list(TEXT), values, bounds=(0, 1), width=width, colour=colour)
    assert all(display_width(plain(line)) <= width for line in lines)
    letters = lines if colour else lines[::2]
    shown = TEXT.replace("\n", "␊").replace("\t", "␉").replace("\x1b", "␛")
    assert "".join(map(plain, letters)) == shown
    if width == 80:
        assert plain(letters[0]).endswith("␊")


def test_a_bar_stands_under_its_letter_and_a_colour_behind_it() -> None:
    bounds = (-1.0, 1.0)
    text, bars = shaded(["ab", "비"], [1.0, -1.0], bounds=bounds, width=80)
    assert (text, bars) == ("ab비", "██")
    [line] = shaded(["a", "b", "c"], [-1, 0, 1], bounds=bounds, width=80, colour=True)
    shades = [int(shade) for shade in re.findall(r"48;5;(\d+)m", line)]
    assert shades == [SIGNS[0], SIGNS[5], SIGNS[-1]]


def test_a_drawing_has_the_letters_and_the_colours() -> None:
    values = [-2.0 if letter.isupper() else 2.0 for letter in TEXT]
    drawn = text_svg(list(TEXT), values, bounds=(-2, 2), title="c[1] <&>", note="0.9")
    root = ElementTree.fromstring(drawn)
    texts = root.findall(f"{NAMESPACE}text")
    assert [texts[0].text, texts[1].text] == ["c[1] <&>", "0.9"]
    letters = "".join(text.text or "" for text in texts[2:-2])
    assert letters == TEXT.replace("\n", "↵").replace("\t", "␉").replace("\x1b", "␛")
    assert [texts[-2].text, texts[-1].text] == ["-2", "2"]
    grounds = [rect.get("fill") for rect in root.findall(f"{NAMESPACE}rect")]
    assert grounds[1:3] == ["#b2182b", "#2166ac"]  # T, then the rest of the line
    for text in texts[2:-2]:
        assert len((text.get("x") or "").split()) == len(text.text or "")
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_a_nan_and_what_no_file_can_hold_are_drawn() -> None:
    drawn = text_svg(["a", "\ud800"], [float("nan"), 9.0], bounds=(0, 1), title="\x00")
    ElementTree.fromstring(drawn.encode())
    assert "#e5e7eb" in drawn
    assert printable("a\n[^\\n]é") == "a␊[^\\n]é"
