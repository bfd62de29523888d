"""Every error that headgate raises on purpose.

    HeadgateError
    ├── UnknownNameError      a name that stands in no table; the known ones are listed
    ├── CellError             an equation that cannot be traced or built
    ├── ShapeError            a tensor, or a size, that does not fit
    ├── StreamError           a network that has no stream, or a state that is not its own
    ├── DataError             a file, a row or a column that cannot be read or learned from
    ├── ModelDirectoryError   a saved model that is incomplete, changed or foreign
    ├── OutputExistsError     a place that already holds something of the user's
    ├── OutputError           a place that cannot be written: a full disk, no permission
    ├── TrainingError         a training that cannot go on: a loss that is not finite
    └── MissingExtraError     an optional dependency that is not installed

A message says what was wanted, what came, where, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HeadgateError(Exception):
    """The root of the tree: catch this to catch all that headgate raises on purpose."""


class UnknownNameError(HeadgateError):
    """A name that stands in no table.

    Args:
        kind: what was looked up, as a noun: "cell".
        name: the name that came.
        known: the names that exist.

    Example:
        >>> print(UnknownNameError("cell", "grru", ["gru", "lstm"]))
        unknown cell 'grru'; did you mean 'gru'? known: gru, lstm
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(str(name), names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ";"
        super().__init__(f"unknown {kind} {name!r}{hint} known: {', '.join(names)}")


class CellError(HeadgateError):
    """An equation that cannot be traced or built; the message names the line."""


class ShapeError(HeadgateError, ValueError):
    """A tensor or a size that does not fit; the message has both shapes."""


class StreamError(HeadgateError):
    """A network that cannot run step by step, or a state that is not one of its own."""


class DataError(HeadgateError):
    """A file, row or column that cannot be read or learned from.

    Args:
        message: what was wanted, what came, what to do.
        path: the file.
        row: the line of the file, counted from 1.
        column: the column's name.

    Example:
        >>> print(DataError("the text is empty", path="a.csv", row=3, column="review"))
        a.csv, row 3, column 'review': the text is empty
    """

    def __init__(
        self,
        message: str,
        *,
        path: object = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        place = [str(path)] if path is not None else []
        place += [f"row {row}"] if row is not None else []
        place += [f"column {column!r}"] if column is not None else []
        super().__init__(f"{', '.join(place)}: {message}" if place else message)


class ModelDirectoryError(HeadgateError):
    """A saved model that is incomplete, changed or foreign; the message names the part."""


class OutputExistsError(HeadgateError):
    """A place that already holds something; nothing there was touched."""


class OutputError(HeadgateError):
    """A place that cannot be written, such as a full disk; what stood there still stands."""


class TrainingError(HeadgateError):
    """A training that cannot go on; the message says at which step and what to try."""


class MissingExtraError(HeadgateError, ImportError):
    """An optional dependency that is not installed.

    Args:
        package: what could not be imported.
        extra: the extra of headgate that brings it.

    Example:
        >>> print(MissingExtraError("sacrebleu", "text"))
        this needs sacrebleu, which is not installed: pip install 'headgate[text]'
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs {package}, which is not installed: pip install 'headgate[{extra}]'"
        )
