"""What an experiment finds, and what it is told before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headgate.study.panels import Dots, Lines
from headgate.study.wording import Cell, written


@dataclass(frozen=True)
class Setting:
    """What a user says of a run.

    Args:
        seed: of all chance.
        quick: whether everything is small: it runs in seconds, and shows no more than that it runs.
        say: takes a line of progress.
    """

    seed: int = 0
    quick: bool = False
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class Finding:
    """The numbers of an experiment, and what they say.

    Args:
        title: a heading.
        question: what the experiment asks.
        columns: names of the columns of the numbers.
        rows: the numbers; one that is not finite is there as it is.
        panels: the parts of the figure, from the top.
        paragraphs: two: what was measured, and what follows.
        sources: the papers.
        setting: how it was measured, in a sentence.
    """

    title: str
    question: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    panels: tuple[Lines | Dots, ...]
    paragraphs: tuple[str, str]
    sources: tuple[str, ...]
    setting: str

    def cells(self) -> list[list[str]]:
        """Write the numbers as they are printed.

        Returns:
            A text for each cell of each row.
        """
        return [[written(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True)
class Study:
    """An experiment that can be asked for by name.

    Args:
        title: its heading.
        question: what it asks.
        run: makes the experiment.
    """

    title: str
    question: str
    run: Callable[[Setting], Finding]
