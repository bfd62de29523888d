"""A model that reads steps of numbers, kept running: an answer after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.streaming import Stream
from headgate.tasks.kept_stream import RowStream
from headgate.tasks.stream_tokens import listed, numbers, shown

Answers = Callable[[Tensor], list[Any]]
_STEPS = "steps, each a number for each channel"


class FrameStream(RowStream):
    """A model that reads steps of numbers and answers after each of them, as of all so far.

    It equals the model's answer to the whole, however that is cut.

    Args:
        stream: the network.
        encode: from steps, [T, C] or [T], to what the network reads, [T, M].
        answers: from what comes out, [K, V], to K answers.
    """

    def __init__(self, stream: Stream, encode: Callable[[Any], Tensor], answers: Answers) -> None:
        self.stream, self._encode, self._answers = stream, encode, answers

    def given(self, token: Any) -> Tensor:
        """Turn one step to what the network reads.

        Args:
            token: a number for each channel, or the number of the only one, None where it is
                missing; where there are rows such a step for each.

        Returns:
            Features, [M]; where there are rows [B, M].

        Raises:
            DataError: it is no step of these channels.
            ShapeError: there are not as many as rows.
        """
        return self._read([token])[0] if self.rows is None else self._row(token)

    def said(self, out: Tensor) -> Any:
        """Give the answer to all that was read."""
        return self._said(out[None])[0] if self.rows is None else self._said(out)

    def steps(self, chunk: Any) -> list[Any]:
        """Read several steps.

        Args:
            chunk: steps, [T, C]; where there are rows, for each step one for each row.

        Returns:
            The answer after each.

        Raises:
            DataError: something in it is no step of these channels.
            ShapeError: a step has not as many as there are rows.
        """
        if self.rows is None:
            several = isinstance(chunk, Tensor) and chunk.dim()
            steps: Any = chunk if several else listed(chunk, _STEPS)
            return self._said(self.stream.steps(self._read(steps))) if len(steps) else []
        rows = [*map(self._row, listed(chunk, "steps, each of them one for each row"))]
        return [self._said(each) for each in self.stream.steps(torch.stack(rows))] if rows else []

    def answer(self, line: str) -> Iterator[str]:
        """Read a step; an empty line begins anew.

        Args:
            line: the numbers of the channels, with commas or spaces between.

        Yields:
            What is said of all that was read.
        """
        words = line.replace(",", " ").split()
        if not words:
            self.reset()
            return
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            raise DataError(f"numbers with spaces between were wanted: {line!r:.80}") from None
        yield "\t".join([*self.step(numbers).row().values()][:2])

    def _over(self, stream: Stream) -> FrameStream:
        return FrameStream(stream, self._encode, self._answers)

    def _read(self, steps: Any) -> Tensor:
        taken = numbers(steps, _STEPS)
        found = self._encode(taken)
        if len(found) < len(taken):  # so many are read of one input, but a stream goes on
            found = torch.cat([self._encode(piece) for piece in taken.split(len(found))])
        if not found.isfinite().all():
            raise DataError(
                f"wanted: {_STEPS}, and all that is read is finite; {shown(steps)} came"
            )
        return found

    def _row(self, values: Any) -> Tensor:
        wanted = f"there are {self.rows} rows: give a step for each"
        rows = listed(values, wanted)
        if len(rows) != self.rows:
            raise ShapeError(f"{wanted}, not {len(rows)}")
        return self._read(rows)

    @torch.inference_mode()
    def _said(self, out: Tensor) -> list[Any]:
        return self._answers(out)
