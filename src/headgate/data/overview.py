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

from torch import Tensor

from headgate.data.column_lists import columns_in
from headgate.data.columns import Cell, Table, column_index
from headgate.data.overview_rows import Repeats, find_repeats
from headgate.data.overview_series import SeriesFacts, SeriesGatherer
from headgate.data.series import series_of
from headgate.errors import DataError

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
        kind: "text", "classes", "number", "date", "sequence", "series", "mixed" or "empty".
        characters: the lengths of the cells that are not empty.
        words: the same in words or, of sequences, in elements; of series in steps.
        distinct: different values; None where there are too many to count.
        classes: each class with its rows, the most frequent first; none where the kind is another.
            Of sequences these are the elements.
        findings: rows with trouble, by its name.
        series: what the series hold, where the cells are series.
    """

    name: str
    kind: str
    characters: Spread
    words: Spread
    distinct: int | None
    classes: dict[str, int]
    findings: dict[str, Finding]
    series: SeriesFacts | None = None

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
        columns: each column's facts; several that are named as the input and make one series are
            one.
        input: the column of the inputs, where one is named, or several in one word.
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
            if facts.series is not None:
                each["series"]["constant"] = facts.series.constant
        return whole


def overview(table: Table, *, input: str | None = None, target: str | None = None) -> Overview:
    """Look through a table.

    Args:
        table: the rows.
        input: the column of the inputs, by name or number, or several in one word, as
            ``column_list`` takes them; where None what the file's kind says.
        target: the column of the targets, by name or number.

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
    inputs = [] if input is None else columns_in(table, input)
    joined = _joined(table, input, inputs)
    left = {} if joined is None else dict.fromkeys(inputs[1:])
    columns = {i: _Gatherer(n) for i, n in enumerate(table.columns) if i not in left}
    if joined is not None:
        columns[inputs[0]] = _Gatherer(str(input))
    for number, (row, line) in enumerate(zip(table.rows, table.lines, strict=True)):
        for index, column in columns.items():
            whole = joined is not None and index == inputs[0]
            column.add(joined[number] if whole and joined else row[index], line)
    one = len(inputs) == 1
    return Overview(
        path=table.path,
        rows=len(table),
        columns=[column.facts() for column in columns.values()],
        input=table.columns[inputs[0]] if one else input,
        target=None if target is None else table.name_of(target),
        repeats=find_repeats(_pairs(table, joined, inputs, target)) if inputs else None,
        notes=list(table.notes),
    )


def _joined(table: Table, input: str | None, columns: list[int]) -> list[Tensor] | None:
    """Make one series of several columns; None where they are none."""
    try:
        return series_of(table, str(input)) if len(columns) > 1 else None
    except DataError:
        return None


class _Gatherer:
    """One column on its way through the rows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.filled = self.sequences = self.numbers = self.dates = 0
        self.series = SeriesGatherer()
        self.characters: Counter[int] = Counter()
        self.words: Counter[int] = Counter()
        self.values: Counter[str] | None = Counter()
        self.findings: dict[str, Finding] = {}

    def add(self, cell: Cell, line: int) -> None:
        if isinstance(cell, Tensor):
            self._add_series(cell, line)
        elif isinstance(cell, tuple):
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

    def _add_series(self, cell: Tensor, line: int) -> None:
        self.filled += 1
        self.words[len(cell)] += 1
        for name in self.series.add(cell):
            self._find(name, line)

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
            series=self.series.facts() if self.series.steps else None,
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
        if self.series.steps:
            return "series" if self.series.steps.total() == self.filled else "mixed"
        if self.sequences:
            return "sequence" if self.sequences == self.filled else "mixed"
        if self._few():
            return "classes"
        if self.numbers == self.filled:
            return "number"
        return "date" if self.dates == self.filled else "text"


def _pairs(
    table: Table, joined: list[Tensor] | None, inputs: list[int], target: str | None
) -> Iterator[tuple[Any, Cell | None]]:
    """Give each row's input and target, without a list of all of them."""
    second = None if target is None else column_index(table.columns, target)
    for number, row in enumerate(table.rows):
        wanted = None if second is None else row[second]
        if joined is not None:
            yield joined[number], wanted
        else:
            yield row[inputs[0]] if len(inputs) == 1 else [row[i] for i in inputs], wanted


def _at(ordered: list[tuple[int, int]], rank: float) -> int:
    """Find the least length that so many cells do not exceed."""
    seen = 0
    for length, count in ordered:
        seen += count
        if seen >= rank:
            return length
    return 0
