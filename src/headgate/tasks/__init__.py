"""The tasks: each one file, and the table of them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headgate.errors import UnknownNameError
from headgate.tasks.classify import Classify
from headgate.tasks.protocol import Evaluation, Examples, Prediction, Task
from headgate.tasks.translate import Translate

TASKS: dict[str, type[Task]] = {task.name: task for task in (Classify, Translate)}

_REPEATS = 5

__all__ = ["TASKS", "Evaluation", "Examples", "Prediction", "Task", "infer", "task_named"]


def infer(targets: Sequence[str]) -> tuple[str, str]:
    """Tell from the targets what the task is.

    Args:
        targets: the target column.

    Returns:
        The task's name, and why, in a sentence.

    Example:
        >>> infer(["ham", "spam"] * 10)[0], infer(["one", "two", "three"])[0]
        ('classify', 'translate')
    """
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
