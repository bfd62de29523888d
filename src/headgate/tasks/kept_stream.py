"""What the streams of all tasks have in common: the one of the network that runs inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeVar

from torch import Tensor

from headgate.errors import ShapeError, StreamError
from headgate.streaming import Stream
from headgate.tasks.stream_tokens import listed

Self = TypeVar("Self", bound="KeptStream")
Rows = TypeVar("Rows", bound="RowStream")


class KeptStream(ABC):
    """A model kept running. It may stand in a ``with``, and a copy of it is a fork.

    A step is what ``given`` makes of a token, the network's own step of that, and what ``said``
    makes of what comes out; so that the steps of many streams may be taken together.

    Attributes:
        stream: the network kept running.
    """

    stream: Stream

    @abstractmethod
    def given(self, token: Any) -> Any:
        """Give what the network reads at the next step; the step itself is still to be taken.

        Args:
            token: a token; where there are rows one for each.

        Returns:
            What ``stream.step`` takes.

        Raises:
            HeadgateError: it is no token, or the stream has not begun.
        """

    @abstractmethod
    def said(self, out: Tensor) -> Any:
        """Give the answer after a step, and keep what the next one needs.

        Args:
            out: what ``stream.step`` gave of what ``given`` gave, [V]; [B, V] where there are rows.

        Returns:
            The answer; where there are rows a list of them.
        """

    def step(self, token: Any) -> Any:
        """Take one step.

        Args:
            token: what ``given`` takes.

        Returns:
            The answer after it; where there are rows a list of them.

        Raises:
            HeadgateError: it is no token, or the stream has not begun; no step was taken.
        """
        return self.said(self.stream.step(self.given(token)))

    @abstractmethod
    def steps(self, chunk: Any) -> list[Any]:
        """Take several steps, all of them or none.

        Args:
            chunk: several tokens; of a stream that reads texts also a text.

        Returns:
            The answer after each.

        Raises:
            HeadgateError: one is no token, or the stream has not begun; no step was taken.
        """

    @abstractmethod
    def reset(self) -> None:
        """Begin anew, with the same source where there is one."""

    def tokens(self, chunk: Any) -> list[Any]:
        """Part what ``steps`` takes into tokens, so that it may be read in several pieces.

        Args:
            chunk: several tokens; of a stream that reads texts also a text.

        Returns:
            Tokens, each of which ``given`` takes.

        Raises:
            HeadgateError: they are not several, or one of a text's is unknown.
        """
        return listed(chunk, "a list of steps")

    def begin(self, source: Any) -> None:
        """Begin anew with a source.

        Args:
            source: what is read before the first step.

        Raises:
            StreamError: this stream has none.
        """
        raise StreamError(
            "this stream has no source: its steps are its input. A source belongs to a "
            "translator, a chat, a language model, a model of music or a forecaster"
        )

    @property
    def position(self) -> int | list[int]:
        """The steps taken since the beginning; of each row where there are rows."""
        return self.stream.position

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


def step_together(streams: Sequence[KeptStream], tokens: Sequence[Any]) -> list[Any]:
    """Take one step of several streams as one batch; each has the bits that it has alone.

    Args:
        streams: a stream and its forks, without rows, none of them twice.
        tokens: a token for each.

    Returns:
        The answer of each.

    Raises:
        StreamError: there is none, one came twice or has rows, or they are of several networks.
        HeadgateError: one of the tokens is none. In both cases no step was taken.
    """
    if len(streams) != len(tokens):
        raise ShapeError(f"there are {len(streams)} streams: give a token for each")
    given = [each.given(token) for each, token in zip(streams, tokens, strict=True)]
    out = Stream.step_together([each.stream for each in streams], given)
    return [each.said(row) for each, row in zip(streams, out, strict=True)]
