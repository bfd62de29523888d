"""Texts as bags of hashed n-grams: no vocabulary is kept, so that memory has a bound.

A text is NFC, lower case, with single spaces between its words and one at either end. It holds
its words and pairs of words, and its runs of 2 to 5 characters.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

_WORD = re.compile(r"\w+|[^\w\s]+")
_CHARACTERS = range(2, 6)
_CHARACTERS_AT_ONCE = 1_000_000
_LONGEST_TEXT = 100_000
_PRIME = 2**31 - 1  # with factors below 2**31 no product leaves 64 bits
_FACTOR = 1_000_003
_SPREAD = 1_566_083_941


@dataclass(frozen=True)
class Bags:
    """The distinct features of some texts, text by text.

    Attributes:
        features: the features' numbers, [E] for E entries.
        weights: how much each counts, [E].
        starts: where the entries of each text begin, [B].
    """

    features: Int[Tensor, "E"]
    weights: Float[Tensor, "E"]
    starts: Int[Tensor, "B"]

    def owners(self) -> Int[Tensor, "E"]:
        """Give the text that each entry belongs to."""
        ends = torch.cat([self.starts[1:], self.starts.new_tensor([len(self.features)])])
        rows = torch.arange(len(self.starts), dtype=self.starts.dtype)
        return rows.repeat_interleave(ends - self.starts)


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Split texts so that hashing one part needs little memory, however long they are.

    Args:
        texts: the texts.

    Yields:
        The texts of one part, of each the first 100,000 characters.
    """
    part: list[str] = []
    characters = 0
    for text in texts:
        part.append(text[:_LONGEST_TEXT])
        characters += len(part[-1]) + 2  # the spaces at the ends
        if characters >= _CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part


def hash_texts(texts: Iterable[str], *, buckets: int, most_entries: int | None = None) -> Bags:
    """Count the n-grams of texts, by bucket.

    Args:
        texts: the texts.
        buckets: how many features there are; a power of 2.
        most_entries: stop before the texts that would bring more entries; the first are read
            in any case.

    Returns:
        The bags of the texts that were read, with counts as weights.
    """
    parts: list[Bags] = []
    entries = 0
    for some in batches(texts):
        part = _hash_some(some, buckets)
        if parts and most_entries is not None and entries + len(part.features) > most_entries:
            break
        parts.append(Bags(part.features, part.weights, part.starts + entries))
        entries += len(part.features)
    if not parts:
        return _hash_some([], buckets)
    columns = zip(*((p.features, p.weights, p.starts) for p in parts), strict=True)
    return Bags(*(torch.cat(column) for column in columns))


def _hash_some(texts: Sequence[str], buckets: int) -> Bags:
    plain = [f" {' '.join(_normal(text).split())} " for text in texts]
    keys = torch.cat([*_character_keys(plain, buckets), *_word_keys(plain, buckets)])
    keys, counts = keys.unique(return_counts=True)
    starts = torch.searchsorted(keys, torch.arange(len(texts)) * buckets)
    return Bags((keys % buckets).int(), counts.float(), starts.int())


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def _character_keys(texts: list[str], buckets: int) -> list[Tensor]:
    raw = bytearray("".join(texts).encode("utf-32-le", "surrogatepass"))
    codes = torch.frombuffer(raw, dtype=torch.int32).long() if raw else torch.zeros(0).long()
    owners = _owners([len(text) for text in texts])
    return _runs(codes, owners, lengths=_CHARACTERS, buckets=buckets)


def _word_keys(texts: list[str], buckets: int) -> list[Tensor]:
    words = [_WORD.findall(text) for text in texts]
    sums = [zlib.crc32(w.encode("utf-8", "surrogatepass")) for line in words for w in line]
    codes = torch.tensor(sums, dtype=torch.long) % _PRIME
    owners = _owners([len(line) for line in words])
    return _runs(codes, owners, lengths=range(1, 3), buckets=buckets)


def _owners(lengths: list[int]) -> Tensor:
    return torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths, dtype=torch.long))


def _runs(codes: Tensor, owners: Tensor, *, lengths: range, buckets: int) -> list[Tensor]:
    """Give owner × buckets + bucket of each run of so many codes within one text."""
    keys = []
    hashes = torch.zeros_like(codes)
    for length in range(1, lengths.stop):
        count = max(0, len(codes) - length + 1)
        hashes = (hashes[:count] * _FACTOR + codes[length - 1 :] + 1) % _PRIME
        if length in lengths:
            within = owners[:count] == owners[length - 1 :]
            bucket = hashes[within] * _SPREAD % _PRIME % buckets
            keys.append(owners[:count][within] * buckets + bucket)
    return keys
