"""Several columns in one word: "x,y,z", or "V2:V60" for all from one to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from headgate.data.columns import Table, column_index, is_number, shown
from headgate.errors import DataError


def column_list(columns: Sequence[str], spec: str) -> list[int]:
    """Find the columns that a word names.

    A column's own name goes before any other reading: there may be one called "a,b" or "a:b".

    Args:
        columns: the columns' names.
        spec: a name or a number, counted from 1; several with commas between; or two with a colon
            between, for these and all that lie between; a range without an end goes to the last.

    Returns:
        The indices, counted from 0, in the order in which they are named.

    Raises:
        DataError: there is no such column, a range ends before it begins, or a column is named
            twice.

    Example:
        >>> column_list(["id", "V1", "V2", "V3"], "V1:V3"), column_list(["a", "b,c"], "b,c,1")
        ([1, 2, 3], [1, 0])
    """
    known = set(columns)
    if _is_column(columns, known, spec):
        return [column_index(columns, spec)]
    found = [index for part in _parts(columns, known, spec) for index in part]
    for index, count in Counter(found).items():
        if count > 1:
            name = shown(columns[index])
            raise DataError(f"{shown(spec)} names the column {name} more than once: name it once")
    return found


def columns_in(table: Table, spec: str) -> list[int]:
    """Find the columns of a table that a word names.

    Args:
        table: the table.
        spec: as in ``column_list``.

    Returns:
        The indices, likewise.

    Raises:
        DataError: as there; the message has the file, and what was decided while reading it.
    """
    try:
        return column_list(table.columns, spec)
    except DataError as error:
        notes = "".join(f" ({note})" for note in table.notes)
        raise DataError(f"{error}{notes}", path=table.path) from None


def is_compound(spec: str) -> bool:
    """Tell whether a word may name several columns.

    Args:
        spec: as in ``column_list``.

    Returns:
        Whether it has a comma or a colon.
    """
    return "," in spec or ":" in spec


def ends_by_number(spec: str) -> list[str]:
    """Take a word apart where it names all its columns by numbers.

    Args:
        spec: as in ``column_list``.

    Returns:
        The numbers; of any other word the word itself.

    Example:
        >>> ends_by_number("2:60"), ends_by_number("x,2")
        (['2', '60'], ['x,2'])
    """
    parts = [part.strip() for part in spec.replace(":", ",").split(",")]
    return parts if all(map(is_number, parts)) else [spec]


def _is_column(columns: Sequence[str], known: set[str], name: str) -> bool:
    return name in known or (is_number(name) and 1 <= int(name) <= len(columns))


def _parts(columns: Sequence[str], known: set[str], spec: str) -> list[list[int]]:
    """Take the longest piece that is a column or a range, then the next."""
    pieces = spec.split(",")
    most = 2 * max((name.count(",") for name in columns), default=0) + 1  # a range has two names
    found: list[list[int]] = []
    start = 0
    while start < len(pieces):
        ends = range(min(start + most, len(pieces)), start, -1)
        for end in ends:
            read = _piece(columns, known, ",".join(pieces[start:end]).strip())
            if read is not None:
                found.append(read)
                start = end
                break
        else:
            raise _unknown(columns, known, pieces[start].strip())
    return found


def _piece(columns: Sequence[str], known: set[str], piece: str) -> list[int] | None:
    if _is_column(columns, known, piece):
        return [column_index(columns, piece)]
    for place, letter in enumerate(piece):
        ends = (piece[:place].strip(), piece[place + 1 :].strip() or columns[-1])
        if letter == ":" and all(_is_column(columns, known, end) for end in ends):
            first, last = (column_index(columns, end) for end in ends)
            if last < first:
                raise DataError(
                    f"the range {piece!r} ends before it begins: {ends[1]!r} is column {last + 1}, "
                    f"{ends[0]!r} column {first + 1}; turn it round"
                )
            return list(range(first, last + 1))
    return None


def _unknown(columns: Sequence[str], known: set[str], piece: str) -> DataError:
    """Name the end of a range that is no column, or the whole piece."""
    before, colon, after = piece.partition(":")
    ends = [end.strip() for end in (before, after)] if colon else [piece]
    wrong = [end for end in ends if not _is_column(columns, known, end)]
    return _error_of(columns, (wrong or [piece])[0])


def _error_of(columns: Sequence[str], name: str) -> DataError:
    try:
        column_index(columns, name)
    except DataError as error:
        return error
    return DataError(f"no column {name!r}")
