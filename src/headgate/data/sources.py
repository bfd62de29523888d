"""A user's file or folder to a table.

The name's ending says how a file is read, after a ``.gz`` is taken off: .csv, .tsv,
.jsonl or .ndjson, .conll, .iob or .bio, .conllu, .parquet, .txt; of series .ts, and .npz, numpy's
arrays; of music .json, .mid and .midi, which are never gzip'd. A folder of .txt files is read as
one file a class, one of .parquet files as one table, one of MIDI files as a piece a file, one of
folders of sounds or pictures as one folder a class. Every error names the file and the line: the
user mends the file, not the program.
"""

from __future__ import annotations

import gzip
import os
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from headgate.data.column_lists import columns_in, ends_by_number, is_compound
from headgate.data.columns import Table
from headgate.data.conll import looks_conll, read_conll, read_conllu
from headgate.data.delimited import QUOTING, SPOKEN, Wishes, read_delimited, separator_of
from headgate.data.encodings import decode
from headgate.data.lazy import is_large, read_lazily
from headgate.data.media import is_media_folder, near, read_media_folder
from headgate.data.npz import read_npz
from headgate.data.parquet import parquet_files, read_parquet
from headgate.data.pieces import is_pieces, read_all_pieces
from headgate.data.records import read_records
from headgate.data.ts import read_ts
from headgate.errors import DataError, UnknownNameError

_KINDS: dict[str, str] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".conll": "conll",
    ".iob": "conll",
    ".bio": "conll",
    ".conllu": "conllu",
    ".parquet": "parquet",
    ".ts": "ts",
    ".npz": "npz",
    ".txt": "txt",
}
_NEARLY_ALL = 0.9  # share of lines with the same TABs from which a .txt is perhaps a table


def read_table(  # noqa: PLR0913  (each says how a file is read)
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] = (),
    header: bool | None = None,
    encoding: str | None = None,
    quoting: str | None = None,
    kind: str | None = None,
    document: bool = False,
) -> Table:
    r"""Read a file, or a folder with one .txt file a class, as a table.

    A .csv is split at commas, or at the semicolons or TABs that its first line has instead. In a
    .tsv quotes are letters like any other, as such files are written. A .txt is one column,
    ``text``, of its lines that are not blank, unless each line has the same number of TABs, one
    or more: then it is a .tsv; or looks like CoNLL columns: then it is read so, a sentence a row. A
    folder has the columns ``text`` and ``label``. Of a file that is large beside the memory the
    rows lie in a temporary file (see ``headgate.data.lazy``).

    Args:
        path: the file or folder; a file may be gzip'd.
        columns: those that will be used, by name or number ("2"), or several in one word as
            ``column_list`` takes them: they decide whether there is a header (see
            ``headgate.data.columns``), and must exist. Of a JSONL file only these are read, unless
            one word names several.
        header: whether the first row holds the columns' names; None decides by ``columns``.
        encoding: the file's encoding; None is UTF-8.
        quoting: "minimal", "all" or "none"; None is "minimal" for CSV, "none" for TSV.
        kind: "csv", "tsv", "jsonl", "conll", "conllu", "parquet", "ts", "npz" or "txt"; None goes
            by the name's ending.
        document: whether a plain text is one row with all of it, in place of a row for each line.

    Returns:
        The table; ``notes`` and ``has_header`` say what was decided.

    Raises:
        DataError: the file is missing, empty, damaged or of no known kind; a byte is not in the
            encoding; a row has too few or too many fields; a column does not exist.
        UnknownNameError: an unknown quoting or kind.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "reviews.csv"
        >>> _ = file.write_text("label,review\ngood,calm and exact\n")
        >>> read_table(file).column("review")
        ['calm and exact']
    """
    if quoting is not None and quoting not in QUOTING:
        raise UnknownNameError("quoting", quoting, QUOTING)
    place = Path(path)
    some = () if any(map(is_compound, columns)) else columns  # of files that say what they have
    if kind is None and is_pieces(place):
        table = read_all_pieces(place)
    elif place.is_dir():
        parquet = parquet_files(place)
        table = read_parquet(place, columns=some) if parquet else _read_folder(place, encoding)
    elif (found := _kind_of(place, kind)) == "parquet":
        table = read_parquet(place, columns=some)
    elif found == "npz":
        table = read_npz(_read_bytes(place), path=str(place))
    else:
        asked = [each for name in columns for each in ends_by_number(name)]
        wishes = Wishes(some if found == "jsonl" else asked, header, quoting, document)
        large = is_large(place)
        table = read_lazily(place, kind=found, wishes=wishes, encoding=encoding) if large else None
        table = table or _READERS[found](_read_text(place, encoding), str(place), wishes)
    for name in columns:
        columns_in(table, name)
    return table


def _kind_of(path: Path, kind: str | None) -> str:
    """Look the ending up; a missing file is said before an unknown ending."""
    if kind is not None and kind not in KINDS:
        raise UnknownNameError("kind of file", kind, KINDS)
    if not path.exists():
        raise DataError(f"there is no such file{near(path)}", path=path)
    if kind is not None:
        return kind
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending not in _KINDS:
        raise DataError(
            f"unknown ending {ending!r}; known: {', '.join(_KINDS)}, each also with .gz; "
            f"or name the kind: {', '.join(KINDS)}",
            path=path,
        )
    return _KINDS[ending]


