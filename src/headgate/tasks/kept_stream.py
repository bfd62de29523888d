"""What the streams of all tasks have in common: the one of the network that runs inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from headgate.streaming import Stream

Self = TypeVar("Self", bound="KeptStream")


class KeptStream(ABC):
    """A model kept running. It may stand in a ``with``, and a copy of it is a fork."""

    stream: Stream

    @abstractmethod
    def fork(self: Self) -> Self:
        """Give a stream that goes on from here by itself."""

    @property
    def state(self) -> bytes:
        """The state, which this model alone takes back; where there is a source, over this one."""
        return self.stream.state

    @state.setter
    def state(self, data: bytes) -> None:
        self.stream.state = data

    def rewind(self, steps: int = 1) -> None:
        """Take back the last steps.

        Args:
            steps: how many.
        """
        self.stream.rewind(steps)

    def __copy__(self: Self) -> Self:
        return self.fork()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:  # noqa: B027  (the same for all)
        """Nothing is open: the memory goes with the stream."""


class RowStream(KeptStream):
    """A model kept running over one text, or over several rows that step together."""

    @property
    def rows(self) -> int | None:
        """The streams that step together, or None for one by itself."""
        return self.stream.rows

    @property
    def position(self) -> int | list[int]:
        """The tokens read since the beginning; of each row where there are rows."""
        return self.stream.position

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Begin anew.

        Args:
            rows: these rows only; all where None.
        """
        self.stream.reset(rows)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.position}, rows={self.rows}>"
