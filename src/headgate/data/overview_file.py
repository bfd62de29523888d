"""What a file's bytes show before it is read as a table: its encoding, its line ends, its size."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from headgate.data.columns import shown
from headgate.data.encodings import looks_like

_PIECE = 1 << 20  # bytes
_SAMPLE = 1 << 16  # bytes of lines that are not ASCII, for the guess
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass
class FileFacts:
    """What is seen in a file's bytes.

    Args:
        size: bytes, unpacked where the file is gzip'd.
        encoding: "ASCII", "UTF-8", or what the bytes look like; "unknown" where they look like
            nothing.
        evidence: why, in a sentence.
        line_ends: how many there are of each kind: "LF", "CRLF", "CR".
        problem: why the file could not be read to its end, or empty.
    """

    size: int = 0
    encoding: str = "ASCII"
    evidence: str = "no byte is above 0x7F"
    line_ends: dict[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_mixed(self) -> bool:
        """Whether lines end in more than one way."""
        return len(self.line_ends) > 1


def file_facts(path: str | os.PathLike[str]) -> FileFacts:
    """Look through a file's bytes once, some at a time.

    Args:
        path: a text file; it may be gzip'd.

    Returns:
        What was seen, also where the file breaks off.
    """
    facts = FileFacts()
    counts = _LineEnds()
    sample = _Sample()
    try:
        for data in _read(Path(path)):
            facts.size += len(data)
            counts.add(data)
            sample.add(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        facts.problem = f"the gzip data is broken or cut off after {facts.size} bytes ({error})"
    except OSError as error:
        facts.problem = f"cannot be read: {error.strerror}"
    facts.line_ends = counts.found()
    facts.encoding, facts.evidence = sample.verdict()
    return facts


def _read(path: Path) -> Iterator[bytes]:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rb") as file:
        while data := file.read(_PIECE):
            yield bytes(data)


class _LineEnds:
    """Counts line ends; one that two pieces share counts once."""

    def __init__(self) -> None:
        self.crlf = self.lf = self.cr = 0
        self.waiting = b""

    def add(self, data: bytes) -> None:
        data = self.waiting + data
        self.waiting = b"\r" if data.endswith(b"\r") else b""
        self._count(data[: len(data) - len(self.waiting)])

    def _count(self, data: bytes) -> None:
        pairs = data.count(b"\r\n")
        self.crlf += pairs
        self.lf += data.count(b"\n") - pairs
        self.cr += data.count(b"\r") - pairs

    def found(self) -> dict[str, int]:
        self._count(self.waiting)
        self.waiting = b""
        named = {"LF": self.lf, "CRLF": self.crlf, "CR": self.cr}
        return {name: count for name, count in named.items() if count}


class _Sample:
    """Follows the bytes as UTF-8, and keeps lines that are not ASCII to guess by."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._head = b""
        self._lines = bytearray()
        self._row = 1
        self._bad: int | None = None
        self._ascii = True

    def add(self, data: bytes) -> None:
        self._head = self._head or data[:_SAMPLE]
        if not data.isascii():
            self._ascii = False
            self._keep(data)
        if self._bad is None:
            try:
                self._decoder.decode(data)
            except UnicodeDecodeError as error:
                self._bad = self._row + error.object[: error.start].count(b"\n")
        self._row += data.count(b"\n")

    def _keep(self, data: bytes) -> None:
        if len(self._lines) < _SAMPLE:
            lines = (line for line in data.splitlines(keepends=True) if not line.isascii())
            self._lines += b"".join(lines)[:_SAMPLE]

    def verdict(self) -> tuple[str, str]:
        """Name the encoding, and why it is that one."""
        if self._head.startswith(_MARKS[1:]):
            return "utf-16", "the file begins with its mark"
        if b"\0" in self._head:
            return looks_like(self._head) or "unknown", "there are NUL bytes: this may be no text"
        if self._ascii:
            return FileFacts.encoding, FileFacts.evidence
        if self._bad is None:
            mark = " and the file begins with its mark" if self._head.startswith(_MARKS[0]) else ""
            return "UTF-8", f"every byte fits{mark}"
        guess = looks_like(bytes(self._lines)) or "unknown"
        return guess, f"row {self._bad} is not UTF-8{self._example(guess)}"

    def _example(self, encoding: str) -> str:
        """Show the first line that is not ASCII as the encoding reads it."""
        first = re.split(rb"[\r\n]", bytes(self._lines), maxsplit=1)[0]
        try:
            return f"; as {encoding} it reads {shown(first.decode(encoding))}"
        except (LookupError, UnicodeDecodeError):
            return ""
