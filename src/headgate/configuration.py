"""All that would decide a training, and a run's file that says it."""

from __future__ import annotations

import os
from typing import Any

from headgate.data.run_file import read_run
from headgate.model import understand
from headgate.tasks.keys import kinds
from headgate.trainer import Say, Trainer


def configured(
    data: str | os.PathLike[str], *, say: Say | None = None, **options: Any
) -> dict[str, tuple[Any, str]]:
    """Give all that would decide a training, every default spelled out; nothing is trained.

    Args:
        data: as ``train`` takes it.
        say: who hears what is decided; the terminal where None.
        **options: as ``train`` takes them.

    Returns:
        For each name that ``train`` takes its value and what it means.
    """
    source, task, options, started = understand(data, options, options.pop("base", None))
    trainer = Trainer(source, task, options, say=say or print, base=started and started.task)
    found = trainer.described()
    path = found.pop("path")
    return {"data": path, **found}


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a run's file of YAML, as ``headgate config`` writes it.

    Args:
        path: the file.

    Returns:
        What ``train`` takes, by name; the data under "data".

    Raises:
        DataError: it is no such file, a name is unknown or stands twice, a value is of another
            kind; the message has the line.
    """
    return read_run(path, kinds())
