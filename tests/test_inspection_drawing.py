"""Strips, bars and tables: what they draw, and that they fit."""

from __future__ import annotations

import re

import pytest
import torch

from headgate.inspection.drawing import (
    BLUES,
    SIGNS,
    bar,
    fold,
    laid_out,
    on_colour,
    strip,
    strips,
    table,
)
from headgate.inspection.labels import display_width


def plain(picture: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", picture)


def test_a_higher_bar_is_a_greater_value() -> None:
    heights = [f"{strip([value / 8])}" for value in range(9)]
    assert "".join(heights) == " ▁▂▃▄▅▆▇█"
    assert strip([-1.0, 0.0, 1.0, 9.0, float("nan")], low=-1, high=1) == " ▄██?"
    assert strip(torch.ones(2), widths=[1, 3]) == "████"
    assert strip([5.0, 5.0], low=5, high=5) == "  "


def test_colours_have_the_width_of_the_bars() -> None:
    values = [0.0, 0.3, 1.0]
    drawn = strip(values, colour=True, widths=[1, 2, 3])
    assert plain(drawn) == " " * 6
    assert [int(shade) for shade in re.findall(r"48;5;(\d+)m", drawn)] == [
        BLUES[0],
        BLUES[3],
        BLUES[-1],
    ]
    signed = strip([-1.0, 0.0, 1.0], low=-1, high=1, colour=True)
    shades = [int(shade) for shade in re.findall(r"48;5;(\d+)m", signed)]
    assert shades == [SIGNS[0], SIGNS[len(SIGNS) // 2], SIGNS[-1]]


def test_ink_is_dark_on_bright_and_bright_on_dark() -> None:
    assert "38;5;16;" in on_colour("a", 0.5, signed=True)
    assert "38;5;231;" in on_colour("a", 0.0, signed=True)
    assert "38;5;231;" in on_colour("a", 0.0)
    assert "38;5;16;" in on_colour("a", 1.0)


@pytest.mark.parametrize(("share", "drawn"), [(0, "    "), (1, "████"), (0.5, "██  "), (7, "████")])
def test_a_bar_fills_its_width(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn
    assert display_width(bar(0.33, 10)) == 10


def test_numbers_of_a_table_are_flush_right() -> None:
    lines = table([["영화", "1", "1"], ["b", "10.5", "1 reverse"]], ["word", "n", "layer"])
    assert lines == ["word     n  layer", "영화     1  1", "b     10.5  1 reverse"]
    assert table([]) == []


def test_columns_fold_without_a_loss() -> None:
    widths = [3, 1, 4, 1, 5, 9, 2, 6]
    for room in (1, 5, 9, 40):
        panels = fold(widths, room)
        assert [column for panel in panels for column in panel] == list(range(len(widths)))
        assert all(len(p) == 1 or sum(widths[c] for c in p) <= room for p in panels)


@pytest.mark.parametrize("width", [24, 40, 80])
@pytest.mark.parametrize("colour", [False, True])
def test_strips_fit_and_stand_under_their_tokens(width: int, colour: bool) -> None:
    tokens = list("a\n비 b") * 12
    lines = strips(tokens, {"forget": torch.rand(60), "h": torch.rand(60)}, width=width)
    assert all(display_width(plain(line)) <= width for line in lines)
    if width == 80:
        assert lines[0].startswith("       a␊비␣b")
    coloured = strips(tokens, {"x": [1.0] * 60}, width=width, colour=colour)
    assert ("\x1b" in "".join(coloured)) == colour


def test_words_have_a_gap_after_them() -> None:
    head, row = strips(["the", "film"], {"x": [1.0, 0.5]}, width=80)
    assert (head, row) == ("  the film", "x ████▄▄▄▄▄")


def test_a_long_text_becomes_one_line_of_means() -> None:
    lines = strips("a" * 5000, {"x": [0.0] * 2500 + [1.0] * 2500}, width=52)
    assert lines == [
        "  tokens 1 to 5000; a cell is the mean of up to 100",
        "x " + " " * 25 + "█" * 25,
    ]


@pytest.mark.parametrize("width", [-1, 0, 1, 3])
def test_a_narrow_terminal_loses_no_token(width: int) -> None:
    lines = strips("abc", {"x": [1.0] * 3}, width=width)
    assert "".join(lines).count("█") == 3


def test_figures_look_alike() -> None:
    graphs = pytest.importorskip("plotly.graph_objects")
    figure = laid_out(graphs.Figure(), title="one", height=300)
    assert (figure.layout.title.text, figure.layout.height, figure.layout.font.size) == (
        "one",
        300,
        12,
    )
