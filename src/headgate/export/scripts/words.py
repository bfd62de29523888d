"""The words of a text, and the letters of a word that are read."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby


def split_words(text):
    """Split a text at white space, and punctuation marks from the ends of its words."""
    found = []
    for chunk in text.split():
        start, end = 0, len(chunk)
        while start < end and _is_mark(chunk[start]):
            start += 1
        while end > start and _is_mark(chunk[end - 1]):
            end -= 1
        found += [*_runs(chunk[:start]), *filter(None, [chunk[start:end]]), *_runs(chunk[end:])]
    return found


def as_line(words):
    """Write words in one line with a blank between each two, and none within one."""
    return " ".join(re.sub(r"\s", "_", word) or "_" for word in words)


def spell(word, longest):
    """Give the letters of a word that are read; of too many the first and the last."""
    end = longest // 2
    return word if len(word) <= longest else word[: longest - end] + word[len(word) - end :]


def _is_mark(character):
    return unicodedata.category(character)[0] == "P" or unicodedata.category(character) == "Sc"


def _runs(marks):
    return ["".join(run) for _, run in groupby(marks)]
