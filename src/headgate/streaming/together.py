"""One step of several streams, each with a ring of its own, as one batch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from ctypes import memmove
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from headgate.errors import ShapeError, StreamError

if TYPE_CHECKING:
    from headgate.streaming.engine import Engine
    from headgate.streaming.stream import Stream

MOST_ROWS = 4096  # of all batches that are kept: every count up to 90 of them


class Batches:
    """Memory and a runner for each count of streams that stepped together of late.

    To make one costs more than a step. The lock is held for a step, so that streams of one network
    may step together in several threads.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[int, _Batch] = OrderedDict()
        self._lock = Lock()

    def step(
        self, engine: Engine, x: Tensor, before: Sequence[int], after: Sequence[int]
    ) -> Tensor:
        """Take one step.

        Args:
            engine: the network, run by the native part.
            x: ids [K] or features [K, M], contiguous, each id one of the table's.
            before: the addresses of the K present states.
            after: where the K new ones go.

        Returns:
            What comes out, [K, V].
        """
        out = torch.empty((len(before), engine.width), dtype=engine.dtype)
        with self._lock:
            self._batch(engine, len(before)).step(x, before, after, out)
        return out

    def _batch(self, engine: Engine, count: int) -> _Batch:
        found = self._kept.get(count)
        if found is None:
            found = self._kept[count] = _Batch(engine, count)
            while len(self._kept) > 1 and sum(self._kept) > MOST_ROWS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(count)
        return found


class _Batch:
    """The states of K streams side by side: before a step, and after it."""

    def __init__(self, engine: Engine, count: int) -> None:
        shape = (2, count, len(engine.initial))
        with torch.inference_mode(False):
            self._ring = torch.zeros(shape, dtype=engine.dtype)
        self._runner = engine.runner(count, self._ring)
        self._size = engine.state_bytes
        first = self._ring.data_ptr()
        places = [first + self._size * row for row in range(2 * count)]
        self._before, self._after = places[:count], places[count:]

    def step(self, x: Tensor, before: Sequence[int], after: Sequence[int], out: Tensor) -> None:
        size = self._size  # by address: a view of each state would cost more than its step
        for to, at in zip(self._before, before, strict=True):
            memmove(to, at, size)
        self._runner.run(x, 1, 0, out)
        for at, to in zip(self._after, after, strict=True):
            memmove(to, at, size)


def step_together(streams: Sequence[Stream], inputs: Sequence[Any]) -> Tensor:
    """Take one step of several streams; ``Stream.step_together`` says what of.

    Args:
        streams: the streams, K of them.
        inputs: what each takes.

    Returns:
        What each gives, [K, V].

    Raises:
        StreamError: they cannot step together; no step was taken.
        ShapeError: an input does not fit, or there are not as many; no step was taken.
    """
    engine = _engine_of(streams)
    if len(inputs) != len(streams):
        raise ShapeError(f"there are {len(streams)} streams: give an input for each")
    x = streams[0]._inputs.together(inputs)
    if not engine.native:  # in a batch torch's own products have other bits
        return torch.stack([each.step(row) for each, row in zip(streams, x, strict=True)])
    size = engine.state_bytes
    before = [each._address + each._slot * size for each in streams]
    after = [each._address + (each._slot + 1) % each._slots * size for each in streams]
    out = engine.batches.step(engine, x, before, after)
    for each in streams:
        each._went(1)
    return out


def _engine_of(streams: Sequence[Stream]) -> Engine:
    if not streams:
        raise StreamError("at least one stream takes a step, but none came")
    engine = streams[0]._engine
    for each in streams:
        if each._engine is not engine:
            raise StreamError(
                "streams that step together share their weights, as a stream and its forks do, "
                "but these are of several networks: join them"
            )
        if each._rows is not None:
            raise StreamError(
                f"streams that step together have no rows, and one has {each._rows}: split it"
            )
    if len({id(each) for each in streams}) < len(streams):
        raise StreamError("a stream takes one step at a time, and one came twice: fork it")
    return engine
