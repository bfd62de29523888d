"""Series: of many rows that are one step each, of columns that are steps, or of cells as they are.

The long form has a row for each step: ``gather`` makes one row of each series. The wide form has a
column for each step, and a row for each series. ``series_of`` gives the series of either.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.column_lists import columns_in
from headgate.data.columns import Cell, Table, shown
from headgate.data.gathering import Gathered, gather
from headgate.data.numerals import (
    Wrong,
    is_missing,
    is_number_text,
    number_text,
    read_numbers,
    why_no_number,
)

__all__ = ["Gathered", "constants_of", "gather", "is_series", "series_of"]

Series = Float[Tensor, "T M"]
_CHANNELS = 2  # dimensions of a cell that is a series: steps, channels


def is_series(table: Table, spec: str) -> bool:
    """Tell whether columns are series, by their first row.

    Args:
        table: the rows.
        spec: one column or several, as ``column_list`` takes them.

    Returns:
        Whether there are several columns; or the cells of the one are tensors of steps and
        channels, or the steps of a gathered series most of which are numbers.

    Raises:
        DataError: there is no such column.
    """
    columns = columns_in(table, spec)
    if len(columns) > 1:
        return True
    if not len(table):
        return False
    cell = table.rows[0][columns[0]]
    if isinstance(cell, Tensor):
        return cell.ndim <= _CHANNELS
    if not isinstance(cell, tuple) or not isinstance(table, Gathered):
        return False
    return 2 * sum(map(is_number_text, cell)) > len(cell)


def series_of(table: Table, spec: str) -> list[Series]:
    """Give the series of a table.

    Args:
        table: the rows.
        spec: one column or several, as ``column_list`` takes them. One column has cells that are
            series. Several that have are the channels, side by side; several of numbers are the
            steps of one channel: what is empty at a row's end is past the end of its series.

    Returns:
        For each row its series, float32 [T, F], NaN where a value is missing.

    Raises:
        DataError: there is no such column; a cell is no number; the channels of a row have
            different numbers of steps; a row has no value.

    Example:
        >>> table = Table("a.csv", ("1", "2", "3"), [["1", "2", ""], ["1", "", "3"]], [1, 2], False)
        >>> [series.flatten().tolist() for series in series_of(table, "1:3")]
        [[1.0, 2.0], [1.0, nan, 3.0]]
    """
    columns = columns_in(table, spec)
    first = [table.rows[0][column] for column in columns] if len(table) else []
    if len(columns) > 1 and all(isinstance(cell, str) for cell in first):
        return _wide(table, columns)
    parts = [_channel(table, column) for column in columns]
    if len(parts) == 1:
        return parts[0]
    rows = enumerate(zip(*parts, strict=True))
    return [_side_by_side(table, row, columns, cells) for row, cells in rows]


def constants_of(table: Table, column: str) -> list[str]:
    """Give the one text that each row of a gathered table has in a column: a label, a place.

    Args:
        table: the rows.
        column: by name or number.

    Returns:
        A text a row; of a series of numbers that are all alike the number.

    Raises:
        DataError: the values of a row differ.
    """
    return [_constant(table, row, cell, column) for row, cell in enumerate(table.column(column))]


def _constant(table: Table, row: int, cell: Cell, column: str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, tuple):
        kinds = dict.fromkeys(cell)
    else:
        kinds = dict.fromkeys(map(number_text, cell.unique().tolist()))
    if len(kinds) == 1:
        return next(iter(kinds))
    listed = " and ".join(shown(kind) for kind in list(kinds)[:2])
    raise table.error(
        f"one value for the whole series was wanted, and there are {listed}", row=row, column=column
    )


def _name(table: Table, column: int) -> str:
    """Name a column so that a table finds it: two of one name by number."""
    name = table.columns[column]
    return name if table.columns.count(name) == 1 else str(column + 1)


def _channel(table: Table, column: int) -> list[Series]:
    """Give one column's series; those whose steps are texts are read."""
    cells = table.column(_name(table, column))
    return [_series(table, row, column, cell) for row, cell in enumerate(cells)]


def _series(table: Table, row: int, column: int, cell: Cell) -> Tensor:
    if isinstance(cell, Tensor):
        return cell[:, None] if cell.ndim == 1 else cell
    name = _name(table, column)
    if isinstance(cell, str):
        raise table.error(
            f"a series was wanted, and the text {shown(cell)} came: where each row is a step, name "
            "the column that says which series it is of (--series COL); where each column is a "
            'step, name the first and the last (--input "V2:V60")',
            row=row,
            column=name,
        )
    found = read_numbers(cell)
    if isinstance(found, Tensor):
        return found[:, None]
    if isinstance(table, Gathered):
        raise table.step_error(found.why, row=row, step=found.place, column=name)
    raise table.error(f"step {found.place + 1}: {found.why}", row=row, column=name)


def _side_by_side(
    table: Table, row: int, columns: Sequence[int], cells: Sequence[Tensor]
) -> Series:
    lengths = [len(cell) for cell in cells]
    if len(set(lengths)) == 1 and all(cell.ndim == _CHANNELS for cell in cells):
        return torch.cat(list(cells), 1)
    listed = ", ".join(
        f"{shown(table.columns[column])} {tuple(cell.shape)}"
        for column, cell in zip(columns, cells, strict=True)
    )
    raise table.error(
        f"channels of equally many steps were wanted, and these came: {listed}", row=row
    )


def _wide(table: Table, columns: Sequence[int]) -> list[Series]:
    """Read each row's numbers as the steps of one channel."""
    found = []
    for row, cells in enumerate(table.rows):
        texts = [cells[column] for column in columns]
        for column, text in zip(columns, texts, strict=True):
            if not isinstance(text, str):
                raise table.error(
                    "a number was wanted, as in the first row, and a series came: the columns of "
                    "one series are alike",
                    row=row,
                    column=_name(table, column),
                )
        found.append(_steps(table, row, columns, texts))  # type: ignore[arg-type]
    return found


def _steps(table: Table, row: int, columns: Sequence[int], texts: list[str]) -> Series:
    end = len(texts)
    while end and is_missing(texts[end - 1]):
        end -= 1
    if not end:
        raise table.error("the row has no value in these columns: take it out", row=row)
    numbers = read_numbers(texts[:end])
    if isinstance(numbers, Wrong):
        name = _name(table, columns[numbers.place])
        raise table.error(why_no_number(texts[numbers.place]), row=row, column=name)
    return numbers[:, None]
