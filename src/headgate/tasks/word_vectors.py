"""Word vectors of a file as the beginning of an embedding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from headgate.data.fields import TextField
from headgate.data.vectors import WordVectors, read_vectors
from headgate.errors import DataError
from headgate.tasks.tag_encoding import as_line


@dataclass(frozen=True)
class Begun:
    """A vocabulary with vectors to begin with.

    Args:
        words: the vocabulary, with the words of the file that it has taken in.
        vectors: what the file has of its words.
        notes: what was found, in sentences.
    """

    words: TextField
    vectors: WordVectors
    notes: list[str]

    @torch.no_grad()
    def put_into(self, table: nn.Embedding, *, zero: bool) -> None:
        """Put the vectors into a table.

        Args:
            table: one row a word of the vocabulary.
            zero: whether the other words' rows become zero; else they stay as drawn.
        """
        ids = [
            row[0] for row in self.words.encode_batch([as_line([w]) for w in self.vectors.words])
        ]
        known = [place for place, number in enumerate(ids) if number != self.words.unk]
        if zero:
            table.weight.zero_()
        values = self.vectors.values[known].to(table.weight)
        table.weight[[ids[place] for place in known]] = values


def begin_with(
    path: str, words: TextField, *, most: int = 0, lowercase: bool = False, size: int | None = None
) -> Begun:
    """Read the vectors of a vocabulary's words, and take in further words of the file.

    Args:
        path: the file.
        words: a vocabulary of words.
        most: further words at most.
        lowercase: whether the vocabulary drops case.
        size: numbers that a vector must have; any where None.

    Returns:
        The vocabulary and the vectors.

    Raises:
        DataError: the vocabulary is not of words; the file cannot be read, has none of them, or
            vectors of another size.
    """
    if words.unit != "word":
        raise DataError(f"vectors are of words, but the vocabulary is of {words.unit}s: unit=word")
    own = [words.decode([number]) for number in range(words.eos + 1, len(words))]
    vectors = read_vectors(path, own, others=most, lowercase=lowercase)
    if size not in (None, vectors.size):
        message = f"its vectors have {vectors.size} numbers, but embedding_size is {size}"
        raise DataError(message, path=path)
    if not vectors.found:
        message = f"none of {len(own)} words has a vector there: are both of one language?"
        raise DataError(message, path=path)
    further = [as_line([word]) for word in vectors.words[vectors.found :]]
    grown, added = words.extended(further, min_frequency=1) if further else (words, 0)
    note = (
        f"vectors of {vectors.size} numbers for {vectors.found} of {len(own)} words, "
        f"{vectors.by_case} of them by another case; {added} further words of the file are known"
    )
    return Begun(grown, vectors, [note])
