"""Lines of a pipe as they come, or of a prompt."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import typer

from headgate.errors import DataError


def lines_of(greeting: str) -> Iterator[str]:
    """Read lines, each as soon as it is there.

    Args:
        greeting: what a prompt begins with.

    Yields:
        The lines without their ends.

    Raises:
        DataError: a line is not UTF-8; the message has its row.
    """
    if sys.stdin is None:
        raise DataError("there is no standard input to read lines from")
    yield from _prompted(greeting) if sys.stdin.isatty() else _piped()


def _piped() -> Iterator[str]:
    source = getattr(sys.stdin, "buffer", sys.stdin)
    for row, line in enumerate(source, start=1):
        try:
            text = line.decode() if isinstance(line, bytes) else line
        except UnicodeDecodeError as error:
            raise DataError(
                f"the line is not UTF-8 (byte {error.start + 1} is 0x{line[error.start]:02x}): "
                "convert it first, for example with iconv",
                row=row,
            ) from error
        # a byte order mark is no part of the first line
        yield (text.removeprefix("\ufeff") if row == 1 else text).rstrip("\r\n")


def _prompted(greeting: str) -> Iterator[str]:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (it gives the prompt its history)
    typer.echo(greeting)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            yield input("> ")
    typer.echo()
