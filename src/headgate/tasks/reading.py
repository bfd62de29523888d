"""How a task reads its inputs: what a row is, and the first part of the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, make_dataclass
from functools import cache
from typing import Any, ClassVar

from torch import Tensor, nn

from headgate.data.columns import Table, shown
from headgate.data.frames import Frames, pad_frames
from headgate.data.ragged import Ragged
from headgate.errors import StreamError
from headgate.export.parts import Input
from headgate.streaming import Stream
from headgate.tasks.kept_stream import KeptStream
from headgate.training import Plan

_SMALLEST, _BATCHES = 8, 12  # rows of a batch; batches of a pass, at least


@dataclass(frozen=True)
class ExportedReading:
    """How inputs are read where an exported model runs.

    Args:
        given: what the network takes, "x".
        facts: what the reader has to know beside the reading's ``files``, as plain data.
        helpers: further files of the export's scripts that the reader imports.
        first: what "x" goes through before the network; None where nothing.
        streams: whether each step is read by itself, so that a stream may be exported.
    """

    given: Input
    facts: dict[str, Any]
    helpers: tuple[str, ...] = ()
    first: nn.Module | None = None
    streams: bool = True


class Reading(ABC):
    """A kind of input with what was learned of it, which a model directory keeps.

    ``learn`` reads the training part; ``restore`` rebuilds it from its settings and ``files``.
    ``made_of`` is the dataclass of the settings that a task has beside its own for such inputs,
    and ``defaults`` are other defaults of the task's own.

    Attributes:
        embedding: the network's first part, from a batch [B, T, …] to [T, B, E]; its
            ``output_size`` is E.
    """

    kind: ClassVar[str]
    summary: ClassVar[str]
    made_of: ClassVar[type]
    defaults: dict[str, Any] = {}
    embedding: nn.Module

    @classmethod
    @abstractmethod
    def reads(cls, table: Table, input: str) -> bool:
        """Tell whether a table's column is of this kind."""

    @classmethod
    @abstractmethod
    def read(cls, table: Table, input: str) -> Sequence[Any]:
        """Take the inputs of a table; refuse a row that cannot be read, by name."""

    @classmethod
    @abstractmethod
    def learn(cls, inputs: Sequence[Any], settings: Any, base: Any = None) -> Any:
        """Learn what the training part says of its inputs; with a base go on from what it knew."""

    @classmethod
    @abstractmethod
    def restore(cls, settings: Any, files: dict[str, str]) -> Any:
        """Rebuild what was saved."""

    @abstractmethod
    def files(self) -> dict[str, str]:
        """Give what was learned as files of a model directory."""

    @abstractmethod
    def notes(self) -> list[str]:
        """Say what was decided from the data, in sentences."""

    @abstractmethod
    def encode_rows(self, inputs: Sequence[Any]) -> Frames | Ragged:
        """Turn inputs to what the network reads, with the length of each."""

    @abstractmethod
    def features(self, inputs: Sequence[Any]) -> Tensor:
        """Describe each input by as many numbers, [B, D], for a baseline of neighbours."""

    @abstractmethod
    def limits(self, lengths: Sequence[int]) -> Plan:
        """Give sound limits of a training on rows of these lengths."""

    def pad(self, rows: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Lay encoded rows out as a batch, [B, T, …], with their lengths, [B]."""
        return pad_frames(rows)

    def steps(self, row: Any) -> Tensor:
        """Give an encoded row as a stream takes it, [T, …]."""
        return row

    def labels(self, input: Any) -> tuple[str, ...]:
        """Name the steps of an input."""
        [length] = self.encode_rows([input]).lengths
        return tuple(str(step) for step in range(1, length + 1))

    def shown(self, input: Any) -> str:
        """Give an input in few words, for a sample on the screen."""
        return shown(str(input))

    def cut(self, inputs: Sequence[Any]) -> list[str]:
        """Say which inputs are not read to their ends."""
        return []

    @abstractmethod
    def exported(self) -> ExportedReading:
        """Give how inputs are read elsewhere; the reader is ``scripts/read_KIND.py``."""

    def stream(self, stream: Stream, answers: Callable[[Tensor], list[Any]]) -> KeptStream:
        """Keep a network running over steps, with an answer after each."""
        raise StreamError(f"{self.summary} is read from its file, whole, and not step by step")


def limits_for(rows: int, *, steps: int, passes: tuple[int, int], most: int = 128) -> Plan:
    """Give sound limits of a training: about so many steps, in batches that grow with the rows.

    Args:
        rows: of the training part.
        steps: that are wanted.
        passes: over the rows, at least and at most.
        most: rows of a batch.

    Returns:
        The limits.

    Example:
        >>> found = limits_for(60, steps=1600, passes=(6, 200))
        >>> found.batch_size, found.epochs
        (8, 200)
    """
    size = max(_SMALLEST, min(most, 2 ** max(0, (rows // _BATCHES).bit_length() - 1)))
    least, longest = passes
    epochs = max(least, min(longest, round(steps * size / rows)))
    return Plan(epochs=epochs, batch_size=size, patience=max(Plan.patience, epochs // 4))


@cache
def joined(task: type, reading: type[Reading]) -> type:
    """Give the settings of a task that reads inputs of a kind: its own, and those of the kind.

    Args:
        task: the dataclass of the task's own settings.
        reading: the kind.

    Returns:
        A dataclass of both.
    """
    parts = (task, reading.made_of)

    def check(self: Any) -> None:
        for part in parts:
            getattr(part, "__post_init__", lambda _: None)(self)

    return make_dataclass(task.__name__, [], bases=parts, namespace={"__post_init__": check})
