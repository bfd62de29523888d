"""Tables from files that are too large to be read whole: one row at a time, into a store on disk.

The table, its notes and its errors are those of ``sources``; only the memory is bounded. Whatever
cannot be read so is left to the reader of whole files: CoNLL columns, and encodings whose line ends
are not one byte.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from headgate.data.columns import Table
from headgate.data.conll import looks_conll
from headgate.data.delimited import SPOKEN, Wishes, separator_of
from headgate.data.lazy_delimited import read_delimited_lazily
from headgate.data.records import read_records
from headgate.data.spill import IN_MEMORY
from headgate.data.store import TableWriter
from headgate.data.text_stream import PIECE, TextFile, has_line_bytes, read_document
from headgate.errors import DataError

VARIABLE = "HEADGATE_READ_WHOLE"
_SHARE = 20  # of the memory; a file that is read whole takes several times its size
_ZIPPED = 5  # how much larger text is than its gzip
_AT_ONCE = 4096  # JSON objects
_NEARLY_ALL = 0.9  # share of lines with the same TABs from which a .txt is perhaps a table


def is_large(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is better not read whole.

    Args:
        path: the file.

    Returns:
        Whether it has more bytes than the environment variable HEADGATE_READ_WHOLE says, or than
        a twentieth of the machine's memory where it says nothing.

    Raises:
        DataError: the variable is no number.
    """
    place = Path(path)
    if not place.is_file():
        return False
    zipped = place.name.lower().endswith(".gz")
    return place.stat().st_size * (_ZIPPED if zipped else 1) > _most()


def read_lazily(
    path: str | os.PathLike[str],
    *,
    kind: str,
    wishes: Wishes,
    encoding: str | None = None,
    limit: int = IN_MEMORY,
    piece: int = PIECE,
) -> Table | None:
    """Read a file in bounded memory.

    Args:
        path: the file; it may be gzip'd.
        kind: "csv", "tsv", "jsonl" or "txt"; no other is read here.
        wishes: what the user said.
        encoding: the file's encoding; None is UTF-8.
        limit: bytes of cells up to which they stay in memory.
        piece: bytes of the file that are decoded at a time.

    Returns:
        The table, whose rows lie in a temporary file without a name; None where the file has to
        be read whole.

    Raises:
        DataError: as from ``read_table``.
        OutputError: the temporary folder is full.
    """
    if kind not in ("csv", "tsv", "jsonl", "txt") or not has_line_bytes(encoding):
        return None
    file = TextFile(Path(path), encoding, piece)
    if kind == "jsonl":
        return _records(file, wishes, limit)
    if kind == "txt":
        return _text(file, wishes, limit)
    separator = "\t" if kind == "tsv" else separator_of(file.head())
    table = read_delimited_lazily(file, separator, wishes, names_first=True, limit=limit)
    if kind == "tsv" or separator == ",":
        return table
    note = f"the first line has no comma: fields are split at each {SPOKEN[separator]}"
    return replace(table, notes=(note, *table.notes))


def _most() -> int:
    given = os.environ.get(VARIABLE)
    if given is None:
        return _memory() // _SHARE
    if not given.isascii() or not given.isdigit():
        raise DataError(f"{VARIABLE} is a number of bytes, such as 268435456, not {given!r}")
    return int(given)


def _memory() -> int:
    """Give the bytes of memory that there are, or that a container lets the process have."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        found = 1 << 33
    try:
        allowed = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return found
    return min(found, int(allowed)) if allowed.isdigit() else found


def _records(file: TextFile, wishes: Wishes, limit: int) -> Table:
    """Read JSON Lines; each batch stands behind the first object, which decides the columns."""
    path = str(file.path)
    file.head()
    full = file.full_lines()
    first, line = next(full)
    form = read_records([first], [line], columns=wishes.columns, path=path)
    writer = TableWriter(form, limit=limit)
    writer.add(form)
    while batch := list(islice(full, _AT_ONCE)):
        texts, lines = [first, *(text for text, _ in batch)], [line, *(n for _, n in batch)]
        writer.add(read_records(texts, lines, columns=wishes.columns, path=path), start=1)
    return writer.table()


def _text(file: TextFile, wishes: Wishes, limit: int) -> Table | None:
    """Read plain text, or the table that it is when every line has the same TABs."""
    if looks_conll(file.head()):
        return None
    counts = _Tabs.of(file.full_lines())
    if counts.tabs and counts.often == counts.lines:
        table = read_delimited_lazily(file, "\t", wishes, names_first=False, limit=limit)
        note = (
            f"every line has {_spoken(counts.tabs)}: read as a table of {counts.tabs + 1} columns"
        )
        return replace(table, notes=(note, *table.notes))
    if wishes.document:
        return replace(read_document(file, limit=limit), notes=counts.notes())
    form = Table(str(file.path), ("text",), [], [], False, counts.notes())
    writer = TableWriter(form, limit=limit)
    for line, number in file.full_lines():
        writer.append([line], number)
    return writer.table()


@dataclass(frozen=True)
class _Tabs:
    """How many TABs the lines of a text have: the most frequent count, and the first exception."""

    tabs: int
    often: int
    lines: int
    first_odd: tuple[int, int]  # a line's number, and its TABs

    @classmethod
    def of(cls, lines: Iterator[tuple[str, int]]) -> _Tabs:
        counts: Counter[int] = Counter()
        first: dict[int, int] = {}
        for line, number in lines:
            tabs = line.count("\t")
            counts[tabs] += 1
            first.setdefault(tabs, number)
        tabs, often = counts.most_common(1)[0]
        odd = min(((first[other], other) for other in first if other != tabs), default=(0, 0))
        return cls(tabs, often, sum(counts.values()), odd)

    def notes(self) -> tuple[str, ...]:
        """Say so where a few lines keep a text file from being a table."""
        if not self.tabs or self.lines - self.often > (1 - _NEARLY_ALL) * self.lines:
            return ()
        line, came = self.first_odd
        return (
            f"{self.often} of {self.lines} lines have {_spoken(self.tabs)}, but line {line} has "
            f"{_spoken(came)}: read as plain text, not as a table",
        )


def _spoken(tabs: int) -> str:
    return f"{tabs} TAB" if tabs == 1 else f"{tabs} TABs"
