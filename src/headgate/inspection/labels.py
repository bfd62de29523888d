"""Tokens as labels: every character visible, and how many terminal columns it takes."""

from __future__ import annotations

import unicodedata

_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_REPLACEMENT = "\ufffd"


def visible(token: str) -> str:
    """Write a token so that it can be seen, and cannot disturb what stands round it.

    Spaces become ␣, control characters their pictures (␊, ␉, ␛); a lone combining mark gets a
    dotted circle; what can be neither shown nor stored becomes U+FFFD.

    Args:
        token: any text.

    Returns:
        The label; ∅ for an empty token.

    Example:
        >>> visible("a b")
        'a␣b'
    """
    label = "".join(_visible_character(character) for character in token)
    if label and display_width(label[0]) == 0:
        label = "◌" + label
    return label or "∅"


def _visible_character(character: str) -> str:
    code, category = ord(character), unicodedata.category(character)
    if category == "Zs":
        return "␣"
    if code < 0x20 or code == 0x7F:
        return chr(0x2421 if code == 0x7F else 0x2400 + code)
    if (
        category in ("Cc", "Cs", "Zl", "Zp")
        or character in _BIDI_CONTROLS
        or code & 0xFFFE == 0xFFFE
    ):
        return _REPLACEMENT
    return character


def display_width(text: str) -> int:
    """Count the terminal columns of a text.

    Args:
        text: one line, without control characters.

    Returns:
        The columns: 2 for an East Asian wide character, 0 for a combining mark, else 1.

    Example:
        >>> display_width("11월")
        4
    """
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    # The vowels and final consonants of decomposed Hangul join the syllable before them.
    if "\u1160" <= character <= "\u11ff" or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(label: str, columns: int) -> str:
    """Shorten a label to a number of columns.

    Args:
        label: the text.
        columns: how many columns it may take, 1 or more.

    Returns:
        The label, or its beginning and an ellipsis.

    Example:
        >>> clip("internationalisation", 8)
        'interna…'
    """
    if display_width(label) <= columns:
        return label
    end, used = 0, 1
    while used + display_width(label[end]) <= columns:
        used += display_width(label[end])
        end += 1
    return label[:end] + "…"
