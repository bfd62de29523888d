"""Ctrl-C as a wish that is granted between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Note the first Ctrl-C inside the block in place of raising it where it strikes.

    An exception out of nowhere leaves half done what was being done: a lock that a reporter's
    thread waits for, a queue with a count that is never reached. A second Ctrl-C is raised at once.
    Outside the main thread, or where the program has a handler of its own, nothing changes.

    Yields:
        What is set by the first Ctrl-C.
    """
    wish = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or before is not signal.default_int_handler:
        yield wish
        return

    def note(number: int, frame: Any) -> None:
        wish.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield wish
    finally:
        signal.signal(signal.SIGINT, before)
