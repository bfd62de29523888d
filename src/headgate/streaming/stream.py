"""A network kept running: step by step, with a state of constant size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

import torch
from torch import Tensor, nn

from headgate.errors import ShapeError, StreamError
from headgate.streaming import state
from headgate.streaming.engine import Engine
from headgate.streaming.inputs import Inputs
from headgate.streaming.parts import links_of
from headgate.streaming.together import step_together


class Stream:
    """A network that is kept running: a step needs only its state.

    It equals the whole run however that is cut: to the bit where the native part serves and no
    gradient is wanted, a linear head of headgate's own included. The weights are copied when the
    stream is made; no gradient goes through it. A stream belongs to one thread at a time; any
    number of them share the weights.

    Args:
        *modules: what each step goes through, in order: an embedding, recurrent layers, a pool, a
            head; as in evaluation.
        rows: streams that step together, as one batch; None for one, without an axis of rows.
        rewind: how many steps can be taken back; each costs the memory of a state.
        quantize: "int8" keeps the matrices as bytes, with a scale for each row of a weight.

    Attributes:
        identity: what the state of a stream has to come from, a SHA-256 of the network.

    Raises:
        StreamError: a module cannot be run step by step.
        ShapeError: a module does not take what the one before it gives; a number is not positive.
        UnknownNameError: there is no such quantization.

    Example:
        >>> from headgate.layers import GRU, Linear
        >>> stream = Stream(nn.Embedding(9, 5), GRU(5, 7), Linear(7, 2))
        >>> stream.steps([3, 1, 4]).shape, stream.step(1).shape, stream.position
        (torch.Size([3, 2]), torch.Size([2]), 4)
    """

    def __init__(
        self,
        *modules: nn.Module,
        rows: int | None = None,
        rewind: int = 0,
        quantize: str | None = None,
    ) -> None:
        if rows is not None and (not _is_whole(rows) or rows < 1):
            raise ShapeError(f"rows is a positive integer, or None, not {rows!r}")
        if not _is_whole(rewind) or rewind < 0:
            raise ShapeError(f"rewind is a number of steps, 0 or more, not {rewind!r}")
        self._engine = Engine(links_of(modules), quantize)
        self._start(rows, rewind)
        self.reset()

    def _start(self, rows: int | None, rewind: int) -> None:
        engine, count = self._engine, rows or 1
        self._rows, self._depth = rows, int(rewind)
        self._slots = max(rewind, 1) + 1
        width = len(engine.initial)
        shape = (self._slots, count, width)
        with torch.inference_mode(False):  # else it could be written to in that mode alone
            self._ring = torch.zeros(shape, dtype=engine.dtype, device=engine.device)
        self._address = self._ring.data_ptr()
        self._runner = engine.runner(rows, self._ring)
        self._run, self._step = self._runner.run, self._runner.step
        self._slot = self._taken = self._since = 0
        self._began = [0] * count
        self.identity = engine.digest
        self._inputs = Inputs(engine, rows)
        _, out = engine.shapes(rows)
        self._blank = torch.empty(out, dtype=engine.dtype, device=engine.device)

    @property
    def rows(self) -> int | None:
        """The streams that step together, or None for one without an axis of rows."""
        return self._rows

    @property
    def position(self) -> int | list[int]:
        """The steps taken since the beginning; of each row where there are rows."""
        found = [self._taken - begun for begun in self._began]
        return found[0] if self._rows is None else found

    @property
    def input_size(self) -> int | None:
        """What a step takes, M; None for an id."""
        return self._engine.features

    @property
    def output_size(self) -> int:
        """What a step gives, V."""
        return self._engine.width

    def step(self, x: Any, *, out: Tensor | None = None) -> Tensor:
        """Take one step.

        Args:
            x: an id, or features [M]; where there are rows ids [B], or features [B, M].
            out: memory for the answer, so that nothing is allocated; new memory where None. It is
                written past autograd: it has no gradient, and no graph needs what was there.

        Returns:
            What the last module gives, [V] or [B, V].

        Raises:
            ShapeError: it does not fit, or an id is none of the embedding's.
        """
        fits = out is None or not getattr(out, "requires_grad", True)
        found = self._step(x, out, self._slot) if fits else None
        if found is None:
            found = self._converted(x, out)
        self._taken += 1
        self._since += 1
        slot = self._slot + 1
        self._slot = slot if slot < self._slots else 0
        return found

    def _converted(self, x: Any, out: Tensor | None) -> Tensor:
        """Take a step of what has to be converted first, or say what is wrong with it."""
        x = self._inputs.step(x)
        if out is None:
            out = torch.empty_like(self._blank)
        elif not self._inputs.alike(out, self._blank):
            shape, dtype = tuple(self._blank.shape), self._blank.dtype
            raise ShapeError(
                f"out is {shape} of {dtype}, on {self._blank.device}, contiguous and without a "
                "gradient"
            )
        wrong = self._run(x, 1, self._slot, out)
        if wrong >= 0:
            raise self._inputs.no_id(x, wrong)
        return out

    def steps(self, chunk: Any) -> Tensor:
        """Take several steps.

        Args:
            chunk: ids [T], or features [T, M]; where there are rows [T, B] or [T, B, M]. T may be
                0 in a tensor.

        Returns:
            What the last module gives after each, [T, V] or [T, B, V].

        Raises:
            ShapeError: it does not fit, or an id is none of the embedding's; no step was taken.
        """
        x = self._inputs.chunk(chunk)
        out = self._blank.new_empty((len(x), *self._blank.shape))
        wrong = self._run(x, len(x), self._slot, out)
        if wrong >= 0:
            raise self._inputs.no_id(x, wrong)
        self._went(len(x))
        return out

    @staticmethod
    def step_together(streams: Sequence[Stream], inputs: Sequence[Any]) -> Tensor:
        """Take one step of several streams as one batch; each has the bits that it has alone.

        Each goes on from its own position, and keeps its own steps to take back. Where the native
        part does not serve, they step one after the other.

        Args:
            streams: a stream and its forks, without rows, K of them, none of them twice.
            inputs: what each takes.

        Returns:
            What the last module gives for each, [K, V].

        Raises:
            StreamError: there is none, one came twice or has rows, or they are of several networks.
            ShapeError: an input does not fit its stream. In both cases no step was taken.
        """
        streams = list(streams)
        if not all(isinstance(each, Stream) for each in streams):
            raise StreamError(f"streams step together, in a list, not {streams!r:.80}")
        return step_together(streams, list(inputs))

    def _went(self, steps: int) -> None:
        self._taken += steps
        self._since += steps
        self._slot = (self._slot + steps) % self._slots

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Begin anew, as if no step had been taken.

        What was before cannot be rewound to.

        Args:
            rows: these rows only; all where None. Afterwards no row can be rewound.

        Raises:
            ShapeError: there is no such row.
        """
        count = len(self._began)
        given = rows if isinstance(rows, Iterable) else [rows]
        chosen: list[Any] = list(range(count) if rows is None else given)
        for row in chosen:
            if not _is_whole(row) or not 0 <= row < count:
                raise ShapeError(
                    f"there are rows 0 to {count - 1}, not {row!r}: give a list of them"
                )
        for row in chosen:
            self._began[row] = self._taken
        self._ring[self._slot, chosen] = self._engine.initial
        self._since = 0

    def place(self, states: Tensor) -> None:
        """Go on from states that come from elsewhere.

        Args:
            states: the states of every layer side by side, in the order of the layers, [B, N].

        Raises:
            ShapeError: they do not fit.
        """
        wanted = self._ring[self._slot]
        if states.shape != wanted.shape:
            raise ShapeError(f"states are {tuple(wanted.shape)}, not {tuple(states.shape)}")
        wanted.copy_(states)
        self._since = 0

    def rewind(self, steps: int = 1) -> None:
        """Take back the last steps.

        Args:
            steps: how many.

        Raises:
            StreamError: so many are not kept.
        """
        kept = min(self._depth, self._since)
        if not _is_whole(steps) or not 0 <= steps <= kept:
            raise StreamError(
                f"{kept} steps can be taken back, not {steps!r}: a stream keeps as many as it is "
                f"made for (rewind={self._depth}), of those since it began or was set"
            )
        steps = int(steps)
        self._went(-steps)
        self._since = kept - steps  # what came before has been written over

    def fork(self) -> Stream:
        """Give a stream that goes on from here by itself; both share the weights.

        Returns:
            The other stream, with the same steps to take back.
        """
        other = self._like(self._rows)
        other._ring.copy_(self._ring)
        other._slot, other._taken, other._since = self._slot, self._taken, self._since
        other._began = list(self._began)
        return other

    def __copy__(self) -> Stream:
        return self.fork()

    def __deepcopy__(self, memo: dict[int, Any]) -> Stream:
        return self.fork()

    def __reduce__(self) -> Any:
        raise StreamError("a stream is not pickled: keep stream.state, and set it on another one")

    def _like(self, rows: int | None) -> Stream:
        other = object.__new__(Stream)
        other._engine = self._engine
        other._start(rows, self._depth)
        other.identity = self.identity
        return other

    @staticmethod
    def join(streams: Iterable[Stream]) -> Stream:
        """Make one batch of several streams, which go on by themselves.

        Args:
            streams: streams of one network, forked or of the same weights.

        Returns:
            A stream of all their rows, in order; it can take back what all of them can, and later
            as many steps as the one that is made for most.

        Raises:
            StreamError: there is none, or they are of different networks.
        """
        streams = list(streams)
        if not streams or not all(isinstance(each, Stream) for each in streams):
            raise StreamError(f"at least one stream is joined, in a list, not {streams!r:.80}")
        first = max(streams, key=lambda each: each._depth)
        for other in streams:
            if not first._fits(other.identity, other._engine.quantize):
                raise StreamError("streams of one network are joined, but these are of several")
        joined = first._like(sum(len(each._began) for each in streams))
        kept = min(min(each._depth, each._since) for each in streams)
        kept = min(kept, joined._depth)
        for back in range(kept + 1):
            parts = [each._ring[(each._slot - back) % each._slots] for each in streams]
            joined._ring[(kept - back) % joined._slots] = torch.cat(parts)
        joined._went(kept)
        positions = [each._taken - begun for each in streams for begun in each._began]
        joined._began = [joined._taken - position for position in positions]
        return joined

    def split(self) -> list[Stream]:
        """Give each row as a stream of its own, without an axis of rows.

        Returns:
            The streams, in the order of the rows.
        """
        found = []
        for row, begun in enumerate(self._began):
            one = self._like(None)
            one._ring.copy_(self._ring[:, row : row + 1])
            one._slot, one._taken, one._since = self._slot, self._taken, self._since
            one._began = [begun]
            found.append(one)
        return found

    def _fits(self, model: str, quantize: str | None) -> bool:
        return (self.identity, self._engine.quantize) == (model, quantize)

    @property
    def state(self) -> bytes:
        """The state of all rows as safetensors, which this network alone takes back.

        What can be rewound is not in it.
        """
        now = self._ring[self._slot]
        named = {n: now[:, first : first + size] for n, first, size in self._engine.columns}
        positions = [self._taken - begun for begun in self._began]
        engine = self._engine
        found = state.State(self.identity, engine.quantize, self._rows, positions, named)
        return state.to_bytes(found)

    @state.setter
    def state(self, data: bytes) -> None:
        found = state.from_bytes(data)
        self._check(found)
        for name, first, size in self._engine.columns:
            self._ring[self._slot, :, first : first + size] = found.states[name]
        self._began = [self._taken - position for position in found.positions]
        self._since = 0

    def _check(self, found: state.State) -> None:
        """Refuse a state that is not of this network, or whose rows are others."""
        engine, ours = self._engine, "a state goes on in the network that it came from"
        wanted = [(name, size) for name, _, size in engine.columns]
        came = [(name, value.shape[-1]) for name, value in found.states.items() if value.dim()]
        if sorted(came) != sorted(wanted):
            raise StreamError(f"the state is of another network, with other states; {ours}")
        if found.model != self.identity:
            raise StreamError(
                f"the state is of other weights, other cells or another source; {ours}"
            )
        if found.quantize != engine.quantize:
            raise StreamError(
                f"the state is of a stream with quantize={found.quantize!r}, but this one has "
                f"quantize={engine.quantize!r}"
            )
        if found.rows != self._rows:
            raise StreamError(f"the state has rows={found.rows}, but the stream rows={self._rows}")
        count = len(self._began)
        whole = len(found.positions) == count and all(map(state.is_position, found.positions))
        tensors = found.states.values()
        alike = all(v.dtype == engine.dtype and v.shape[:-1] == (count,) for v in tensors)
        if not (whole and alike):
            raise StreamError(f"the state says rows={found.rows}, but holds others: it was made up")

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is open: the memory goes with the stream."""

    def __repr__(self) -> str:
        takes = "ids" if self._engine.ids else f"{self._engine.features} features"
        kept = f", quantize={self._engine.quantize!r}" if self._engine.quantize else ""
        return f"<Stream of {takes} to {self.output_size}, rows={self._rows}{kept}>"


def _is_whole(number: Any) -> bool:
    """Whether a value counts: an int, or numpy's; True and 1.0 do not."""
    try:
        return not isinstance(number, bool) and index(number) == number
    except TypeError:
        return False
