"""Series to forecast: how they are read from a table, and cut by time."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from headgate.data.clock import clock_of
from headgate.data.column_lists import column_list
from headgate.data.columns import Table, shown
from headgate.data.examples import Examples
from headgate.data.gathering import Gathered, gather
from headgate.data.series import series_of
from headgate.data.stamps import moment_of, read_stamps
from headgate.errors import DataError

_TWELFTH = 12
_FEWEST = 4  # steps that are learned from


@dataclass(frozen=True, eq=False)
class Series:
    """One series, and the span of it that is learned from or judged.

    Args:
        name: which it is.
        values: what is foretold, [T, L], NaN where a value is missing.
        inputs: further columns, [T or more, M]: rows after the last value are of the future.
        labels: a text for each column that says one thing of the whole series.
        stamps: of the steps, and of the rows after them; none where there are none.
        names: of the columns: of ``values``, of ``inputs``, of ``labels``.
        start: the first step of the span; what stands before it is past.
        stop: where the span ends; None with the series.
    """

    name: str
    values: Tensor
    inputs: Tensor
    labels: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    names: tuple[tuple[str, ...], ...] = ((), (), ())
    start: int = 0
    stop: int | None = None

    @property
    def key(self) -> str:
        """What equal series have in common."""
        return self.name

    @property
    def end(self) -> int:
        """Where the span ends."""
        return len(self.values) if self.stop is None else self.stop

    def __len__(self) -> int:
        return self.end - self.start

    @classmethod
    def of(cls, values: Any, name: str = "1") -> Series:
        """Make a series of bare numbers.

        Args:
            values: one a step, or [T, L]; a list, an array or a tensor.
            name: which it is.

        Returns:
            The series.

        Raises:
            DataError: they are no steps of numbers, or one is infinite.
        """
        found = torch.as_tensor(values, dtype=torch.float32)
        found = found[:, None] if found.dim() == 1 else found
        if found.dim() != 2:
            came = "a single number" if found.dim() == 0 else str(tuple(found.shape))
            raise DataError(
                f"a series is [T] or [T, L], and {came} came: one series is a tensor or an array, "
                "several are a list of such"
            )
        check_finite(found)
        names = (tuple(str(n + 1) for n in range(found.shape[1])), (), ())
        return cls(name, found, torch.zeros(len(found), 0), names=names)


def check_finite(values: Tensor) -> None:
    """Refuse infinite numbers; a missing one is NaN.

    Args:
        values: of a series.

    Raises:
        DataError: one is infinite; the message has the step.
    """
    wrong = values.isinf().any(-1).nonzero()
    if len(wrong):
        raise DataError(
            f"step {int(wrong[0]) + 1} is infinite: a missing value is left empty, or NaN"
        )


def read_series(table: Table, input: str | None, target: str | None) -> Examples:
    """Take the series of a table.

    Args:
        table: gathered, one row a series; or a row a step, all of one series; or wide, a row a
            series and a column a step.
        input: further columns, or None.
        target: what is foretold: a column, several, or of a wide table from the first step to the
            last ("V2:V60", or "V2:" to the end).

    Returns:
        The series, each ending at its last value; of what follows only the inputs are kept.

    Raises:
        DataError: there is no such column, a value is no number, a series has none; the message
            has the row.
    """
    if target is None:
        raise DataError("which column is foretold? Name it (--target COL)", path=table.path)
    if not len(table):
        raise DataError("there are no rows to read", path=table.path)
    columns = column_list(table.columns, target)
    if not isinstance(table, Gathered) and (len(columns) == 1 or ":" not in target):
        table = _one_series(table, columns, input)
    wanted = [] if input is None else column_list(table.columns, input)
    wide = isinstance(table.rows[0][columns[0]], str) and len(columns) > 1
    values = series_of(table, target)
    used = {*columns, *wanted}
    names = _names(table, used)
    found = [
        _series(table, row, values[row], wide=wide, columns=(columns, wanted), name=names[row])
        for row in range(len(table))
    ]
    return Examples(found, table=table, columns=(target, target), kind="forecast")


def _one_series(table: Table, columns: Sequence[int], input: str | None) -> Table:
    """Gather a table that has a row for each step of one series, ordered by its dates."""
    cell = table.rows[0][columns[0]]
    if not isinstance(cell, str):
        return table
    taken = {*columns, *([] if input is None else column_list(table.columns, input))}
    for index, name in enumerate(table.columns):
        texts = [row[index] for row in table.rows]
        dates = index not in taken and all(isinstance(text, str) for text in texts)
        if dates and read_stamps([str(text) for text in texts]).kind == "date":
            return gather(table, time=name if table.columns.count(name) == 1 else str(index + 1))
    return gather(table)


def _names(table: Table, used: set[int]) -> list[str]:
    """Name each series: by the first column of texts that tells all apart, or by number."""
    for index in range(len(table.columns)):
        cells = [row[index] for row in table.rows] if index not in used else []
        texts = {unicodedata.normalize("NFC", cell).strip() for cell in cells if type(cell) is str}
        if len(texts) == len(table) and "" not in texts:
            return [unicodedata.normalize("NFC", str(cell)).strip() for cell in cells]
    return [str(row + 1) for row in range(len(table))]


def _series(
    table: Table,
    row: int,
    values: Tensor,
    *,
    wide: bool,
    columns: tuple[Sequence[int], Sequence[int]],
    name: str,
) -> Series:
    targets, inputs = columns
    known = (~values.isnan()).any(1).nonzero()
    if not len(known):
        raise table.error(
            "the series has no value: take it out", row=row, column=_called(table, targets[0])
        )
    length = int(known[-1]) + 1
    cells = table.rows[row]
    for index in inputs:
        if isinstance(cells[index], tuple):
            raise table.error(
                "numbers were wanted, or one text for the whole series, and texts came that "
                "differ from step to step: write each kind as a column of 0 and 1",
                row=row,
                column=_called(table, index),
            )
    numbers = [index for index in inputs if isinstance(cells[index], Tensor)]
    labels = [index for index in inputs if isinstance(cells[index], str)]
    steps = len(values)
    beside = [cells[index] for index in numbers]
    stamps = () if wide else _stamps(table, row, {*targets, *inputs})
    called = (("value",) if wide else tuple(table.columns[i] for i in targets),)
    called += tuple(tuple(table.columns[i] for i in kind) for kind in (numbers, labels))
    return Series(
        name,
        values[:length].float(),
        torch.cat(beside, 1).float() if beside else torch.zeros(steps, 0),  # type: ignore[arg-type]
        tuple(str(cells[index]).strip() for index in labels),
        stamps,
        called,
    )


def _called(table: Table, index: int) -> str:
    name = table.columns[index]
    return name if table.columns.count(name) == 1 else str(index + 1)


def _stamps(table: Table, row: int, used: set[int]) -> tuple[str, ...]:
    """Find the column of dates, where there is one."""
    for index, cell in enumerate(table.rows[row]):
        if index in used or not isinstance(cell, tuple):
            continue
        if all(moment_of(stamp) is not None for stamp in cell):
            return cell
    return ()


def usual_horizon(series: Sequence[Series]) -> int:
    """Give the steps to foretell where nobody says how many.

    Args:
        series: what is learned from.

    Returns:
        What is usual for steps so far apart; else a twelfth of the middle length.
    """
    clock = clock_of(series[0].stamps)
    if clock is not None and clock.horizon is not None:
        return clock.horizon
    lengths = sorted(len(each.values) for each in series)
    return max(1, lengths[len(lengths) // 2] // _TWELFTH)


def cut_by_time(
    examples: Examples, *, valid: float, test: float, horizon: int | None
) -> dict[str, Examples]:
    """Cut each series: the first part is to learn from, the last is the test.

    Args:
        examples: whole series.
        valid: the share of each series' steps, or from 1 on their number.
        test: likewise.
        horizon: steps that a part has at least, if it has any; the usual number where None.

    Returns:
        The parts by name, each with the whole series and its span of them.

    Raises:
        DataError: a series is too short; the message names it.
    """
    least = usual_horizon(examples.inputs) if horizon is None else horizon
    parts: dict[str, list[Series]] = {"train": [], "valid": [], "test": []}
    for row, series in enumerate(examples.inputs):
        steps = len(series.values)
        sizes = {
            name: _steps(share, steps, least) for name, share in (("valid", valid), ("test", test))
        }
        first = steps - sizes["valid"] - sizes["test"]
        if first < _FEWEST:
            raise examples.error(
                f"the series {shown(series.name)} has {steps} steps, too few for a validation of "
                f"{sizes['valid']}, a test of {sizes['test']} and {_FEWEST} to learn from: take it "
                "out, or set a smaller horizon",
                row,
            )
        second = first + sizes["valid"]
        parts["train"].append(replace(series, start=0, stop=first))
        parts["valid"].append(replace(series, start=first, stop=second))
        parts["test"].append(replace(series, start=second, stop=None))
    rows = range(len(examples))
    found = {name: replace(examples.take(rows), inputs=each) for name, each in parts.items()}
    for name, share in (("valid", valid), ("test", test)):
        if not share:
            found[name] = found[name].take([])
    return found


def _steps(share: float, steps: int, least: int) -> int:
    if not share:
        return 0
    return round(share) if share >= 1 else max(least, round(share * steps))


def continued(examples: Examples, train: Examples | None) -> Examples:
    """Put the past before series that come from a file of their own.

    Args:
        examples: series; those without a past are the ones that go on.
        train: what was learned from, each with all the steps that its file has.

    Returns:
        The series, each with its past; one that was not learned from is left as it is.

    Raises:
        DataError: a series goes on with other columns than it had.
    """
    past = {} if train is None else {each.name: each for each in train.inputs}
    found = [
        _joined(past[each.name], each, examples, row)
        if not each.start and each.name in past
        else each
        for row, each in enumerate(examples.inputs)
    ]
    return replace(examples, inputs=found)


def _joined(past: Series, new: Series, examples: Examples, row: int) -> Series:
    if past.values.shape[1] != new.values.shape[1] or past.inputs.shape[1] != new.inputs.shape[1]:
        raise examples.error(
            f"the series {shown(new.name)} goes on with other columns than it had in training", row
        )
    steps = len(past.values)
    return replace(
        new,
        values=torch.cat([past.values, new.values]),
        inputs=torch.cat([past.inputs[:steps], new.inputs]),
        stamps=(*past.stamps[:steps], *new.stamps) if past.stamps and new.stamps else (),
        start=steps,
        stop=None,
    )
