"""A bound on how long something is waited for, which costs next to nothing where it is kept."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any


class Deadline:
    """A block that ends in a ``TimeoutError`` after some seconds, as asyncio has from Python 3.11.

    Args:
        seconds: how long the block may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._over = seconds, False
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> Deadline:
        self._task = asyncio.current_task()
        self._before = _cancelling(self._task)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds, self._expire)
        return self

    def _expire(self) -> None:
        assert self._task is not None
        self._over = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if not self._over or self._task is None:
            return
        uncancel = getattr(self._task, "uncancel", None)  # of Python 3.11
        left = uncancel() if uncancel is not None else self._before
        if left <= self._before and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from None  # unless somebody else cancelled the task, too


def _cancelling(task: asyncio.Task[Any] | None) -> int:
    count = getattr(task, "cancelling", None)  # of Python 3.11
    return count() if count is not None else 0
