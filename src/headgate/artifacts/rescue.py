"""What cost a training is not lost to a full disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from headgate.errors import OutputError


def write_or_rescue(write: Callable[[Path], None], place: Path) -> None:
    """Write a fresh model; where its place is full, elsewhere.

    Args:
        write: writes it into a directory.
        place: the directory.

    Raises:
        OutputError: it could not be written there; the message says where it is safe, if it is.
    """
    try:
        write(place)
    except OutputError as error:
        try:
            rescue = Path(tempfile.mkdtemp(prefix="headgate-"))
            write(rescue)
        except (OSError, OutputError):
            raise error from None
        raise OutputError(f"{error}. The trained model is safe in {rescue}: move it") from error
