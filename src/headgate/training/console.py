"""Progress on a terminal: a moving line where there is one, plain lines elsewhere."""

from __future__ import annotations

import itertools
import shutil
import sys
import textwrap
from typing import TextIO
from unicodedata import east_asian_width

from headgate.training.protocol import Moment, Note, Validation


class Console:
    """Writes progress, estimated time, scores and samples.

    Args:
        stream: where to; standard error where None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._moving = self._stream.isatty()
        self._shown = -1.0

    def resumed(self, moment: Moment) -> None:
        """Say where the training goes on.

        Args:
            moment: where it stood.
        """
        self._line(f"goes on from its checkpoint: epoch {moment.epoch}, step {moment.step}")

    def step(self, moment: Moment) -> None:
        """Move the line, ten times a second at most.

        Args:
            moment: where the training stands.
        """
        if self._moving and moment.seconds - self._shown > 0.1:
            self._shown = moment.seconds
            bar = "━" * round(20 * moment.fraction)
            self._stream.write(
                f"\r\x1b[K{bar:─<20} {moment.fraction:4.0%}  epoch {moment.epoch}  "
                f"loss {moment.loss:.3f}  {_clock(moment.left)} left"
            )
            self._stream.flush()

    def validation(self, moment: Moment, validation: Validation, *, best: bool) -> None:
        """Write the scores, and what the model says.

        Args:
            moment: where the training stands.
            validation: the scores and samples.
            best: whether it is the best so far.
        """
        values = "  ".join(f"{name} {value:.4g}" for name, value in validation.values.items())
        mark = " *" if best else ""
        line = (
            f"epoch {moment.epoch}  step {moment.step}  {_clock(moment.seconds)}  "
            f"loss {moment.loss:.3f}  {values}{mark}"
        )
        for part in self._folded(line):
            self._line(part)
        for sample in validation.samples if best else []:
            self._line(self._clipped(f"    {_plain(sample)}"))

    def note(self, moment: Moment, note: Note) -> None:
        """Write what a doctor found.

        Args:
            moment: where the training stands.
            note: the defect.
        """
        line = f"doctor: {note.sentence}"
        width = _columns() if self._moving else len(line)
        for part in textwrap.wrap(line, width, subsequent_indent="    "):
            self._line(part)

    def end(self, reason: str) -> None:
        """Write why the training ended.

        Args:
            reason: the reason.
        """
        self._line(f"stopped: {reason}; the best weights (*) are kept")

    def _folded(self, line: str) -> list[str]:
        """Break a line that a terminal would break anywhere between a figure and the next name."""
        if not self._moving:
            return [line]
        narrow = line.replace(" *", "\0*").replace("  ", "\1").replace(" ", "\0")
        parts = textwrap.wrap(
            narrow.replace("\1", "  "), _columns(), subsequent_indent="    ", break_on_hyphens=False
        )
        return [part.replace("\0", " ") for part in parts]

    def _clipped(self, line: str) -> str:
        """Cut a line at the edge of a terminal; East Asian characters are two columns wide."""
        ends = list(itertools.accumulate(1 + (east_asian_width(c) in "WF") for c in line))
        if not self._moving or ends[-1] <= _columns():
            return line
        return f"{line[: sum(end < _columns() for end in ends)]}…"

    def _line(self, text: str) -> None:
        self._stream.write(("\r\x1b[K" if self._moving else "") + text + "\n")
        self._stream.flush()


def _plain(text: str) -> str:
    """Put a space for each control character, which a terminal might obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(min(seconds, 359999)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
