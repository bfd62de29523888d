"""What a table holds, before anyone trains on it; in memory that does not grow with its rows.

Each column is looked through once. What is only counted, and what is kept, is bounded: the first
rows of each kind of trouble, the values of a column up to a number of distinct ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.data.columns import Cell, Table
from headgate.data.overview_rows import Repeats, find_repeats

_MOST_VALUES = 20_000  # distinct values that are counted; a column with more has no classes
_MOST_TAGS = 200  # distinct elements of a sequence that may be tags; words are more
_LONGEST_VALUE = 200  # characters of a class's name
_REPEATED = 5  # times that a value comes on average from which values are classes
_FEW_ROWS = 10  # below which a class is hardly learned, and hardly in every part
_LISTED = 5  # rows that are named
_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d+)?|\.\d+)(?:[eE][-+]?\d+)?%?")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\S+)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f]")  # not TAB, line ends
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\ufffd]")  # no width, or the mark of a lost letter


@dataclass(frozen=True)
class Spread:
    """How long the cells of a column are.

    Args:
        median: half of them are at most so long.
        most_are: 95 % of them are at most so long.
        longest: the longest.
    """

    median: int
    most_are: int
    longest: int

    @classmethod
    def of(cls, counts: Counter[int]) -> Spread:
        """Read it from how often each length comes.

        Args:
            counts: cells by their length.

        Returns:
            The spread; zeros where there is none.
        """
        ordered = sorted(counts.items())
        total = sum(counts.values())
        return cls(*(_at(ordered, share * total) for share in (0.5, 0.95, 1.0)))


@dataclass
class Finding:
    """Rows with one kind of trouble.

    Args:
        count: how many.
        lines: of the first few, in the file.
    """

    count: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        """Count a row.

        Args:
            line: its line in the file.
        """
        self.count += 1
        if len(self.lines) < _LISTED:
            self.lines.append(line)


@dataclass
class ColumnFacts:
    """What one column holds.

    Args:
        name: of the column.
        kind: "text", "classes", "number", "date", "sequence", "mixed" or "empty".
        characters: the lengths of the cells that are not empty.
        words: the same in words or, of sequences, in elements.
        distinct: different values; None where there are too many to count.
        classes: each class with its rows, the most frequent first; none where the kind is another.
            Of sequences these are the elements.
        findings: rows with trouble, by its name.
    """

    name: str
    kind: str
    characters: Spread
    words: Spread
    distinct: int | None
    classes: dict[str, int]
    findings: dict[str, Finding]

    @property
    def rare(self) -> list[str]:
        """Classes with too few rows to be learned and judged."""
        return [name for name, count in self.classes.items() if count < _FEW_ROWS]

    @property
    def alike(self) -> list[tuple[str, ...]]:
        """Classes whose names differ in case or in spaces alone."""
        groups: dict[str, list[str]] = {}
        for name in self.classes:
            groups.setdefault(" ".join(name.casefold().split()), []).append(name)
        return [tuple(names) for names in groups.values() if len(names) > 1]


@dataclass
class Overview:
    """What a table holds.

    Args:
        path: of the table.
        rows: how many.
        columns: each column's facts.
        input: the column of the inputs, where one is named.
        target: the column of the targets, likewise.
        repeats: inputs that come again; None where no input is named.
        notes: what was decided while reading.
    """

    path: str
    rows: int
    columns: list[ColumnFacts]
    input: str | None
    target: str | None
    repeats: Repeats | None
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as JSON has it.

        Returns:
            Nested dicts and lists of text and numbers.
        """
        whole = asdict(self)
        for facts, each in zip(self.columns, whole["columns"], strict=True):
            each["rare"], each["alike"] = facts.rare, [list(names) for names in facts.alike]
        return whole


