"""A text file in pieces of whole lines, with the errors of a file that is read whole."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, overload

from headgate.data.columns import Cell, Table
from headgate.data.encodings import decode
from headgate.data.spill import IN_MEMORY
from headgate.data.store import StoredRows, TableWriter
from headgate.errors import DataError

PIECE = 1 << 22  # bytes that are decoded at a time
_BY_BYTE = ("utf", "iso2022", "hz")  # of these only UTF-8 has line ends that are single bytes


def has_line_bytes(encoding: str | None) -> bool:
    """Say whether a file can be cut at its line ends before it is decoded.

    Args:
        encoding: a Python codec's name; None is UTF-8.

    Returns:
        Whether a line end is one byte, and that byte never part of a letter or of a state.
    """
    if encoding is None:
        return True
    name = encoding.lower().replace("-", "").replace("_", "")
    if name.startswith(("utf8", "u8")):
        return True
    try:
        return "\n".encode(encoding) == b"\n" and not name.startswith(_BY_BYTE)
    except (LookupError, ValueError):
        return False


@dataclass(frozen=True)
class TextFile:
    """A text file that can be read several times, and never whole.

    Args:
        path: the file; through gzip where its name says so.
        encoding: one that ``has_line_bytes``.
        size: bytes of a piece; one with a longer line is longer.
    """

    path: Path
    encoding: str | None = None
    size: int = PIECE

    def pieces(self) -> Iterator[str]:
        """Give texts that end at line ends, and that together are the file's.

        Yields:
            The pieces.

        Raises:
            DataError: the file cannot be read, or a byte is not in the encoding; the message has
                the row.
        """
        before = 0
        for number, data in enumerate(_line_pieces(self.path, self.size)):
            try:
                # Behind a line end U+FEFF is a letter, and not the mark at a file's start.
                text = decode(b"\n" * bool(number) + data, path=self.path, encoding=self.encoding)
            except DataError:
                decode(b"\n" * before + data, path=self.path, encoding=self.encoding)
                raise
            yield text[1:] if number else text
            before += data.count(b"\n")

    def head(self) -> str:
        """Give the piece that the first line is in, of a file that is not blank.

        Returns:
            The piece; line ends alone make no line.

        Raises:
            DataError: the file is empty, or cannot be read.
        """
        first = ""
        for piece in self.pieces():
            first = first or (piece if piece.strip("\r\n") else "")
            if piece.strip():
                return first
        raise DataError("the file is empty", path=self.path)

    def lines(self) -> Iterator[str]:
        """Give the lines with their ends.

        Yields:
            The lines, those that are blank, too.
        """
        for piece in self.pieces():
            yield from io.StringIO(piece, newline="")

    def full_lines(self) -> Iterator[tuple[str, int]]:
        """Give the lines that are not blank.

        Yields:
            Each without its end, and its number, counted from 1.
        """
        for number, line in enumerate(self.lines(), start=1):
            if line.strip():
                yield line.rstrip("\r\n"), number


@dataclass(frozen=True)
class Document(Sequence[str]):
    r"""One text in pieces of whole lines, none of which has to be in memory; or a part of it.

    Args:
        pieces: texts of whole lines, but for the last; together they are the text.
        ends: where each ends, in characters of the text.
        start: the character of the text that the part begins with.
        stop: the character before which it ends.

    Example:
        >>> text = Document.of(["one\n", "two\nthree"])
        >>> text.characters, list(text.part(2, 6)), text.around(6)
        (13, ['e\n', 'tw'], ('two\nthree', 4))
    """

    pieces: Sequence[str]
    ends: Sequence[int]
    start: int
    stop: int

    @classmethod
    def of(cls, pieces: Sequence[str]) -> Document:
        """Take a whole text.

        Args:
            pieces: texts of whole lines, but for the last.

        Returns:
            The document.
        """
        ends = array("q", accumulate(map(len, pieces)))
        return cls(pieces, ends, 0, ends[-1] if ends else 0)

    @property
    def characters(self) -> int:
        """How many characters the part has."""
        return self.stop - self.start

    def __len__(self) -> int:
        """Count the pieces of the part."""
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        numbers = self._numbers[index]
        if isinstance(numbers, range):
            return list(map(self._within, numbers))
        return self._within(numbers)

    def __iter__(self) -> Iterator[str]:
        return map(self._within, self._numbers)

    @property
    def _numbers(self) -> range:
        """The pieces that the part has anything of."""
        if self.start == self.stop:
            return range(0)
        return range(bisect_right(self.ends, self.start), bisect_left(self.ends, self.stop) + 1)

    def _within(self, number: int) -> str:
        before = self.ends[number - 1] if number else 0
        return self.pieces[number][max(self.start - before, 0) : self.stop - before]

    def part(self, start: int, stop: int) -> Document:
        """Cut a part out.

        Args:
            start: its first character, counted from 0 in this one.
            stop: the character before which it ends.

        Returns:
            The part, which is copied nowhere.
        """
        return replace(self, start=self.start + start, stop=self.start + stop)

    def around(self, place: int) -> tuple[str, int]:
        """Give the piece that a character stands in.

        Args:
            place: the character, counted from 0 in the whole text.

        Returns:
            The piece, and the character of the whole text that it begins with.
        """
        number = bisect_right(self.ends, place)
        return self.pieces[number], self.ends[number - 1] if number else 0


@dataclass(frozen=True)
class DocumentRows(Sequence[Sequence[Cell]]):
    """The rows of a table that together are one text.

    Args:
        stored: a piece of whole lines a row.
    """

    stored: StoredRows

    def __len__(self) -> int:
        return len(self.stored)

    @overload
    def __getitem__(self, index: int) -> Sequence[Cell]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[Cell]]: ...

    def __getitem__(self, index: int | slice) -> Sequence[Cell] | Sequence[Sequence[Cell]]:
        return self.stored[index]

    def column(self, index: int) -> Sequence[Cell]:
        """Give one column, which stays where it lies.

        Args:
            index: counted from 0.

        Returns:
            Its cells.
        """
        return self.stored.column(index)


def read_document(file: TextFile, *, limit: int = IN_MEMORY) -> Table:
    """Read a text as one, in bounded memory; its line ends become line feeds.

    Args:
        file: the file.
        limit: bytes up to which the text stays in memory.

    Returns:
        A table whose rows are the pieces of the text, and lie in a temporary file without a name.

    Raises:
        DataError: the file is empty, cannot be read, or a byte is not in the encoding.
        OutputError: the temporary folder is full.
    """
    file.head()
    roles = ("text", None)
    writer = TableWriter(Table(str(file.path), ("text",), [], [], False, roles=roles), limit=limit)
    line = 1
    for piece in file.pieces():
        text = re.sub(r"\r\n|\r", "\n", piece)
        writer.append([text], line)
        line += text.count("\n")
    table = writer.table()
    assert isinstance(table.rows, StoredRows)
    return replace(table, rows=DocumentRows(table.rows))


def pieces_of(texts: Iterable[str | Document]) -> Iterator[str]:
    """Give texts one by one, a document's in its pieces.

    Args:
        texts: texts, documents, or both.

    Yields:
        The texts and the pieces.
    """
    for text in texts:
        if isinstance(text, Document):
            yield from text
        else:
            yield text


def _line_pieces(path: Path, size: int) -> Iterator[bytes]:
    try:
        with _opened(path) as file:
            rest = bytearray()
            while data := file.read(size):
                seen = max(len(rest) - 1, 0)  # a carriage return at the end waits for its line feed
                rest += data
                cut = max(rest.rfind(b"\n", seen), rest.rfind(b"\r", seen, -1)) + 1
                if cut:
                    yield bytes(rest[:cut])
                    del rest[:cut]
            if rest:
                yield bytes(rest)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"the gzip data is broken or cut off ({error}): fetch the file again"
        raise DataError(message, path=path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error


def _opened(path: Path) -> IO[bytes] | Any:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")
