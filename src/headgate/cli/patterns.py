"""Patterns that would be looked for without an end are refused."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from headgate.errors import DataError
from headgate.inspection.matches import compiled

LIMIT = 20.0
"""Seconds that a pattern may take on a text."""


def check_pattern(pattern: str, text: str) -> None:
    """Look for a pattern once, for as long as ``LIMIT`` says.

    Nested repeats such as (a+)+$ can take longer than the universe is old; the search itself
    cannot be left, but for a signal.

    Args:
        pattern: a regular expression.
        text: where it is looked for.

    Raises:
        DataError: it is no regular expression, or takes too long.
    """
    expression = compiled(pattern)
    with _limited(pattern):
        for _ in expression.finditer(text):
            pass


@contextmanager
def _limited(pattern: str) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() != threading.main_thread():
        yield  # a system, or a thread, without such signals waits
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise DataError(
            f"{pattern!r} was looked for in this text for {LIMIT:g} seconds without an end: "
            "write it without a repeat inside a repeat, as in (a+)+, or give a shorter text"
        )

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
