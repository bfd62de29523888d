"""What was measured, printed row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headgate.bench.columns import heading, line
from headgate.bench.plan import Record
from headgate.bench.section import SHAPE, Section
from headgate.bench.timing import UNSTEADY

FORMAT = 1
Say = Callable[[str], None]


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
