"""Every name that a run may set, over all tasks, with its kind and what it means."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Union, get_type_hints

from headgate.data.origin import Source
from headgate.data.run_file import explained
from headgate.tasks import TASKS
from headgate.tasks.generate_frames_settings import GenerateFramesSettings
from headgate.tasks.readings import READINGS
from headgate.training import Plan

_OWN = ("program",)  # what a saved model keeps and nobody sets


def kinds() -> dict[str, Any]:
    """Give the kind of every name that a run may set.

    Returns:
        Type hints by name; a name that tasks have with several kinds has all of them.
    """
    found: dict[str, Any] = {"data": str, "out": str, "base": str | None, "task": str | None}
    tasks = [*(task.made_of for task in TASKS.values()), GenerateFramesSettings]
    for group in (Source, Plan, *tasks, *(each.made_of for each in READINGS.values())):
        hints = get_type_hints(group)
        for name in names(group):
            found[name] = Union[found.get(name, hints[name]), hints[name]]  # noqa: UP007
    del found["path"]  # its name is "data"
    return found


def names(group: Any) -> list[str]:
    """Give the names of a group that a run may set.

    Args:
        group: a dataclass: ``Source``, ``Plan`` or the settings of a task.

    Returns:
        Its fields, without those that are not for a user.
    """
    return [each.name for each in fields(group) if each.name not in _OWN]


def described(group: Any) -> dict[str, tuple[Any, str]]:
    """Give the values of a group with what each means.

    Args:
        group: a ``Source``, a ``Plan`` or the settings of a task.

    Returns:
        For each name its value and a sentence.
    """
    words = explained(type(group))
    return {name: (getattr(group, name), words.get(name, "")) for name in names(group)}
