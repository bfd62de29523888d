"""A transcriber kept running: a step of sound at a time, with what is said in it."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from headgate.data.fields import TextField
from headgate.errors import DataError, StreamError
from headgate.streaming import Stream
from headgate.tasks.audio_reading import AudioReading
from headgate.tasks.kept_stream import KeptStream
from headgate.tasks.stream_tokens import listed, numbers, shown

_LAST = struct.Struct("<q")


class TranscribeStream(KeptStream):
    """A transcriber of one direction that reads steps and says each label when it is sure.

    It equals the likeliest path over the whole sound (``beam_width=1``), and looks at no later
    step. A step is a row of what ``task.reading.encode`` gives.

    Args:
        stream: the network.
        reading: how a sound becomes steps.
        text: labels to text.
        rewind: steps that can be taken back.
    """

    def __init__(
        self, stream: Stream, reading: AudioReading, text: TextField, *, rewind: int = 0
    ) -> None:
        self.stream, self.reading, self.text = stream, reading, text
        self._last, self._before = text.pad, deque[int](maxlen=rewind)

    @property
    def state(self) -> bytes:
        """The state, which this model alone takes back."""
        return _LAST.pack(self._last) + self.stream.state

    @state.setter
    def state(self, data: bytes) -> None:
        if len(data) < _LAST.size:
            raise StreamError("the state is no state of this stream: it is too short")
        self.stream.state = data[_LAST.size :]
        [self._last] = _LAST.unpack(data[: _LAST.size])
        self._before.clear()

    def given(self, token: Any) -> Tensor:
        """Take one step.

        Args:
            token: the step, [M].

        Returns:
            The same as a tensor.

        Raises:
            DataError: it is no step.
        """
        return self._read(token, axes=1)

    def said(self, out: Tensor) -> str:
        """Give what is said by now that was not yet said before; "" where nothing is."""
        return self._said(out[None])[0]

    def steps(self, chunk: Any) -> list[str]:
        """Read several steps.

        Args:
            chunk: the steps, [T, M].

        Returns:
            What each says.

        Raises:
            DataError: one of them is no step.
        """
        whole = isinstance(chunk, Tensor) and chunk.dim()
        steps: Any = chunk if whole else listed(chunk, "a list of steps")
        return self._said(self.stream.steps(self._read(steps, axes=2))) if len(steps) else []

    def _read(self, came: Any, axes: int) -> Tensor:
        width = self.stream.input_size
        wanted = f"steps of {width} finite numbers, as task.reading.encode gives them"
        found = numbers(came, wanted)
        if found.dim() != axes or found.shape[-1] != width or not found.isfinite().all():
            raise DataError(f"wanted: {wanted}; {shown(came)} came")
        return found

    def _said(self, out: Tensor) -> list[str]:
        found = []
        for label in out.argmax(-1).tolist():
            new = label not in (self.text.pad, self._last)
            found.append(self._written(label) if new else "")
            self._before.append(self._last)
            self._last = label
        return found

    def _written(self, label: int) -> str:
        space = " " if self.text.unit == "word" else ""
        return self.text.decode([label]) + space

    def answer(self, line: str) -> Iterator[str]:
        """Transcribe a file from its beginning.

        Args:
            line: its path; an empty one begins anew.

        Yields:
            What is said, in pieces.
        """
        self.reset()
        if line.strip():
            for step in self.reading.encode_rows([line.strip()])[0]:
                if said := self.step(step):
                    yield said

    def rewind(self, steps: int = 1) -> None:
        """Take back the last steps.

        Args:
            steps: how many.
        """
        self.stream.rewind(steps)
        for _ in range(steps):
            self._last = self._before.pop()

    def reset(self) -> None:
        """Begin anew."""
        self.stream.reset()
        self._last = self.text.pad
        self._before.clear()

    def fork(self) -> TranscribeStream:
        """Give a stream that goes on from here by itself.

        Returns:
            The other stream.
        """
        other = TranscribeStream(
            self.stream.fork(), self.reading, self.text, rewind=self._before.maxlen or 0
        )
        other._last, other._before = self._last, self._before.copy()
        return other

    def __repr__(self) -> str:
        return f"<TranscribeStream at {self.position}>"
