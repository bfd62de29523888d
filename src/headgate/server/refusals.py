"""Errors of inputs that came as JSON: where they stand, and what came there."""

from __future__ import annotations

from typing import Any

from headgate.data.columns import shown
from headgate.errors import DataError

_LONG = 64  # bits of a number that a message quotes


def refusal(pointer: str, wanted: str, value: Any) -> DataError:
    """Build the error of a value that is not what was wanted.

    Args:
        pointer: where it stands, as a JSON pointer.
        wanted: what was wanted, as a noun.
        value: what came.

    Returns:
        The error, to be raised.

    Example:
        >>> print(refusal("/inputs/3", "a text", [1, 2]))
        /inputs/3: a text was wanted, and a list of 2 came
    """
    return DataError(f"{wanted} was wanted, and {came(value)} came", path=pointer)


def too_many(pointer: str, most: int, what: str, count: int) -> DataError:
    """Build the error of an input that is too long.

    Args:
        pointer: where it stands, as a JSON pointer.
        most: how many may come.
        what: of what, in the plural.
        count: how many came.

    Returns:
        The error, to be raised.
    """
    return DataError(f"at most {most:,} {what} are taken, and {count:,} came", path=pointer)


def came(value: Any) -> str:
    """Say in few words what a value of JSON is, whatever its size and its depth.

    Args:
        value: the value.

    Returns:
        The words.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, int) and value.bit_length() > _LONG:  # Python may refuse to write it out
        return "a number too large"
    if isinstance(value, int | float):
        return f"the number {value}"
    return f"a list of {len(value)}" if isinstance(value, list) else "an object"


def text_in(value: Any, pointer: str, characters: int) -> str:
    """Take a text.

    Args:
        value: what came.
        pointer: where it stands, as a JSON pointer.
        characters: that it may have.

    Returns:
        The text.

    Raises:
        DataError: it is no text, has only blanks, is too long, or has half of a surrogate pair.
    """
    if not isinstance(value, str):
        raise refusal(pointer, "a text", value)
    if len(value) > characters:
        raise too_many(pointer, characters, "characters", len(value))
    if not value.strip():
        raise DataError("the text is empty, so there is nothing to answer", path=pointer)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = f"character {error.start} is half of a surrogate pair, which is no text"
        raise DataError(f"{half}: {value[error.start]!a}", path=pointer) from None
    return value
