"""Files that stand in their place whole or not at all, and never over another file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from headgate.cli.options import refuse_existing
from headgate.errors import OutputError


def check_places(*paths: str | None) -> None:
    """Check that new files can be written, before anything is computed for them.

    Args:
        *paths: the files, or None.

    Raises:
        OutputExistsError: something is there.
        OutputError: two are one file, a name is empty, or a folder is not there or read-only.
    """
    named = [path for path in paths if path is not None]
    for path in named:
        if not path:
            raise OutputError("the name of a file to write is empty: name a new one")
        refuse_existing(path)
        folder = Path(path).parent
        if not folder.is_dir():
            raise OutputError(f"{path} cannot be written: there is no folder {folder}; make it")
        if not os.access(folder, os.W_OK):
            raise OutputError(f"{path} cannot be written: {folder} may not be written to")
    if len({os.path.realpath(path) for path in named}) < len(named):
        raise OutputError(f"{named[0]} is named for two files: name another place for one of them")


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[TextIO]:
    """Open a file beside its place, which gets its name when the block ends well.

    A run that is killed leaves at most a hidden file that ends in .partial.

    Args:
        path: a new file.

    Yields:
        The file, UTF-8; what that cannot store becomes "?".

    Raises:
        OutputExistsError: something came there in the meantime; it was not touched.
        OutputError: it cannot be written; nothing was left.
    """
    folder, name = os.path.split(os.path.abspath(path))
    try:
        handle, beside = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".partial")
        try:
            with open(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(beside, 0o666 & ~_umask())
            _name(beside, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror}") from error


def write_whole(path: str, text: str) -> None:
    """Write a text as a file that is there whole or not at all; see ``whole_file``.

    Args:
        path: a new file.
        text: all of it.
    """
    with whole_file(path) as file:
        file.write(text)


def _name(beside: str, path: str) -> None:
    """Give a file its name, in one step where the file system has links."""
    try:
        os.link(beside, path)  # unlike a renaming, never over another file
    except OSError:
        refuse_existing(path)
        os.replace(beside, path)


def _umask() -> int:
    """Read the process's mask; there is no way but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
