"""Files that a table names: sounds, pictures, and folders of pictures in their order (videos).

A manifest is a table with a column of paths, each relative to the manifest's folder. A folder
needs no manifest where it has one folder a class, each with the files of that class.
"""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from headgate.data.columns import Cell, Table, shown
from headgate.errors import DataError

SOUNDS = (".wav", ".flac", ".ogg")
PICTURES = (".png", ".jpg", ".jpeg")
ROLES = ("path", "label")

_ENDINGS: dict[str, str] = {
    **dict.fromkeys(SOUNDS, "audio"),
    **dict.fromkeys(PICTURES, "image"),
}
_NAMED = {"audio": "sounds", "image": "pictures", "video": "folders of pictures"}
_LOOKED_AT = 100  # cells that tell the kind of a column
_LISTED = 5  # classes and files that a message names


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """Tell what a path names.

    Args:
        path: of a file, known by its ending, which need not exist; or of a folder.

    Returns:
        "audio", "image", or "video" for a folder of pictures; None where it is none of them.

    Example:
        >>> kind_of("a/zero.WAV"), kind_of("a/cat.jpeg"), kind_of("a/notes.txt")
        ('audio', 'image', None)
    """
    place = Path(path)
    named = _ENDINGS.get(place.suffix.lower())
    # os.path finds no file, too, where a name is too long for one
    return named or ("video" if os.path.isdir(place) and pictures_of(place) else None)


def pictures_of(folder: str | os.PathLike[str]) -> list[Path]:
    """List the pictures of a folder: the frames of a video.

    Args:
        folder: the folder.

    Returns:
        Its pictures in the order of their names; frame2 stands before frame10.
    """
    found = [file for file in _visible(Path(folder)) if file.suffix.lower() in PICTURES]
    return sorted(found, key=_natural)


def column_kind(table: Table, column: str) -> str | None:
    """Tell what the cells of a column name.

    Args:
        table: the rows.
        column: by name or number.

    Returns:
        What more than half of the first hundred cells name: "audio", "image" or "video"; None where
        they are texts, or no texts at all.
    """
    cells = list(islice(iter(table.column(column)), _LOOKED_AT))
    kinds = [_kind_of_cell(table, cell) for cell in cells]
    kind, count = Counter(kinds).most_common(1)[0] if kinds else (None, 0)
    return kind if 2 * count > len(kinds) else None


def _kind_of_cell(table: Table, cell: Cell) -> str | None:
    if not isinstance(cell, str) or not cell.strip():
        return None
    return kind_of(_found(_base(table), cell) or cell.strip())


def resolve(table: Table, row: int, cell: Cell, *, column: str | None = None) -> Path:
    """Give the file or folder that a cell names.

    A path is relative to the folder of the table's file. Letters with accents, and Hangul, may be
    spelt whole or taken apart, as systems store names in both ways; and a path may have the
    backslashes of Windows.

    Args:
        table: the table.
        row: the row's index, counted from 0.
        cell: the path.
        column: the cell's column, for messages.

    Returns:
        What exists under that name.

    Raises:
        DataError: the cell is no text, or nothing is there; the message has the row, the place and
            names that are near.
    """
    if not isinstance(cell, str) or not cell.strip():
        came = "an empty cell" if isinstance(cell, str) else f"{cell!r:.40}"
        message = f"the path of a file was wanted, and {came} came: fill it in, or take the row out"
        raise table.error(message, row=row, column=column)
    base = _base(table)
    found = _found(base, cell)
    if found is None:
        wanted = base / cell.strip()
        raise table.error(
            f"there is no such file as {str(wanted)!r}{near(wanted)}", row=row, column=column
        )
    return found


def near(path: Path) -> str:
    """Name files that the user may have meant.

    Args:
        path: what was looked for, in vain.

    Returns:
        The end of a message: the names that are near, or that the folder is missing, too.
    """
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return f", and no folder {str(path.parent)!r}"
    close = difflib.get_close_matches(path.name, names, n=3)
    return f"; did you mean {' or '.join(repr(name) for name in close)}?" if close else ""


def is_media_folder(path: str | os.PathLike[str]) -> bool:
    """Tell whether a folder has a folder with sounds, pictures or videos.

    Args:
        path: the folder.

    Returns:
        Whether ``read_media_folder`` reads it.
    """
    return any(kind_of(entry) for folder in _folders(Path(path)) for entry in _visible(folder))


def read_media_folder(path: str | os.PathLike[str]) -> Table:
    """Read a folder of folders: each is a class, and what is in it are the class's files.

    Args:
        path: the folder.

    Returns:
        A table of the columns "path", relative to the folder, and "label", the name of the file's
        folder in NFC; classes and files in the order of their names.

    Raises:
        DataError: it holds no such folders, or sounds beside pictures.
    """
    place = Path(path)
    rows: list[list[str]] = []
    others: list[str] = []
    kinds: dict[str, str] = {}
    for folder in _folders(place):
        for entry in sorted(_visible(folder), key=_natural):
            name = entry.relative_to(place).as_posix()
            kind = kind_of(entry)
            if kind is None:
                others.append(name)
            else:
                kinds.setdefault(kind, name)
                rows.append([name, unicodedata.normalize("NFC", folder.name)])
    if not rows:
        wanted = ", ".join((*SOUNDS, *PICTURES))
        message = f"a folder with one folder of files a class was wanted ({wanted}), and none came"
        raise DataError(message, path=place)
    if len(kinds) > 1:
        came = " and ".join(f"{_NAMED[kind]} ({name})" for kind, name in sorted(kinds.items()))
        raise DataError(f"files of one kind were wanted, and {came} came", path=place)
    notes = (_classes_note([label for _, label in rows], *kinds), *_left_out(others))
    files = [str(place / name) for name, _ in rows]
    numbers = list(range(1, len(rows) + 1))
    return Table(str(place), ROLES, rows, numbers, False, notes, files, roles=ROLES)


def _classes_note(labels: Sequence[str], kind: str) -> str:
    counts = Counter(labels)
    listed = [f"{name} {count}" for name, count in list(counts.items())[:_LISTED]]
    more = ", …" if len(counts) > _LISTED else ""
    return f"each folder is a class of {_NAMED[kind]}, {len(counts)} in all: " + (
        ", ".join(listed) + more
    )


def _left_out(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = ", …" if len(names) > _LISTED else ""
    return [
        f"{len(names)} files are neither sound nor picture and are left out: "
        + (", ".join(map(shown, names[:_LISTED])) + more)
    ]


def _base(table: Table) -> Path:
    place = Path(table.path)
    return place if place.is_dir() else place.parent


def _found(base: Path, cell: str) -> Path | None:
    """Find what exists under a name, in one of the ways to write it."""
    name = cell.strip()
    spelt = dict.fromkeys([name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))])
    for each in dict.fromkeys([*spelt, *(each.replace("\\", "/") for each in spelt)]):
        if os.path.exists(base / each):
            return base / each
    return None


def _folders(place: Path) -> list[Path]:
    return sorted((each for each in _visible(place) if each.is_dir()), key=_natural)


def _visible(folder: Path) -> Iterator[Path]:
    return (each for each in folder.iterdir() if not each.name.startswith("."))


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order names so that numbers in them go by their value."""
    parts: list[str] = [""]
    for letter in unicodedata.normalize("NFC", path.name):
        is_digit = letter.isascii() and letter.isdigit()
        if parts[-1] and is_digit == parts[-1][-1:].isdigit():
            parts[-1] += letter
        else:
            parts.append(letter)
    return [
        (int(part), part) if part.isascii() and part.isdigit() else (-1, part) for part in parts
    ]
