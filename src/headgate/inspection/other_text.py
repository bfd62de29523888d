"""A text in which some tokens are others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headgate.errors import DataError
from headgate.inspection.spans import spans


def replaced(text: str, tokens: Sequence[str], changes: Mapping[int, str]) -> str:
    """Put other tokens in the place of some; what stands between the tokens stays.

    Args:
        text: the text.
        tokens: what it was cut into.
        changes: new texts by the number of the token, counted from 1.

    Returns:
        The text, changed.

    Raises:
        DataError: there is no such token, it does not stand in the text, as the end of a
            sentence, or two changes are to the same characters.

    Example:
        >>> replaced("A dull film.", ["a", "dull", "film", "."], {2: "fine"})
        'A fine film.'
    """
    if not changes:
        raise DataError("no token is changed: wanted is a number with a new token, such as 3=good")
    places = spans(text, tokens)
    end = len(text) + 1
    for number in sorted(changes, reverse=True):
        if not 1 <= number <= len(tokens):
            raise DataError(
                f"there is no token {number}: the text has {len(tokens)}, 1 to {len(tokens)}"
            )
        first, last = _stripped(text, *places[number - 1])
        if first == last:
            raise DataError(f"token {number}, {tokens[number - 1]!r}, stands for no characters")
        if last > end:
            raise DataError(
                f"token {number}, {tokens[number - 1]!r}, stands for the same characters as the "
                "next one that is changed: change one of them"
            )
        text, end = text[:first] + changes[number] + text[last:], first
    return text


def _stripped(text: str, first: int, last: int) -> tuple[int, int]:
    """A span without the spaces round it, as a token that is not found has all of a gap."""
    inside = text[first:last]
    if not inside.strip():
        return first, last
    return first + len(inside) - len(inside.lstrip()), last - len(inside) + len(inside.rstrip())
