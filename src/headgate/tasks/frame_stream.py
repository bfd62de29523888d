"""A model that reads steps of numbers, kept running: an answer after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.streaming import Stream
from headgate.tasks.kept_stream import RowStream

Answers = Callable[[Tensor], list[Any]]


class FrameStream(RowStream):
    """A model that reads steps of numbers and answers after each of them, as of all so far.

    It equals the model's answer to the whole, however that is cut.

    Args:
        stream: the network.
        encode: from steps, a list or a tensor [T, C], to what the network reads, [T, M].
        answers: from what comes out, [K, V], to K answers.
    """

    def __init__(self, stream: Stream, encode: Callable[[Any], Tensor], answers: Answers) -> None:
        self.stream, self._encode, self._answers = stream, encode, answers

    def step(self, values: Any) -> Any:
        """Read one step.

        Args:
            values: a number for each channel, or the number of the only one; where there are rows
                such a step for each.

        Returns:
            The answer after it; where there are rows a list of them.

        Raises:
            DataError: it is no step of these channels.
            ShapeError: there are not as many as rows.
        """
        if self.rows is None:
            return self._said(self.stream.step(self._read([values])[0])[None])[0]
        return self._said(self.stream.step(self._row(values)))

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
        if not len(chunk):
            return []
        if self.rows is None:
            return self._said(self.stream.steps(self._read(chunk)))
        return [self._said(each) for each in self.stream.steps([*map(self._row, chunk)])]

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
        rows = [each.tolist() if isinstance(each, Tensor) else each for each in steps]
        return self._encode(rows)

    def _row(self, values: Any) -> Tensor:
        if len(values) != self.rows:
            raise ShapeError(f"there are {self.rows} rows: give a step for each, not {len(values)}")
        return self._read(values)

    @torch.inference_mode()
    def _said(self, out: Tensor) -> list[Any]:
        return self._answers(out)
