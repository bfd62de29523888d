"""What was measured: printed row by row, kept, and written whole."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from headgate.bench.columns import heading, line
from headgate.bench.plan import Record
from headgate.bench.section import SHAPE, Section
from headgate.bench.timing import UNSTEADY
from headgate.errors import OutputError, OutputExistsError

FORMAT = 1
Say = Callable[[str], None]


def check_place(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written there, before anything is measured for it.

    Args:
        path: the file.

    Raises:
        OutputExistsError: something is there.
        OutputError: its directory is not there, or cannot be written.
    """
    place = Path(path)
    if place.exists() or place.is_symlink():
        raise _taken(place)
    if not place.parent.is_dir():
        raise OutputError(f"{path} cannot be written: there is no directory {place.parent}")
    if not os.access(place.parent, os.W_OK):
        raise OutputError(f"{path} cannot be written: {place.parent} may not be written to")


def write(path: str | os.PathLike[str], whole: Mapping[str, Any]) -> None:
    """Write a report whole or not at all, and never over another file.

    Args:
        path: the file.
        whole: plain values.

    Raises:
        OutputExistsError: something came there in the meantime.
        OutputError: it cannot be written.
    """
    place = Path(path)
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        number, beside = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}-")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
            _move(Path(beside), place)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror}") from error


def _move(beside: Path, place: Path) -> None:
    """Give a file its name, in one step where the file system has links."""
    os.chmod(beside, 0o644)
    try:
        os.link(beside, place)  # unlike a renaming, never over another file
    except FileExistsError:
        raise _taken(place) from None
    except OSError:
        if place.exists():
            raise _taken(place) from None
        os.replace(beside, place)


def _taken(place: Path) -> OutputExistsError:
    return OutputExistsError(
        f"{place} is there already and was not touched: name another place, or move it away"
    )


class Printer:
    """Prints a section: what its columns are, then each row, then what was missing.

    Args:
        section: the section.
        say: prints a line.
    """

    def __init__(self, section: Section, say: Say) -> None:
        self.section, self.say = section, say
        self._absent: dict[str, list[str]] = {}

    def begin(self, missing: Mapping[str, str]) -> None:
        """Print the title, the units and who is not there.

        Args:
            missing: why, by rival.
        """
        self.say(f"\n{self.section.title}\n")
        for text in self.section.explained:
            self.say(f"  {text}")
        self.say(
            f"  ~: unsteady, quartiles more than {UNSTEADY:.0%} of a median apart; run it again"
        )
        for rival, reason in missing.items():
            self.say(f"  {rival}: {reason}")
        self.say(f"\n{heading(self.section.columns)}")

    def row(self, record: Record) -> None:
        """Print a row.

        Args:
            record: the row.
        """
        if "skipped" in record:
            columns = self.section.columns
            named = columns[: columns.index(SHAPE) + 1]
            width = sum(column.width + 1 for column in named)
            self.say(f"{line(named, record):<{width}}left out: {record['skipped']}")
            return
        self.say(line(self.section.columns, record))
        for rival, reason in record.get("absent", {}).items():
            places = self._absent.setdefault(f"{rival}: {reason}", [])
            place = f"{record['cell']} {record['shape']}"
            places += [place] if place not in places else []

    def end(self, means: list[Record], missing: Mapping[str, str]) -> None:
        """Print the summary, and why a dash is a dash.

        Args:
            means: the rows of the summary.
            missing: what `begin` has said already.
        """
        for record in means:
            self.say(line(self.section.means, record))
        said = {f"{rival}: {reason}" for rival, reason in missing.items()}
        for reason, places in self._absent.items():
            if reason not in said:
                self.say(f"  - {reason} ({'; '.join(places)})")
