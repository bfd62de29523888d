"""Rows that are one step each to one row a series."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from headgate.data.columns import Cell, Table, shown
from headgate.data.numerals import is_missing, is_number_text, read_numbers
from headgate.data.stamps import read_stamps
from headgate.errors import DataError

_NEARLY_ALL = 0.9  # share of a column's cells that are numbers, from which it should be one


@dataclass(frozen=True)
class Gathered(Table):
    """A table with a row for each series, which knows the line of each of its steps.

    Args:
        steps: for each row the lines of the file that its steps came from.
    """

    steps: Sequence[Sequence[int] | Tensor] = field(default_factory=list)

    def step_error(
        self, message: str, *, row: int, step: int, column: str | None = None
    ) -> DataError:
        """Build an error that names the line of a step.

        Args:
            message: what was wanted, what came, what to do.
            row: the row's index in the table, counted from 0.
            step: of the series, counted from 0.
            column: the column's name or number.

        Returns:
            The error, to be raised.
        """
        path = self.files[row] if self.files else self.path
        name = None if column is None else self.name_of(column)
        return DataError(message, path=path, row=int(self.steps[row][step]), column=name)


def gather(table: Table, *, series: str | None = None, time: str | None = None) -> Gathered:
    """Make one row of the rows that are the steps of one series.

    A column all of whose cells are numbers, or empty, becomes series of one channel, [T, 1]; one
    that is constant in each series stays a text; any other becomes a sequence of texts. The
    column of time is such a sequence, in order.

    Args:
        table: a row for each step.
        series: the column whose equal values are one series, by name or number; where None the
            whole table is one.
        time: the column that orders the steps of a series: by value where all its cells are
            numbers, by date where all are dates. Else, and where None, the order is the file's.

    Returns:
        The series in the order in which they begin.

    Raises:
        DataError: there is no such column; a row has no series or no time; two steps of a series
            have one time; cells are no texts.

    Example:
        >>> rows = [["a", "2", "7"], ["b", "1", "5"], ["a", "1", ""]]
        >>> table = Table("a.csv", ("id", "day", "x"), rows, [2, 3, 4], True)
        >>> [row[1:] for row in gather(table, series="id", time="day").rows]
        [[('1', '2'), tensor([[nan],
                [7.]])], [('1',), tensor([[5.]])]]
    """
    _check_texts(table)
    if series is not None and time is not None and table.name_of(series) == table.name_of(time):
        raise DataError(f"{time!r} is named as the series and as the time", path=table.path)
    groups = _groups(table, series)
    starts = [group[0] for group in groups]
    notes = [_about(groups, series)]
    if time is not None:
        notes += _put_in_order(table, groups, time)
    places = _Places(groups)
    own = {table.name_of(name): kind for name, kind in ((series, "id"), (time, "time")) if name}
    columns = []
    for index, name in enumerate(table.columns):
        cells = list(table.column(_own_name(table, index)))
        columns.append(places.gathered(cells, own.get(name)))
        notes += _nearly_numbers(table, name, cells) if name not in own else []
    return Gathered(
        table.path,
        table.columns,
        [list(row) for row in zip(*columns, strict=True)],
        [table.lines[row] for row in starts],
        table.has_header,
        (*table.notes, *notes),
        [table.files[row] for row in starts] if table.files else [],
        steps=torch.tensor(list(table.lines))[places.order].split(places.sizes),
    )


def _check_texts(table: Table) -> None:
    for name, cell in zip(table.columns, table.rows[0], strict=True):
        if not isinstance(cell, str):
            raise DataError(
                "a row for each step was wanted, of texts and numbers, and each row has a whole "
                "sequence already: leave series and time out",
                path=table.path,
                column=name,
            )


def _groups(table: Table, series: str | None) -> list[list[int]]:
    """Give the rows of each series, in the order of the file."""
    if series is None:
        return [list(range(len(table)))]
    groups: dict[str, list[int]] = {}
    for row, cell in enumerate(table.column(series)):
        key = unicodedata.normalize("NFC", str(cell)).strip()
        if not key:
            message = "the row does not say which series it is of: fill it in, or take the row out"
            raise table.error(message, row=row, column=series)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _put_in_order(table: Table, groups: list[list[int]], time: str) -> list[str]:
    """Order the rows of each series by time, in place; say so where they cannot be."""
    texts = [str(cell).strip() for cell in table.column(time)]
    if "" in texts:
        message = "the row has no time: fill it in, or take the row out"
        raise table.error(message, row=texts.index(""), column=time)
    stamps = read_stamps(texts)
    for group in groups:
        if stamps.kind != "text":
            group.sort(key=stamps.keys.__getitem__)
        _check_apart(table, group, stamps.keys, time)
    if stamps.kind != "text":
        return []
    odd = stamps.odd or 0
    return [
        f"column {table.name_of(time)!r} has neither numbers nor dates throughout (row "
        f"{table.lines[odd]}: {shown(texts[odd])}): the steps stay in the order of the file"
    ]


def _check_apart(
    table: Table, group: list[int], keys: Sequence[int | float | str], time: str
) -> None:
    seen: dict[int | float | str, int] = {}
    for row in group:
        before = seen.setdefault(keys[row], row)
        if before != row:
            early, late = sorted((before, row))
            cell = shown(str(table.column(time)[late]))
            raise table.error(
                f"{cell} is also the time of row {table.lines[early]} of the same series: a step "
                "has a time of its own; take one out, or name the column that tells the series "
                "apart",
                row=late,
                column=time,
            )


class _Places:
    """Where the rows of each series lie."""

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        self.sizes = [len(group) for group in groups]
        self.order = torch.tensor([row for group in groups for row in group])

    def gathered(self, cells: Sequence[Cell], kind: str | None) -> list[Cell]:
        """Make of a column's cells one for each series."""
        texts = [str(cell) for cell in cells]
        if kind is None:
            numbers = read_numbers(texts)
            if isinstance(numbers, Tensor) and not bool(numbers.isnan().all()):
                return [part[:, None] for part in numbers[self.order].split(self.sizes)]
        parts = [tuple(texts[row] for row in rows) for rows in self._rows()]
        if kind == "id":
            return [unicodedata.normalize("NFC", part[0]).strip() for part in parts]
        if kind is None and all(part.count(part[0]) == len(part) for part in parts):
            return [part[0] for part in parts]
        return list(parts)

    def _rows(self) -> Iterator[list[int]]:
        for part in self.order.split(self.sizes):
            yield part.tolist()


def _nearly_numbers(table: Table, name: str, cells: Sequence[Cell]) -> list[str]:
    """Say so where a few texts keep a column from being numbers."""
    texts = [str(cell) for cell in cells]
    found = read_numbers(texts)
    most = (1 - _NEARLY_ALL) * len(texts)
    if isinstance(found, Tensor):
        return []
    wrong = 0
    for text in texts:
        wrong += not (is_number_text(text) or is_missing(text))
        if wrong > most:
            return []
    return [
        f"column {name!r} is read as text: {wrong:,} of its {len(texts):,} cells "
        f"{'is no number' if wrong == 1 else 'are no numbers'}, the first in row "
        f"{table.lines[found.place]}: {shown(texts[found.place])}"
    ]


def _about(groups: Sequence[Sequence[int]], series: str | None) -> str:
    sizes = sorted(map(len, groups))
    steps = f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
    if series is None:
        return f"the whole file is one series of {steps} steps"
    return f"{len(groups):,} series, told apart by {series!r}, of {steps} steps"


def _own_name(table: Table, index: int) -> str:
    """Name a column so that the table finds it: two of one name by number."""
    name = table.columns[index]
    return name if table.columns.count(name) == 1 else str(index + 1)
