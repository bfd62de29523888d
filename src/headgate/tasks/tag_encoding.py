"""Sentences to ids: each word by its number, and by its letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch

from headgate.data.batches import pad
from headgate.data.fields import TextField
from headgate.models.tagger import Sentences

_BLANK = re.compile(r"\s")


def spell(word: str, longest: int) -> str:
    """Give the letters of a word that are read.

    Args:
        word: the word.
        longest: letters at most; of more, the first and the last.

    Returns:
        The letters.

    Example:
        >>> spell("abcdefgh", 5)
        'abcgh'
    """
    end = longest // 2
    return word if len(word) <= longest else word[: longest - end] + word[len(word) - end :]


def spelt(sentences: Sequence[Sequence[str]], longest: int) -> list[str]:
    """Give the letters of every word.

    Args:
        sentences: the words of each.
        longest: letters of a word at most.

    Returns:
        The letters that are read, word after word.
    """
    return [spell(word, longest) for words in sentences for word in words]


def as_line(words: Sequence[str]) -> str:
    """Write words in one line, as a vocabulary of words reads them.

    Args:
        words: they may hold white space.

    Returns:
        The words with a blank between each two, and none within one.
    """
    return " ".join(_BLANK.sub("_", word) or "_" for word in words)


@dataclass(frozen=True)
class Encoded:
    """Sentences as ids.

    Args:
        ids: the words' ids, a list for each sentence.
        places: which row of ``letters`` each word is spelt by.
        letters: the letters' ids of each distinct word.
    """

    ids: list[list[int]]
    places: list[list[int]]
    letters: list[list[int]]

    def batch(self, rows: Sequence[int], device: torch.device | None = None) -> Sentences:
        """Lay some sentences out as tensors.

        Args:
            rows: which.
            device: where; the CPU where None.

        Returns:
            The batch, in the order of the rows.
        """
        ids, lengths = pad([self.ids[row] for row in rows], 0)
        found = dict.fromkeys(chain.from_iterable(self.places[row] for row in rows))
        distinct = {place: number for number, place in enumerate(found)}
        letters, sizes = pad([self.letters[place] for place in distinct], 0)
        places, _ = pad([[distinct[place] for place in self.places[row]] for row in rows], 0)
        ids, letters, places = (x.to(device) for x in (ids, letters, places))
        return Sentences(ids, lengths, letters, sizes, places)


@dataclass(frozen=True)
class Reader:
    """What turns sentences to ids.

    Args:
        words: words to ids.
        letters: letters to ids, or None where they are not read.
        longest_word: letters of a word that are read.
    """

    words: TextField
    letters: TextField | None
    longest_word: int

    def encode(self, sentences: Sequence[Sequence[str]]) -> Encoded:
        """Turn sentences to ids.

        Args:
            sentences: the words of each.

        Returns:
            Their ids.
        """
        ids = self.words.encode_batch([as_line(words) for words in sentences])
        if self.letters is None:
            return Encoded(ids, [[0] * len(words) for words in sentences], [[self.words.unk]])
        numbers: dict[str, int] = {}
        places = [[numbers.setdefault(word, len(numbers)) for word in words] for words in sentences]
        spelt = self.letters.encode_batch([spell(word, self.longest_word) for word in numbers])
        return Encoded(ids, places, [row or [self.letters.unk] for row in spelt])
