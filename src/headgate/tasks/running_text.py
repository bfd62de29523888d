"""Texts as one row of ids that a language model reads on and on."""

from __future__ import annotations

import json
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, tee

import torch
from jaxtyping import Int
from torch import Tensor

from headgate.data.fields import TextField
from headgate.data.ragged import Ragged
from headgate.data.spill import IN_MEMORY, Spill
from headgate.data.text_stream import Document, pieces_of
from headgate.data.vocabularies import BYTES, SPECIALS
from headgate.errors import DataError

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_BYTE_OF = {name: bytes([byte]) for byte, name in enumerate(BYTES)}
_AT_ONCE = 1 << 16  # ids that are gathered before they are stored
_LISTED = 10  # unknown pieces that a message names


class RunningText:
    """Texts to one row of ids.

    A document is read as it stands. Of several texts each is closed by the end mark, and the next
    begins anew. Words have no line ends of their own: there the end mark closes each line of a
    document, as the Penn Treebank is read (Mikolov et al. 2010).

    Text goes to the tokenizer line by line, so that a long document and a short prompt are cut
    in the same places.

    Args:
        field: text to ids.
        rows: whether there are several texts, in place of one document.

    Attributes:
        end: the id that ends a text; None where nothing does, in a document.
        start: the id that stands before the first token of every text.
        never: the ids that are never written.
        spellings: what each id is written as; the marks and ``<unk>`` as nothing.
    """

    def __init__(self, field: TextField, *, rows: bool) -> None:
        self.field, self.rows = field, rows
        self.words = field.unit == "word"
        self.end = field.eos if rows else None
        self.spellings = _spellings(field)
        self.start = self._start()
        marks = {field.pad, field.unk, field.bos}
        self.never = sorted(marks if rows or self.words else marks | {field.eos})

    def _start(self) -> int:
        """A document begins where a line does; where it has no line ends the mark stands in."""
        eos = self.field.eos
        if self.rows or self.words:
            return eos
        found = self.field.encode("\n")
        return eos if found == [self.field.unk] else found[0]

    def encode(self, texts: Iterable[str | Document]) -> Int[Tensor, "T"]:
        """Turn texts to ids, one after the other.

        Args:
            texts: a document, or several texts.

        Returns:
            The ids, the marks that close texts or lines among them, int64 [T]; of a text too long
            for that int32, in a temporary file.

        Raises:
            OutputError: the temporary folder is full.
        """
        stored, waiting = Spill(IN_MEMORY), array("i")
        for ids, _ in self._lines(texts):
            waiting.extend(ids)
            if len(waiting) > _AT_ONCE:
                stored.write(memoryview(waiting).cast("B"))
                waiting = array("i")
        stored.write(memoryview(waiting).cast("B"))
        if not stored.size:
            return torch.zeros(0, dtype=torch.int64)
        found = torch.frombuffer(stored.view(), dtype=torch.int32)
        return found if stored.on_disk else found.long()

    def encode_rows(self, texts: Iterable[str]) -> Ragged:
        """Turn texts to ids, each to a row of its own, in bounded memory.

        Args:
            texts: several texts.

        Returns:
            A row of ids for each; together they are what ``encode`` gives.

        Raises:
            OutputError: the temporary folder is full.
        """
        return Ragged.of(self._rows(texts), limit=IN_MEMORY)

    def _rows(self, texts: Iterable[str]) -> Iterator[list[int]]:
        row: list[int] = []
        for ids, ends in self._lines(texts):
            row += ids
            if ends:
                yield row
                row = []

    def _lines(self, texts: Iterable[str | Document]) -> Iterator[tuple[list[int], bool]]:
        """Give the ids of each line with the mark after it, and whether a text ends there."""
        marked, again = tee(self._marked(texts))
        found = self.field.encode_each(line for line, _ in again)
        every = self.words and not self.rows
        for (_, last), ids in zip(marked, found, strict=True):
            yield [*ids, self.field.eos] if every or (last and self.rows) else ids, last

    def _marked(self, texts: Iterable[str | Document]) -> Iterator[tuple[str, bool]]:
        """Give each line, and whether it is the last one of its text."""
        for text in texts:
            before = None
            for line in chain.from_iterable(map(self._pieces, pieces_of([text]))):
                if before is not None:
                    yield before, False
                before = line
            if self.rows or before is not None:
                yield before or "", True

    def _pieces(self, text: str) -> list[str]:
        return [text] if self.words and self.rows else lines_of(text)

    def prompt(self, text: str) -> list[int]:
        """Turn the beginning of a text to ids, without a mark after it.

        Args:
            text: the beginning; it may be empty.

        Returns:
            The ids; an unknown word is ``<unk>``.

        Raises:
            DataError: a character is unknown; the message names it.
        """
        unknown = self.unknown(text)
        if unknown and not self.words:
            shown = ", ".join(map(repr, unknown[:_LISTED])) + ", …" * (len(unknown) > _LISTED)
            raise DataError(
                f"the prompt has what the training text has not: {shown}; a model of characters "
                "knows no others: write the prompt without, or train with unit=byte"
            )
        if not self.words or self.rows:
            return [i for row in self.field.encode_batch(self._pieces(text)) for i in row]
        *closed, last = text.split("\n")
        before = [i for row in self.field.encode_batch(closed) for i in (*row, self.field.eos)]
        return before + self.field.encode(last)

    def unknown(self, text: str) -> list[str]:
        """List the words or the characters of a text that the vocabulary lacks.

        Args:
            text: any text.

        Returns:
            Each once, in the order in which they come; bytes and subwords spell all.
        """
        if self.field.unit not in ("word", "character"):
            return []
        text = unicodedata.normalize("NFC", text)
        found = dict.fromkeys(text.split() if self.words else text)
        ids = self.field.encode_batch(list(found))
        return [piece for piece, row in zip(found, ids, strict=True) if self.field.unk in row]

    def name(self, index: int) -> str:
        """Name a token for a reader.

        Args:
            index: the token's id.

        Returns:
            Its letters; a byte that is no character by itself as ``<0xEB>``, a mark as ``<eos>``.
        """
        if index < len(SPECIALS):
            return SPECIALS[index]
        spelling = self.spellings[index]
        return spelling.decode() if _is_whole(spelling) else f"<0x{spelling[0]:02X}>"

    def characters(self) -> Int[Tensor, "V"]:
        """Count the characters that each id stands for.

        Of words each has the space or the line end after it; elsewhere the mark that ends a text
        counts as one, as a line end does.

        Returns:
            The counts, [V].
        """
        sizes = [_characters_in(spelling) + self.words for spelling in self.spellings]
        for mark in (self.field.pad, self.field.unk, self.field.bos, self.field.eos):
            sizes[mark] = 0
        if not self.words:
            sizes[self.field.unk] = sizes[self.field.eos] = 1
        return torch.tensor(sizes)


def lines_of(text: str) -> list[str]:
    r"""Cut a text after each line feed.

    Args:
        text: the text.

    Returns:
        The lines with their ends; joined they are the text.

    Example:
        >>> lines_of("one\n\ntwo")
        ['one\n', '\n', 'two']
    """
    return _LINES.findall(text)


def _spellings(field: TextField) -> list[bytes]:
    vocabulary: dict[str, int] = json.loads(field.to_json())["model"]["vocab"]
    spelt = field.unit in ("byte", "subword")
    found = [b""] * len(field)
    for name, index in vocabulary.items():
        if index > field.eos:
            found[index] = (_BYTE_OF.get(name) if spelt else None) or name.encode()
    return found


def _is_whole(spelling: bytes) -> bool:
    return len(spelling) > 1 or spelling.isascii()


def _characters_in(spelling: bytes) -> int:
    """Count the bytes that begin a character."""
    return sum(byte & 0xC0 != 0x80 for byte in spelling)
