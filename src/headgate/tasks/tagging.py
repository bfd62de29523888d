"""What a tagger says of a text, and the words that it reads there."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from headgate.evaluation.tagging import chunks
from headgate.tasks.tag_settings import NO_SCHEME


class Entity(NamedTuple):
    """A chunk of words that tags mark as one, such as a name.

    Args:
        type: its type, "" where the tags have none.
        start: its first word, counted from 0.
        end: the word after its last.
        text: its words, with a blank between each two.
    """

    type: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Tagging:
    """A tag for each word.

    Args:
        tokens: the words.
        tags: their tags.
        entities: the chunks that the tags mark; empty where tags follow no scheme.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    entities: tuple[Entity, ...]

    @staticmethod
    def of(tokens: Sequence[str], tags: Sequence[str], scheme: str) -> Tagging:
        """Read the entities off the tags.

        Args:
            tokens: the words.
            tags: their tags.
            scheme: how tags mark chunks, or "none".

        Returns:
            The tagging.

        Example:
            >>> Tagging.of(["Ada", "Lovelace", "wrote"], ["B-PER", "I-PER", "O"], "BIO").entities
            (Entity(type='PER', start=0, end=2, text='Ada Lovelace'),)
        """
        found = () if scheme == NO_SCHEME else chunks(tags, scheme)
        entities = tuple(
            Entity(*chunk, " ".join(tokens[chunk.start : chunk.end])) for chunk in found
        )
        return Tagging(tuple(tokens), tuple(tags), entities)

    def row(self) -> dict[str, str | tuple[str, ...]]:
        """Give the answer as columns of a table.

        Returns:
            The tags and the words as sequences, since a word may have a blank inside; and the
            entities where there are, as one text.
        """
        found: dict[str, str | tuple[str, ...]] = {"prediction": self.tags, "tokens": self.tokens}
        if self.entities:
            found["entities"] = "; ".join(f"{each.type}: {each.text}" for each in self.entities)
        return found

    def plain(self) -> dict[str, Any]:
        """Give the answer as what JSON holds.

        Returns:
            The words, their tags, and the entities, each with its type, the places of its words
            and its text.
        """
        return {
            "tokens": list(self.tokens),
            "tags": list(self.tags),
            "entities": [each._asdict() for each in self.entities],
        }

    def __str__(self) -> str:
        return " ".join(f"{word}/{tag}" for word, tag in zip(self.tokens, self.tags, strict=True))


def split_words(text: str) -> list[str]:
    """Split a text at white space, and punctuation marks from the ends of its words.

    A run of one mark stays whole, and so does what stands inside a word. Other programs split
    otherwise ("do n't"): give words, not a text, where that matters.

    Args:
        text: any text.

    Returns:
        The words; none of white space alone.

    Example:
        >>> split_words("“Mr. O'Neil paid $5.50…”")
        ['“', 'Mr', '.', "O'Neil", 'paid', '$', '5.50', '…', '”']
    """
    found: list[str] = []
    for chunk in text.split():
        start, end = 0, len(chunk)
        while start < end and _is_mark(chunk[start]):
            start += 1
        while end > start and _is_mark(chunk[end - 1]):
            end -= 1
        found += [*_runs(chunk[:start]), *filter(None, [chunk[start:end]]), *_runs(chunk[end:])]
    return found


def words_of(cell: str | tuple[str, ...]) -> list[str]:
    """Give the words of a sentence.

    Args:
        cell: its words; or a text, which is split.

    Returns:
        The words; a text of blanks alone is one.
    """
    return (split_words(cell) or [cell]) if isinstance(cell, str) else list(cell)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "P" or unicodedata.category(character) == "Sc"


def _runs(marks: str) -> list[str]:
    return ["".join(run) for _, run in groupby(marks)]
