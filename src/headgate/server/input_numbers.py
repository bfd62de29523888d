"""Series that came as JSON: lists of numbers, or an object a step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from headgate.data.columns import Table
from headgate.data.gathering import gather
from headgate.errors import DataError
from headgate.model import Model
from headgate.server.refusals import refusal, text_in, too_many

_LARGEST = torch.finfo(torch.float32).max
_MOST_COLUMNS = 1000  # of an object
_NAN = float("nan")


def series_in(given: Any, pointer: str, *, steps: int, missing: bool = True) -> Tensor:
    """Take a series.

    Args:
        given: a number a step, or a list of numbers a step, null where one is missing.
        pointer: where it stands, as a JSON pointer.
        steps: that it may have.
        missing: whether a value may be missing.

    Returns:
        The series, float32 [T] or [T, C], NaN where a value is missing.

    Raises:
        DataError: it is no such list, is too long, has steps of unequal lengths, no value at all,
            or something that is no number that single precision holds; the message says where.
    """
    rows = _steps(given, pointer, steps)
    if not isinstance(rows[0], list):
        found = torch.tensor(_numbers(rows, pointer, missing), dtype=torch.float32)
    else:
        width = len(rows[0])
        for step, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != width or not width:
                wanted = (
                    f"a list of {width} numbers, as in the first step," if width else "a number"
                )
                raise refusal(f"{pointer}/{step}", wanted, row)
        read = [_numbers(row, f"{pointer}/{step}", missing) for step, row in enumerate(rows)]
        found = torch.tensor(read, dtype=torch.float32)
    if bool(found.isnan().all()):
        raise DataError("the series has no value", path=pointer)
    return found


def _steps(given: Any, pointer: str, steps: int) -> list[Any]:
    if not isinstance(given, list) or not given:
        raise refusal(pointer, "a series, a list with a number or numbers for each step,", given)
    if len(given) > steps:
        raise too_many(pointer, steps, "steps", len(given))
    return given


def _numbers(values: list[Any], pointer: str, missing: bool) -> list[float]:
    for place, value in enumerate(values):
        if not (_is_number(value) or (missing and value is None)):
            wanted = "a number, or null where it is missing," if missing else "a number"
            raise refusal(f"{pointer}/{place}", wanted, value)
    return [_NAN if value is None else float(value) for value in values]


def _is_number(value: Any) -> bool:
    """Tell whether a value is a number that single precision holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _LARGEST  # of NaN this is false


def has_columns(given: Any) -> bool:
    """Tell whether a series came as objects.

    Args:
        given: what came.

    Returns:
        Whether it is a list that begins with an object.
    """
    return isinstance(given, list) and bool(given) and isinstance(given[0], dict)


def columns_in(model: Model, given: list[Any], pointer: str, *, steps: int) -> Any:
    """Take a series whose steps name their columns, as a file does.

    Args:
        model: the model, which knows the columns that it was trained with.
        given: an object a step, all with the same keys; null where a value is missing.
        pointer: where it stands, as a JSON pointer.
        steps: that it may have.

    Returns:
        The series as ``predict`` takes it.

    Raises:
        DataError: a step is no such object, a column is missing, or the steps are of several
            series; the message says where.
    """
    table = _table(_steps(given, pointer, steps), pointer)
    how = model.config["data"]
    order = {name: how[name] for name in ("series", "time") if how.get(name) in table.columns}
    if order or model.task.reads != "forecast":  # a forecaster gathers by what it finds itself
        table = gather(table, **order)
    found = model.questions(table, how["input"], how["target"])
    if len(found) != 1:
        raise DataError(
            f"an input is one series, and its steps are of {len(found)}: send each as an input "
            "of its own",
            path=pointer,
        )
    return found[0]


def _table(steps: list[Any], pointer: str) -> Table:
    columns = tuple(steps[0])
    if len(columns) > _MOST_COLUMNS:
        raise too_many(f"{pointer}/0", _MOST_COLUMNS, "keys", len(columns))
    rows = []
    for step, each in enumerate(steps):
        place = f"{pointer}/{step}"
        if not isinstance(each, dict):
            raise refusal(place, "an object, as in the first step,", each)
        if each.keys() != steps[0].keys() or not columns:
            raise DataError(
                "an object with the keys of the first step was wanted, one at least, and others "
                "came: where a value is missing, give null",
                path=place,
            )
        rows.append([_cell(each[name], place) for name in columns])
    return Table(pointer, columns, rows, list(range(1, len(rows) + 1)), True)


def _cell(value: Any, pointer: str) -> str:
    """Write a value as a file has it."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if not value.strip() else text_in(value, pointer, len(value))
    if not _is_number(value):
        raise refusal(pointer, "a number, a text or null", value)
    return repr(value)
