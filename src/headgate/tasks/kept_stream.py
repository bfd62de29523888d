"""What the streams of all tasks have in common: the one of the network that runs inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from headgate.errors import StreamError
from headgate.streaming import Stream

Self = TypeVar("Self", bound="KeptStream")
Rows = TypeVar("Rows", bound="RowStream")


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

    @abstractmethod
    def _over(self: Rows, stream: Stream) -> Rows:
        """Give the same model over another state."""

    def fork(self: Rows) -> Rows:
        """Give a stream that goes on from here by itself.

        Returns:
            The other stream.
        """
        return self._over(self.stream.fork())

    @staticmethod
    def join(streams: Sequence[Rows]) -> Rows:
        """Make one batch of several streams, which go on by themselves.

        Args:
            streams: streams of one model.

        Returns:
            A stream of all their rows.

        Raises:
            StreamError: there is none, or they are of several models.
        """
        if not streams:
            raise StreamError("at least one stream is joined, but none came")
        kinds = sorted({type(each).__name__ for each in streams})
        if len(kinds) > 1:
            raise StreamError(f"streams of one model are joined, but {' and '.join(kinds)} came")
        return streams[0]._over(Stream.join([each.stream for each in streams]))

    def split(self: Rows) -> list[Rows]:
        """Give each row as a stream of its own.

        Returns:
            The streams, in the order of the rows.
        """
        return [self._over(each) for each in self.stream.split()]

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Begin anew.

        Args:
            rows: these rows only; all where None.
        """
        self.stream.reset(rows)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.position}, rows={self.rows}>"
