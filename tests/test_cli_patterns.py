from __future__ import annotations

import signal
import threading

import pytest

from headgate.cli import patterns
from headgate.cli.patterns import check_pattern
from headgate.errors import DataError


def test_a_pattern_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LIMIT", 0.2)
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(DataError, match=r"'\(a\+\)\+\$' was looked for .* for 0\.2 seconds"):
        check_pattern("(a+)+$", "a" * 60 + "!")
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_others_pass() -> None:
    check_pattern("(a+)+$", "a" * 60)
    check_pattern("", "")
    with pytest.raises(DataError, match="is no regular expression"):
        check_pattern("(", "a")


def test_a_thread_has_no_signals_and_waits() -> None:
    errors: list[BaseException] = []

    def look() -> None:
        try:
            check_pattern("a+", "aaa")
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert not errors
