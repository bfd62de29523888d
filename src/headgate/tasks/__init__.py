"""The tasks: each one file, and the table of them all."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from headgate.data.columns import Table
from headgate.data.examples import Examples
from headgate.data.series import Gathered, constants_of, is_series
from headgate.errors import DataError, UnknownNameError
from headgate.tasks.caption import Caption
from headgate.tasks.chat import Chat
from headgate.tasks.classify import Classify
from headgate.tasks.forecast import Forecast
from headgate.tasks.generate import Generate
from headgate.tasks.protocol import Evaluation, Prediction, Task
from headgate.tasks.readings import reading_of
from headgate.tasks.regress import Regress, number_in
from headgate.tasks.tag import Tag
from headgate.tasks.transcribe import Transcribe
from headgate.tasks.translate import Translate

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (Classify, Regress, Tag, Generate, Translate, Chat, Transcribe, Caption, Forecast)
}

_REPEATS = 5
_OF_TEXTS = {  # by what is read
    "text": "translate",
    "audio": "transcribe",
    "series": "classify",
    "image": "caption",
    "video": "classify",
}

__all__ = ["TASKS", "Evaluation", "Examples", "Prediction", "Task", "infer", "task_named"]


def infer(table: Table, input: str | None, target: str | None) -> tuple[str, str]:
    """Tell from the columns what the task is.

    Args:
        table: the rows.
        input: the column of the inputs, or None where the target goes on by itself.
        target: the column of the targets, or None.

    Returns:
        The task's name, and why, in a sentence.

    Raises:
        DataError: a column of inputs was named, but none of targets; or the other way round, and
            the targets are no numbers.

    Example:
        >>> infer(Table("", ("a", "b"), [["x", "ham"], ["y", "spam"]] * 9, [], True), "a", "b")[0]
        'classify'
    """
    if input is None and target is not None:
        return _going_on(table, target)
    assert input is not None
    if target is None and table.roles != (input, None):
        raise DataError(
            f"which column is the target of {input!r}? Name it (--target COL); or, to learn to go "
            "on with such texts, name the task (--task generate)",
            path=table.path,
        )
    if target is None:
        music = len(table) > 0 and isinstance(table.column(input)[0], Tensor)
        return "generate", "pieces to go on with" if music else "a running text to go on with"
    targets = constants_of(table, target) if isinstance(table, Gathered) else table.column(target)
    if all(isinstance(cell, tuple) for cell in targets):
        return "tag", "every target is a sequence"
    distinct = len(set(targets))
    if distinct * _REPEATS <= len(targets) or distinct == 1:
        return "classify", f"{distinct} distinct targets in {len(targets)} rows are classes"
    of = f"{distinct} distinct targets in {len(targets)} rows are"
    if all(number_in(cell) is not None for cell in targets):
        return "regress", f"{of} numbers"
    return _OF_TEXTS[reading_of(table, input).kind], f"{of} texts"


def _going_on(table: Table, target: str) -> tuple[str, str]:
    """Take a target alone for a series to forecast, where it is one of numbers."""
    if not is_series(table, target):
        cells = table.column(target)
        numbers = sum(number_in(cell) is not None for cell in cells)
        if 2 * numbers <= len(cells):
            raise DataError(
                f"the target {target!r} is of which input? Name its column, too", path=table.path
            )
    return "forecast", "numbers that go on, with no input beside them"


def task_named(name: str) -> Any:
    """Look a task up.

    Args:
        name: a key of ``TASKS``.

    Returns:
        The task's class, which is a ``Task``.

    Raises:
        UnknownNameError: no task has that name.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name]
