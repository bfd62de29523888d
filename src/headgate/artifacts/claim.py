"""A directory that one training has for itself, and that a killed one can be taken up from.

The file ``.unfinished`` stands in it meanwhile, locked by the process. The system takes the lock
away with the process, however it ends: so a second run finds a lock, and a killed run leaves a file
without one. Where the system or the disk knows no locks, the file alone says it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from headgate.artifacts.checkpoint import FILE as CHECKPOINT
from headgate.artifacts.directory import CONFIG, CURVES
from headgate.errors import OutputError, OutputExistsError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_MARK = ".unfinished"
_PATIENCE = 1.0  # seconds for another run to find that the directory is not its own
_TAKEN = (errno.EAGAIN, errno.EACCES)


@contextlib.contextmanager
def claim(path: str | os.PathLike[str], *, resume: bool = False) -> Iterator[Path]:
    """Make a directory one's own for a while.

    An error inside takes it away again, unless a checkpoint is in it.

    Args:
        path: a directory that does not exist, or is empty.
        resume: whether it may also be one that a training has left unfinished.

    Yields:
        The directory.

    Raises:
        OutputExistsError: something is there already, or another training runs there.
        OutputError: the directory cannot be made.
    """
    place = Path(path)
    mark = place / _MARK
    made = not place.exists()
    try:
        place.mkdir(parents=True, exist_ok=True)
        handle, fresh = _locked(mark)
    except FileExistsError:
        raise OutputExistsError(_refusal(place)) from None
    except OSError as error:
        raise OutputError(f"{place} cannot be made: {error.strerror}") from error
    try:
        _check(place, mark, fresh=fresh, resume=resume)
        try:
            yield place
        except BaseException:
            if not (place / CHECKPOINT).exists():
                _leave(place, mark, made=made)
            elif (place / CONFIG).exists():  # a model that was interrupted stays one
                mark.unlink(missing_ok=True)
            raise
        mark.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _locked(mark: Path) -> tuple[int, bool]:
    """Open the mark and lock it; say whether it is new."""
    ends = time.monotonic() + _PATIENCE
    while True:
        handle, fresh = _opened(mark)
        try:
            _lock(handle)
            if _stands(handle, mark):
                return handle, fresh
        except OSError as error:
            if error.errno not in _TAKEN:  # a disk that knows no locks
                return handle, fresh
            if not fresh or time.monotonic() > ends:
                os.close(handle)
                raise OutputExistsError(
                    f"{mark.parent} is being written by another training, which runs now: name "
                    "another place, or wait for it"
                ) from None
            time.sleep(_PATIENCE / 20)
        os.close(handle)


def _opened(mark: Path) -> tuple[int, bool]:
    try:
        return os.open(mark, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        return os.open(mark, os.O_RDWR | os.O_CREAT, 0o666), False


def _lock(handle: int) -> None:
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _stands(handle: int, mark: Path) -> bool:
    """Whether the locked file is still the one of that name: its run may just have ended."""
    try:
        return os.path.samestat(os.fstat(handle), mark.stat())
    except FileNotFoundError:
        return False


def _check(place: Path, mark: Path, *, fresh: bool, resume: bool) -> None:
    """Refuse a directory that is not empty and not a training's to go on with."""
    others = [entry for entry in place.iterdir() if entry != mark]
    left = not fresh or (place / CHECKPOINT).exists()
    if resume and left:
        for entry in place.glob(".*.partial"):  # what a kill cut off
            entry.unlink(missing_ok=True)
        return
    if fresh and not others:
        return
    message = _refusal(place, killed=not fresh)
    if fresh:
        mark.unlink()
    raise OutputExistsError(message)


def _refusal(place: Path, *, killed: bool = False) -> str:
    if killed:
        return (
            f"{place} was left by a training that was killed: --resume (in Python resume=True) "
            "goes on with it; or delete it, or name another place"
        )
    known = (place / CHECKPOINT).exists() and (place / CONFIG).exists()
    again = ". Its training was interrupted: --resume (in Python resume=True) goes on" * known
    return (
        f"{place} is there already and nothing in it was touched: name another place, or move it "
        f"away{again}"
    )


def _leave(place: Path, mark: Path, *, made: bool) -> None:
    """Leave a directory as it was before."""
    shutil.rmtree(place / CURVES, ignore_errors=True)
    with contextlib.suppress(OSError):
        mark.unlink()
        if made:
            place.rmdir()
