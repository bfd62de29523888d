from __future__ import annotations

import re

import pytest
import torch

from headgate.inspection.attention import AttentionMap, attention_map
from headgate.inspection.attention_text import as_text
from headgate.inspection.labels import display_width


@pytest.fixture
def date_map() -> AttentionMap:
    weights = torch.full((3, 6), 0.02, dtype=torch.float64)
    for row, column in enumerate([0, 1, 4]):
        weights[row, column] = 0.8
    return attention_map(weights, source="26년 1월", target="26-")


def plain(picture: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", picture)


def test_the_picture(date_map: AttentionMap) -> None:
    assert as_text(date_map, width=80).splitlines() == [
        "  2 6 년␣ 1 월",
        "2 ██",
        "6   ██",
        "-         ██",
        "",
        "░ 0.04  ▒ 0.20  ▓ 0.40  █ 0.60 to 0.80",
    ]


def test_a_fuller_block_is_a_larger_weight() -> None:
    attention = attention_map([[0.02, 0.2, 0.4, 0.6, 1.0]], source="abcde", target="x")
    assert as_text(attention, width=80).splitlines()[1] == "x   ░░▒▒▓▓██"


def test_words_stand_apart_and_marks_take_no_room() -> None:
    source = ["cafe\u0301", "is", "x" * 40]
    attention = attention_map([[0.0, 1.0, 0.0]], source=source, target=["여기"])
    header, row = as_text(attention, width=80).splitlines()[:2]
    assert header == "     cafe\u0301 is " + "x" * 13 + "…"
    assert row == "여기      ███"
    assert display_width(row.rstrip("█")) == display_width("     cafe ")


def test_a_wide_map_is_folded(date_map: AttentionMap) -> None:
    lines = as_text(date_map, width=8).splitlines()
    assert all(display_width(line) <= 8 for line in lines if not line.startswith(("source", "░")))
    assert [line for line in lines if line.startswith("source")] == [
        "source 1–3 of 6",
        "source 4–6 of 6",
    ]
    assert "  ␣ 1 월" in lines


@pytest.mark.parametrize("width", [-1, 0, 1, 3])
def test_a_terminal_too_narrow_has_one_token_a_panel(date_map: AttentionMap, width: int) -> None:
    assert as_text(date_map, width=width).count("source ") == 6


def test_the_width_of_the_terminal_is_asked_for(
    date_map: AttentionMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "8")
    assert as_text(date_map) == as_text(date_map, width=8)


def test_colours_keep_the_columns_and_grow_with_the_weight() -> None:
    attention = attention_map([[0.0, 0.5, 1.0]], source=["a", "년", "ab"], target="x")
    row = as_text(attention, width=80, colour=True).splitlines()[1]
    assert re.findall(r"48;5;(\d+)m", row) == ["234", "32", "195"]
    assert row.count("\x1b[0m") == 3
    assert plain(row) == "x " + " " * 7


def test_tokens_cannot_send_codes_to_the_terminal() -> None:
    attention = attention_map([[1.0]], source=["\x1b[2J"], target=["\r\n"])
    picture = as_text(attention, width=80)
    assert "\x1b" not in picture
    assert "␛[2J" in picture
    assert "␍␊" in picture


def test_maps_without_weight_or_tokens() -> None:
    zeros = attention_map(torch.zeros(1, 2), source="ab", target="x")
    assert as_text(zeros, width=80).splitlines()[1] == "x"
    empty = attention_map([], source="ab", target="")
    assert as_text(empty) == "nothing to draw: 0 target tokens, 2 source tokens"