def overview(table: Table, *, input: str | None = None, target: str | None = None) -> Overview:
    """Look through a table.

    Args:
        table: the rows.
        input: the column of the inputs, by name or number; where None what the file's kind says.
        target: the column of the targets, likewise.

    Returns:
        What was seen.

    Raises:
        DataError: there is no such column.

    Example:
        >>> table = Table("a.csv", ("text", "label"), [["hi there", "x"], ["", "x"]], [2, 3], True)
        >>> found = overview(table, input="text")
        >>> [(column.name, column.kind) for column in found.columns]
        [('text', 'text'), ('label', 'classes')]
        >>> found.columns[0].findings["empty"]
        Finding(count=1, lines=[3])
    """
    if input is None and target is None and table.roles is not None:
        input, target = table.roles
    columns = [_Gatherer(name) for name in table.columns]
    for row, line in zip(table.rows, table.lines, strict=True):
        for column, cell in zip(columns, row, strict=True):
            column.add(cell, line)
    repeats = None if input is None else find_repeats(_pairs(table, input, target))
    return Overview(
        path=table.path,
        rows=len(table),
        columns=[column.facts() for column in columns],
        input=None if input is None else table.name_of(input),
        target=None if target is None else table.name_of(target),
        repeats=repeats,
        notes=list(table.notes),
    )


class _Gatherer:
    """One column on its way through the rows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.filled = self.sequences = self.numbers = self.dates = 0
        self.characters: Counter[int] = Counter()
        self.words: Counter[int] = Counter()
        self.values: Counter[str] | None = Counter()
        self.findings: dict[str, Finding] = {}

    def add(self, cell: Cell, line: int) -> None:
        if isinstance(cell, tuple):
            self._add_sequence(cell, line)
        elif cell.strip():
            self._add_text(cell, line)
        else:
            self._find("empty", line)

    def _add_text(self, cell: str, line: int) -> None:
        self.filled += 1
        self.characters[len(cell)] += 1
        self.words[len(cell.split())] += 1
        self.numbers += _NUMBER.fullmatch(cell.strip()) is not None
        self.dates += _DATE.fullmatch(cell.strip()) is not None
        self._count([cell])
        self._check(cell, line)

    def _add_sequence(self, cell: Sequence[str], line: int) -> None:
        if not cell:
            self._find("empty", line)
            return
        self.filled += 1
        self.sequences += 1
        self.characters[sum(map(len, cell))] += 1
        self.words[len(cell)] += 1
        self._count(cell)
        self._check("".join(cell), line)

    def _count(self, values: Iterable[str]) -> None:
        """Count values as long as they may be classes."""
        if self.values is None:
            return
        self.values.update(value.strip() for value in values)
        long = any(len(value) > _LONGEST_VALUE for value in values)
        if long or len(self.values) > _MOST_VALUES:
            self.values = None

    def _check(self, text: str, line: int) -> None:
        if text.isascii():
            if _CONTROL.search(text):
                self._find("control characters", line)
            return
        if not unicodedata.is_normalized("NFC", text):
            self._find("not NFC", line)
        if _CONTROL.search(text):
            self._find("control characters", line)
        if _INVISIBLE.search(text):
            self._find("invisible or lost characters", line)

    def _find(self, name: str, line: int) -> None:
        self.findings.setdefault(name, Finding()).add(line)

    def facts(self) -> ColumnFacts:
        kind = self._kind()
        classes = dict(self.values.most_common()) if self.values and self._few() else {}
        return ColumnFacts(
            name=self.name,
            kind=kind,
            characters=Spread.of(self.characters),
            words=Spread.of(self.words),
            distinct=None if self.values is None else len(self.values),
            classes=classes if kind in ("classes", "sequence") else {},
            findings=self.findings,
        )

    def _few(self) -> bool:
        """Say whether values come again often enough to be classes."""
        if self.values is None:
            return False
        if self.sequences and len(self.values) > _MOST_TAGS:
            return False
        total = sum(self.values.values())
        return len(self.values) * _REPEATED <= total or (len(self.values) == 1 and total > 1)

    def _kind(self) -> str:
        if not self.filled:
            return "empty"
        if self.sequences:
            return "sequence" if self.sequences == self.filled else "mixed"
        if self._few():
            return "classes"
        if self.numbers == self.filled:
            return "number"
        return "date" if self.dates == self.filled else "text"


def _pairs(table: Table, input: str, target: str | None) -> Iterator[tuple[Cell, Cell | None]]:
    """Give each row's input and target, without a list of all of them."""
    names = list(table.columns)
    first = names.index(table.name_of(input))
    second = None if target is None else names.index(table.name_of(target))
    for row in table.rows:
        yield row[first], None if second is None else row[second]


def _at(ordered: list[tuple[int, int]], rank: float) -> int:
    """Find the least length that so many cells do not exceed."""
    seen = 0
    for length, count in ordered:
        seen += count
        if seen >= rank:
            return length
    return 0
