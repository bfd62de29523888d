"""A text file in pieces of whole lines, with the errors of a file that is read whole."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from headgate.data.encodings import decode
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
