"""The tasks: each one file, and the table of them all."""

from __future__ import annotations

from typing import Any

from headgate.data.columns import Table
from headgate.data.examples import Examples
from headgate.errors import DataError, UnknownNameError
from headgate.tasks.chat import Chat
from headgate.tasks.classify import Classify
from headgate.tasks.generate import Generate
from headgate.tasks.protocol import Evaluation, Prediction, Task
from headgate.tasks.tag import Tag
from headgate.tasks.translate import Translate

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Classify, Tag, Generate, Translate, Chat)
}

_REPEATS = 5

__all__ = ["TASKS", "Evaluation", "Examples", "Prediction", "Task", "infer", "task_named"]


def infer(table: Table, input: str, target: str | None) -> tuple[str, str]:
    """Tell from the columns what the task is.

    Args:
        table: the rows.
        input: the column of the inputs.
        target: the column of the targets, or None.

    Returns:
        The task's name, and why, in a sentence.

    Raises:
        DataError: a column of inputs was named, but none of targets.

    Example:
        >>> infer(Table("", ("a", "b"), [["x", "ham"], ["y", "spam"]] * 9, [], True), "a", "b")[0]
        'classify'
    """
    if target is None and table.roles != (input, None):
        raise DataError(
            f"which column is the target of {input!r}? Name it (--target COL); or, to learn to go "
            "on with such texts, name the task (--task generate)",
            path=table.path,
        )
    if target is None:
        return "generate", "a running text to go on with"
    targets = table.column(target)
    if all(isinstance(cell, tuple) for cell in targets):
        return "tag", "every target is a sequence"
    distinct = len(set(targets))
    if distinct * _REPEATS <= len(targets) or distinct == 1:
        return "classify", f"{distinct} distinct targets in {len(targets)} rows are classes"
    return "translate", f"{distinct} distinct targets in {len(targets)} rows are texts"


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
