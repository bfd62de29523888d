"""The .ts format of sktime and aeon: a header of lines that begin with @, then a series a line.

    @problemName Gestures
    @classLabel true up down
    @data
    0.1,0.2,?:1.5,1.4,1.3:up

A colon parts the channels, and the label stands after the last of them; a comma parts the steps,
and ``?`` or ``NaN`` is a missing value. A line that begins with # is a comment. See
https://www.aeon-toolkit.org, "data formats".
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from headgate.data.columns import Cell, Table, shown
from headgate.data.numerals import Wrong, is_number_text, read_numbers
from headgate.errors import DataError

_TRUTH = {"true": True, "false": False}
_SWITCHES = ("timestamps", "univariate", "missing", "equallength", "classlabel", "targetlabel")
_COUNTS = {"dimensions": "dimensions", "dimension": "dimensions", "serieslength": "serieslength"}
_KNOWN = (*_SWITCHES, *_COUNTS, "problemname", "data")
_LISTED = 12  # labels that a message names


@dataclass
class _Header:
    """What stands above the data."""

    switches: dict[str, bool] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def label(self) -> str | None:
        """What stands after the last colon: a class, a number, or nothing."""
        kinds = {"classlabel": "class", "targetlabel": "number"}
        return next((kind for name, kind in kinds.items() if self.switches.get(name)), None)

    @property
    def channels(self) -> int | None:
        """The channels of each series, where the header says how many there are."""
        return 1 if self.switches.get("univariate") else self.counts.get("dimensions")


def read_ts(text: str, *, path: str) -> Table:
    r"""Read a .ts file.

    Args:
        text: the file's text.
        path: the file, for errors.

    Returns:
        A row for each series, under "series", float32 [T, F], NaN where a value is missing; and its
        class or number as a text under "label", where the header has either. Steps at the end that
        no channel has a value of are left out.

    Raises:
        DataError: the header is damaged or says that steps have stamps; a row has another number of
            channels or steps than it should, a value that is no number, or an unknown label.

    Example:
        >>> table = read_ts("@classLabel true up down\n@data\n1,2,?,3:up\n", path="a.ts")
        >>> table.rows[0][0].T, table.rows[0][1]
        (tensor([[1., 2., nan, 3.]]), 'up')
    """
    lines = re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff"))
    header, start = _header(lines, path)
    reader = _Rows(header, path)
    rows: list[list[Cell]] = []
    numbers = []
    for number, line in enumerate(lines[start:], start=start + 1):
        if line.strip() and not line.startswith("#"):
            rows.append(reader.read(line.strip(), number))
            numbers.append(number)
    if not rows:
        raise DataError("there is no series after @data: fetch the file again", path=path)
    columns = ("series",) if header.label is None else ("series", "label")
    roles = ("series", None if header.label is None else "label")
    notes = (*header.notes, *reader.notes())
    return Table(path, columns, rows, numbers, False, notes, roles=roles)


def _header(lines: list[str], path: str) -> tuple[_Header, int]:
    """Read to the line @data; give also how many lines that are."""
    header = _Header()
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if not words[0].startswith("@"):
            raise DataError(
                f"a header line was wanted, which begins with @, and {shown(line.strip())} came: "
                "the line @data stands between the header and the series",
                path=path,
                row=number,
            )
        name = words[0][1:].lower()
        if name == "data":
            _check_header(header, path, number)
            return header, number
        problem = _take(header, name, words[1:])
        if problem:
            raise DataError(f"@{words[0][1:]}: {problem}", path=path, row=number)
    raise DataError(
        "there is no line @data, which stands above the series: this is no .ts file, or it is cut "
        "off",
        path=path,
    )


def _take(header: _Header, name: str, words: list[str]) -> str:
    """Take one line of the header; say what is wrong with it."""
    if name in _SWITCHES:
        truth = _TRUTH.get(words[0].lower()) if words else None
        if truth is None:
            return f"true or false was wanted, and {shown(' '.join(words))} came"
        header.switches[name] = truth
        if name == "classlabel" and truth:
            header.labels = tuple(unicodedata.normalize("NFC", word) for word in words[1:])
    elif name in _COUNTS:
        if len(words) != 1 or not words[0].isdecimal() or not int(words[0]):
            return f"a number from 1 was wanted, and {shown(' '.join(words))} came"
        header.counts[_COUNTS[name]] = int(words[0])
    elif close := difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.8):
        if name not in _KNOWN:
            return f"no header line has this name; is @{close[0]} meant?"
    else:
        header.notes.append(f"the header line @{name} is not known and is passed over")
    return ""


def _check_header(header: _Header, path: str, row: int) -> None:
    if header.switches.get("timestamps"):
        raise DataError(
            "the header says @timeStamps true, so that each value stands in brackets with its "
            "time, which is not read here: write the values alone, with @timeStamps false, or a "
            "table with a row for each step (--series COL --time COL)",
            path=path,
            row=row,
        )
    if header.switches.get("classlabel") and header.switches.get("targetlabel"):
        raise DataError(
            "the header says that the label is a class (@classLabel true) and that it is a number "
            "(@targetLabel true): say false for one",
            path=path,
            row=row,
        )


class _Rows:
    """Reads the lines of data; what the header leaves open the first row decides."""

    def __init__(self, header: _Header, path: str) -> None:
        self.header, self.path = header, path
        self.channels = header.channels
        equal = header.switches.get("equallength", False)
        self.equal, self.steps = equal, header.counts.get("serieslength") if equal else None
        self.first = 0
        self.cut = 0

    def read(self, line: str, row: int) -> list[Cell]:
        """Read one line to its cells."""
        pieces = line.split(":")
        label = self._label(pieces, row)
        if self.channels is None:
            self.channels, self.first = len(pieces), row
        if len(pieces) != self.channels:
            raise self._error(
                f"{self.channels} channels were wanted{self._as_before()}, parted by colons, and "
                f"{len(pieces)} came: is the line cut off?",
                row,
            )
        series = self._series([piece.split(",") for piece in pieces], row)
        return [series] if label is None else [series, label]

    def _as_before(self) -> str:
        return f", as in row {self.first}" if self.first else ", as the header says"

    def _label(self, pieces: list[str], row: int) -> str | None:
        """Take the label off the pieces."""
        kind = self.header.label
        if kind is None:
            return None
        label = unicodedata.normalize("NFC", pieces.pop().strip())
        known = self.header.labels
        wrong = not label or (known and label not in known)
        if not pieces or (kind == "class" and wrong):
            listed = ", ".join(known[:_LISTED]) + (", …" if len(known) > _LISTED else "")
            wanted = f"one of {listed}" if listed else f"a {kind}"
            raise self._error(
                f"the label, {wanted}, was wanted after the last colon, and {shown(label)} came: "
                "is the line cut off, or does @classLabel not name it?",
                row,
            )
        if kind == "number" and not is_number_text(label):
            raise self._error(
                f"a number was wanted after the last colon, as @targetLabel says, and "
                f"{shown(label)} came: is the line cut off?",
                row,
            )
        return label

    def _series(self, channels: list[list[str]], row: int) -> Float[Tensor, "T M"]:
        steps = self._steps(channels, row)
        texts = [text for channel in channels for text in channel]
        found = read_numbers(texts)
        if isinstance(found, Wrong):
            raise self._value_error(texts, found.place, steps, f": {found.why}", row)
        empty = next((place for place, text in enumerate(texts) if not text.strip()), None)
        if empty is not None:
            why = " is empty: a missing value is written ?"
            raise self._value_error(texts, empty, steps, why, row)
        return self._trimmed(found.view(len(channels), steps).T.contiguous(), row)

    def _steps(self, channels: list[list[str]], row: int) -> int:
        """Give the number of steps, which all channels share."""
        lengths = [len(channel) for channel in channels]
        if len(set(lengths)) > 1:
            listed = ", ".join(map(str, lengths[:_LISTED]))
            more = ", …" if len(lengths) > _LISTED else ""
            raise self._error(
                f"the channels of a series have equally many steps, and these have {listed}{more}",
                row,
            )
        if self.equal and self.steps is None:
            self.steps = lengths[0]
        if self.steps is not None and lengths[0] != self.steps:
            raise self._error(
                f"{self.steps} steps were wanted, as @equalLength and @seriesLength say, and "
                f"{lengths[0]} came: mend the row or the header",
                row,
            )
        return lengths[0]

    def _value_error(
        self, texts: list[str], place: int, steps: int, why: str, row: int
    ) -> DataError:
        where = f"channel {place // steps + 1}, step {place % steps + 1}"
        stamped = "; values in brackets with their time are not read" if "(" in texts[place] else ""
        return self._error(f"{where}{why}{stamped}", row)

    def _trimmed(self, series: Tensor, row: int) -> Tensor:
        """Leave out what only fills a series up to the length of others."""
        known = (~series.isnan()).any(1).nonzero()
        if not len(known):
            raise self._error("the series has no value: take the row out", row)
        end = int(known[-1]) + 1
        self.cut += end < len(series)
        return series[:end]

    def notes(self) -> list[str]:
        """Say what was left out."""
        if not self.cut:
            return []
        return [
            f"{self.cut:,} series end in missing values, which are left out: they have no steps"
        ]

    def _error(self, message: str, row: int) -> DataError:
        return DataError(message, path=self.path, row=row)