def _read_bytes(path: Path) -> bytes:
    """Read a file whole, through gzip where its name says so."""
    try:
        data = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"the gzip data is broken or cut off ({error}): fetch the file again"
        raise DataError(message, path=path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    if not data:
        raise DataError("the file is empty", path=path)
    return data


def _read_text(path: Path, encoding: str | None) -> str:
    text = decode(_read_bytes(path), path=path, encoding=encoding)
    if not text.strip():
        raise DataError("the file is empty", path=path)
    return text


def _read_csv(text: str, path: str, wishes: Wishes) -> Table:
    separator = separator_of(text)
    table = read_delimited(text, path=path, separator=separator, wishes=wishes, names_first=True)
    if separator == ",":
        return table
    note = f"the first line has no comma: fields are split at each {SPOKEN[separator]}"
    return replace(table, notes=(note, *table.notes))


def _read_tsv(text: str, path: str, wishes: Wishes) -> Table:
    return read_delimited(text, path=path, separator="\t", wishes=wishes, names_first=True)


def _read_txt(text: str, path: str, wishes: Wishes) -> Table:
    """Read plain text, or the table that it is when every line has the same TABs."""
    if looks_conll(text):
        table = _read_conll(text, path, wishes)
        note = "lines of equally many fields, parted by blank lines: read as CoNLL columns"
        return replace(table, notes=(note, *table.notes))
    texts, lines = _text_lines(text)
    tabs, often = Counter(line.count("\t") for line in texts).most_common(1)[0]
    if tabs and often == len(texts):
        table = read_delimited(text, path=path, separator="\t", wishes=wishes, names_first=False)
        note = f"every line has {_tabs(tabs)}: read as a table of {tabs + 1} columns"
        return replace(table, notes=(note, *table.notes))
    notes = _nearly_a_table(texts, lines, tabs=tabs)
    if wishes.document:
        return _document(text, path, notes)
    return Table(path, ("text",), [[line] for line in texts], lines, False, notes)


def _document(text: str, path: str, notes: tuple[str, ...]) -> Table:
    """Take a text whole; a byte order mark and the form of its line ends are no part of it."""
    whole = re.sub(r"\r\n|\r", "\n", text)
    return Table(path, ("text",), [[whole]], [1], False, notes, roles=("text", None))


def _nearly_a_table(texts: list[str], lines: list[int], *, tabs: int) -> tuple[str, ...]:
    """Say so where a few lines keep a text file from being a table."""
    odd = [i for i, line in enumerate(texts) if line.count("\t") != tabs]
    if not tabs or len(odd) > (1 - _NEARLY_ALL) * len(texts):
        return ()
    came = _tabs(texts[odd[0]].count("\t"))
    return (
        f"{len(texts) - len(odd)} of {len(texts)} lines have {_tabs(tabs)}, but line "
        f"{lines[odd[0]]} has {came}: read as plain text, not as a table",
    )


def _tabs(count: int) -> str:
    return f"{count} TAB" if count == 1 else f"{count} TABs"


def _read_jsonl(text: str, path: str, wishes: Wishes) -> Table:
    texts, lines = _text_lines(text)
    return read_records(texts, lines, columns=wishes.columns, path=path)


def _read_conll(text: str, path: str, wishes: Wishes) -> Table:
    return read_conll(text, path=path, columns=wishes.columns)


def _read_ts(text: str, path: str, wishes: Wishes) -> Table:
    return read_ts(text, path=path)


def _read_conllu(text: str, path: str, wishes: Wishes) -> Table:
    return read_conllu(text, path=path)


_READERS = {
    "csv": _read_csv,
    "tsv": _read_tsv,
    "jsonl": _read_jsonl,
    "conll": _read_conll,
    "conllu": _read_conllu,
    "ts": _read_ts,
    "txt": _read_txt,
}
KINDS = (*_READERS, "parquet", "npz")


def _text_lines(text: str) -> tuple[list[str], list[int]]:
    """Split at line ends only: what else Unicode has as separators belongs to the text."""
    numbered = enumerate(re.split(r"\r\n|\n|\r", text), start=1)
    full = [(line, number) for number, line in numbered if line.strip()]
    return [line for line, _ in full], [number for _, number in full]


def _read_folder(folder: Path, encoding: str | None) -> Table:
    """Read each .txt file as the texts of one class, named by the file."""
    files = sorted(folder.glob("*.txt"))
    if not files and is_media_folder(folder):
        return read_media_folder(folder)
    if not files:
        message = (
            "a folder is read as one .txt file a class, or as one folder of sounds or pictures a "
            "class, and this one has neither"
        )
        raise DataError(message, path=folder)
    rows, numbers, origins = [], [], []
    for file in files:
        texts, lines = _text_lines(_read_text(file, encoding))
        rows += [[text, _class_of(file)] for text in texts]
        numbers += lines
        origins += [str(file)] * len(texts)
    names = ("text", "label")
    notes = (_classes_note(files),)
    return Table(str(folder), names, rows, numbers, False, notes, origins, roles=names)


def _class_of(file: Path) -> str:
    """Name the class; some systems store a name's accents and Hangul taken apart."""
    return unicodedata.normalize("NFC", file.stem)


def _classes_note(files: list[Path]) -> str:
    names = ", ".join(_class_of(file) for file in files)
    return f"each .txt file is a class, {len(files)} in all: {names}"
