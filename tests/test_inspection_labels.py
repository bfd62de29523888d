from __future__ import annotations

import unicodedata

import pytest

from headgate.inspection.labels import clip, display_width, visible


@pytest.mark.parametrize(
    ("token", "label"),
    [
        ("word", "word"),
        (" ", "␣"),
        ("\u00a0", "␣"),
        ("\u3000", "␣"),
        ("\n", "␊"),
        ("\t", "␉"),
        ("\x1b[31m", "␛[31m"),
        ("\x7f", "␡"),
        ("\x9b", "\ufffd"),
        ("\u202e", "\ufffd"),
        ("\ud800", "\ufffd"),
        ("\uffff", "\ufffd"),
        ("\u0301", "◌\u0301"),
        ("e\u0301", "e\u0301"),
        ("", "∅"),
        ("년", "년"),
    ],
)
def test_every_token_can_be_seen(token: str, label: str) -> None:
    assert visible(token) == label


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("월요일", 6),
        (unicodedata.normalize("NFD", "월요일"), 6),
        ("e\u0301", 1),
        ("（", 2),
        ("", 0),
    ],
)
def test_width_in_terminal_columns(text: str, columns: int) -> None:
    assert display_width(text) == columns


@pytest.mark.parametrize("columns", range(1, 9))
def test_a_clipped_label_fits(columns: int) -> None:
    assert display_width(clip("월a요b일", columns)) <= columns
    assert clip("월a요b일", 8) == "월a요b일"
    assert clip("월a요b일", 6) == "월a요…"
