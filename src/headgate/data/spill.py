"""Bytes that grow: in memory while they are few, in a temporary file where they are many.

The file has no name on POSIX: it is gone with the object, with the process, and also where the
process is killed. It lies where ``tempfile`` puts files: TMPDIR says where.
"""

from __future__ import annotations

import mmap
import tempfile
import weakref
from typing import IO

from headgate.errors import OutputError

IN_MEMORY = 1 << 26  # bytes up to which nothing goes to disk
_BUFFER = 1 << 20


class Spill:
    """Bytes that are written once, one piece after the other, and then read anywhere.

    Args:
        limit: bytes up to which they stay in memory.

    Example:
        >>> spill = Spill(limit=4)
        >>> for piece in (b"abc", b"defg"):
        ...     spill.write(piece)
        >>> spill.on_disk, bytes(spill.view()[2:5])
        (True, b'cde')
    """

    def __init__(self, limit: int = IN_MEMORY) -> None:
        self._limit = limit
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    @property
    def on_disk(self) -> bool:
        """Whether the bytes have outgrown memory."""
        return self._file is not None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes at the end; after ``view`` nothing more is to come.

        Args:
            data: the bytes.

        Raises:
            OutputError: the disk is full.
        """
        self.size += len(data)
        try:
            if self._file is None and self.size > self._limit:
                self._file = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115
                weakref.finalize(self, self._file.close)
                self._file.write(self._memory)
                self._memory = bytearray()
            if self._file is None:
                self._memory += data
            else:
                self._file.write(data)
        except OSError as error:
            raise _full(error) from error

    def view(self) -> memoryview:
        """End the writing and give all bytes, once, to be read only.

        Returns:
            The bytes; those on disk are mapped, so that the system keeps in memory what it has
            room for.

        Raises:
            OutputError: the disk is full.
        """
        if self._file is None:
            return memoryview(self._memory)
        try:
            self._file.flush()
            # A private copy: torch takes no buffer that cannot be written. Nobody writes it.
            mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)
            self._file.close()  # the mapping keeps the bytes
            return memoryview(mapped)
        except OSError as error:
            raise _full(error) from error


def _full(error: OSError) -> OutputError:
    return OutputError(
        f"the temporary folder {tempfile.gettempdir()!r} cannot be written ({error.strerror}): "
        "make room there, or name another with TMPDIR"
    )
