"""Where each token stands in the text that it was cut from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_BYTE = re.compile(r"(.)\[(\d)/(\d)\]", re.DOTALL)
_UNKNOWN = "<unk>"
_NEAR = 100  # characters that a search may skip: a token that is not in the text finds no far twin


class _Folded(NamedTuple):
    """A text as a tokenizer sees it, and for each of its characters where that began and ended."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def spans(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Find where tokens stand in their text.

    Tokens may be characters, words, pieces with their spaces, or bytes as ``é[1/2]``; a tokenizer
    may have brought the text to NFC and to lower case. What stands between words belongs to none
    of them.

    Args:
        text: the text.
        tokens: its tokens in their order.

    Returns:
        For each the place of its first character and the place after its last one; all bytes of a
        character have its place. A token that is not found gets the gap between its neighbours.

    Example:
        >>> spans("The film. The", ["the", "film.", "<unk>"])
        [(0, 3), (4, 9), (10, 13)]
    """
    lower = all(token == token.lower() for token in tokens)
    folded = _fold(text, lower=lower)
    characters = all(len(token) == 1 for token in tokens if token != _UNKNOWN)
    found: list[tuple[int, int] | None] = []
    cursor = 0
    for token in tokens:
        place = _find(folded.text, token, cursor, characters=characters)
        found.append(place)
        if place is not None and not _is_open(token, folded.text[slice(*place)]):
            cursor = place[1]
    ends = [None if each is None else _original(folded, *each) for each in found]
    return _with_gaps(ends, len(text))


def _find(text: str, token: str, cursor: int, *, characters: bool) -> tuple[int, int] | None:
    here = _match(text, token, cursor)
    if here is not None:
        return here
    if token == _UNKNOWN and characters:
        return (cursor, cursor + 1) if cursor < len(text) else None
    word = re.compile(r"\S+").search(text, cursor)
    if word is None:
        return None
    after = _match(text, token, word.start())
    if after is not None or token == _UNKNOWN:
        return after or word.span()
    start = text.find(token, cursor, cursor + _NEAR + len(token)) if token else -1
    return None if start < 0 else (start, start + len(token))


def _match(text: str, token: str, cursor: int) -> tuple[int, int] | None:
    """The place of a token that stands just here."""
    if token and text.startswith(token, cursor):
        return cursor, cursor + len(token)
    byte = _BYTE.fullmatch(token)
    if byte and text.startswith(byte[1], cursor):
        return cursor, cursor + 1
    return None


def _is_open(token: str, found: str) -> bool:
    """Whether further bytes of the same character follow."""
    byte = None if token == found else _BYTE.fullmatch(token)
    return byte is not None and byte[2] != byte[3]


def _fold(text: str, *, lower: bool) -> _Folded:
    composed = unicodedata.is_normalized("NFC", text)
    simple = text.lower() if lower else text
    if composed and len(simple) == len(text):
        return _Folded(simple, range(len(text)), range(1, len(text) + 1))
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        part = unicodedata.normalize("NFC", text[start:end])
        part = part.lower() if lower else part
        parts.append(part)
        starts += [start] * len(part)
        ends += [end] * len(part)
    return _Folded("".join(parts), starts, ends)


def _clusters(text: str) -> list[tuple[int, int]]:
    """Cut a text where no letter composes with the one before it."""
    found: list[tuple[int, int]] = []
    for place, letter in enumerate(text):
        if found:
            start, end = found[-1]
            before = unicodedata.normalize("NFC", text[start:end])
            alone = unicodedata.normalize("NFC", letter)
            whole = unicodedata.normalize("NFC", text[start:end] + letter)
            if unicodedata.combining(letter) or whole != before + alone:
                found[-1] = (start, place + 1)
                continue
        found.append((place, place + 1))
    return found


def _original(folded: _Folded, start: int, end: int) -> tuple[int, int]:
    return folded.starts[start], folded.ends[end - 1]


def _with_gaps(found: Sequence[tuple[int, int] | None], length: int) -> list[tuple[int, int]]:
    """Fill what was not found, from the last to the first, then from the first to the last."""
    nexts: list[int] = []
    following = length
    for each in reversed(found):
        nexts.append(following)
        following = following if each is None else each[0]
    nexts.reverse()
    filled: list[tuple[int, int]] = []
    before = 0
    for each, after in zip(found, nexts, strict=True):
        filled.append((min(before, after), after) if each is None else each)
        before = before if each is None else each[1]
    return filled
