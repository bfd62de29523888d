"""Word vectors from a text file: GloVe's, word2vec's and fastText's, each also gzip'd.

A line is a word and its numbers. The files of word2vec and fastText begin with a line of two
numbers: how many words there are, and how many numbers each has. The file is read line by line,
and only the words that are wanted are kept: such files are larger than many a memory.
"""

from __future__ import annotations

import gzip
import os
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.columns import shown
from headgate.errors import DataError

_HEADER = 2  # fields of the first line of word2vec's format


@dataclass(frozen=True)
class WordVectors:
    """The vectors of some words.

    Args:
        words: the words; those that were wanted and found, then others of the file.
        values: their vectors, [J, E].
        found: how many of the words were wanted.
        by_case: how many of those the file has in another case only.
        total: words in the file.
    """

    words: tuple[str, ...]
    values: Float[Tensor, "J E"]
    found: int
    by_case: int
    total: int

    @property
    def size(self) -> int:
        """Numbers of a vector."""
        return self.values.shape[1]


def read_vectors(
    path: str | os.PathLike[str], words: Sequence[str], *, others: int = 0, lowercase: bool = False
) -> WordVectors:
    """Read the vectors of words.

    A word that the file lacks takes the vector that the file has of it in another case; of several
    that in lowercase, else the first.

    Args:
        path: the file.
        words: those that are wanted.
        others: how many further words are kept, the first of the file, which has the frequent ones
            first.
        lowercase: whether the others are brought to lowercase.

    Returns:
        The vectors.

    Raises:
        DataError: the file is missing, empty or broken; a line has too few or too many numbers, or
            what is no number, or is not UTF-8; the message has the line.
    """
    lines = _Lines(Path(path))
    wanted, folded = set(words), {word.lower() for word in words}
    exact: dict[str, Tensor] = {}
    loose: dict[str, Tensor] = {}
    further: dict[str, Tensor] = {}
    total = 0
    for number, line in lines:
        total += 1
        word, numbers = lines.split(line, number)
        low = word.lower()
        if word in wanted:
            exact.setdefault(word, lines.vector(numbers, number))
        if low in folded:
            if low not in loose or word == low:
                loose[low] = lines.vector(numbers, number)
        elif len(further) < others:
            further.setdefault(low if lowercase else word, lines.vector(numbers, number))
    if not total:
        raise DataError("the file has no vector", path=path)
    kept = {word: exact[word] for word in words if word in exact}
    by_case = {word: loose[word.lower()] for word in words if word not in kept and _in(word, loose)}
    every = kept | by_case | further
    values = torch.stack([*every.values()]) if every else torch.zeros(0, lines.size)
    return WordVectors(tuple(every), values, len(kept) + len(by_case), len(by_case), total)


def _in(word: str, loose: dict[str, Tensor]) -> bool:
    return word.lower() in loose


class _Lines:
    """The lines of a file of vectors, and how they are taken apart."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.first = path, 0, 1

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        opened: Any = gzip.open if self.path.name.lower().endswith(".gz") else open
        try:
            with opened(self.path, "rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.strip() and not (number == 1 and self._is_header(line)):
                        yield number, line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            message = f"the gzip data is broken or cut off ({error}): fetch the file again"
            raise DataError(message, path=self.path) from error
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", path=self.path) from error

    def _is_header(self, line: bytes) -> bool:
        fields = line.split()
        if len(fields) != _HEADER or not all(field.isdigit() for field in fields):
            return False
        self.size = int(fields[1])
        return True

    def split(self, line: bytes, number: int) -> tuple[str, list[bytes]]:
        """Part a word from its numbers; a word may hold blanks."""
        if not self.size:
            self.size, self.first = len(line.split()) - 1, number
        fields = line.rsplit(None, self.size) if self.size else []
        name = fields[0] if fields else b""
        extra = name.split()[1:]
        if len(fields) != self.size + 1 or not self.size or (extra and all(map(_is_number, extra))):
            where = "the first line says" if self.first == 1 else f"row {self.first} has"
            raise self._error(
                f"a word and {self.size} numbers were wanted, as {where}, and "
                f"{max(0, len(line.split()) - 1)} came",
                number,
            )
        try:
            word = name.decode()
        except UnicodeDecodeError as error:
            message = f"the word is not UTF-8 ({error.reason}): save the file as UTF-8"
            raise self._error(message, number) from error
        return unicodedata.normalize("NFC", word.strip()), fields[1:]

    def vector(self, numbers: list[bytes], line: int) -> Tensor:
        """Read the numbers of a word that is kept."""
        came = "one without bounds"
        try:
            found = torch.tensor([*map(float, numbers)])
            if bool(found.isfinite().all()):
                return found
        except ValueError:
            bad = next(each for each in numbers if not _is_number(each))
            came = shown(bad.decode(errors="replace"))
        raise self._error(f"finite numbers were wanted after the word, and {came} came", line)

    def _error(self, message: str, line: int) -> DataError:
        return DataError(message, path=self.path, row=line)


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
