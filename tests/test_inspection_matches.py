"""Tokens inside matches: beside a look at each character."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from headgate.errors import DataError
from headgate.inspection.matches import compiled, matches
from headgate.inspection.spans import spans

TEXT = 'say "a b c" now, "" and "d"\nthen \'e\' "f\ng" end\n\nlast "open'
PATTERNS = [r'"[^"]*"', r"[^\n]*\n", r"(?m)^\w+", r"\s+", r"x*", r"[aeiou]|$", r"(?s).*", r"b c"]


def by_letters(pattern: str, text: str, tokens: Sequence[str]) -> tuple[list[int], list[int]]:
    """Each character's match, then of each token the last one among its characters."""
    owner = [-1] * len(text)
    full = [m.span() for m in re.finditer(pattern, text) if m.end() > m.start()]
    for count, (start, end) in enumerate(full):
        owner[start:end] = [count] * (end - start)
    number = [max(owner[start:end], default=-1) for start, end in spans(text, tokens)]
    place = [sum(n == each for n in number[:i]) * (each >= 0) for i, each in enumerate(number)]
    return number, place


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("cut", ["characters", "words", "pieces"])
def test_tokens_are_inside_where_their_letters_are(pattern: str, cut: str) -> None:
    if cut == "characters":
        tokens = list(TEXT)
    elif cut == "words":
        tokens = TEXT.split()
    else:
        tokens = [TEXT[i : i + 3] for i in range(0, len(TEXT), 3)]
    found = matches(compiled(pattern), TEXT, spans(TEXT, tokens))
    number, place = by_letters(pattern, TEXT, tokens)
    if cut == "pieces":  # a piece of three letters may have two matches: the later has it
        assert found.inside.tolist() == [n >= 0 for n in number]
    assert found.number.tolist() == number
    first = dict[int, int]()
    wanted = [i - first.setdefault(n, i) if n >= 0 else 0 for i, n in enumerate(number)]
    assert found.place.tolist() == wanted
    assert place == wanted


def test_what_can_be_told_apart() -> None:
    def of(pattern: str, text: str) -> tuple[bool, bool]:
        found = matches(compiled(pattern), text, spans(text, list(text)))
        return found.tells_inside, found.tells_place

    assert of("b+", "abbabba") == (True, True)
    assert of("b+", "abba") == (True, False)  # one match: its places are those of the text
    assert of("b", "ababa") == (True, False)
    assert of(r"[^\n]*\n", "ab\nabc\n") == (False, True)
    assert of("(?s).*", "ab\nabc\n") == (False, False)
    assert of("x", "ab") == (False, False)


def test_a_pattern_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(DataError, match=r"'a\(b' is no regular expression: .* at character 2"):
        compiled("a(b")


@pytest.mark.parametrize("pattern", ["a{99999999999}", "(" * 5000 + ")" * 5000])
def test_a_pattern_too_large_to_read_is_refused(pattern: str) -> None:
    with pytest.raises(DataError, match="is no regular expression that can be read"):
        compiled(pattern)
