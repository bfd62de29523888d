"""A span of steps run natively, forward and backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from headgate.kernels import native
from headgate.kernels.bytecode import Bytecode, encode
from headgate.kernels.geometry import (
    Buffer,
    Geometry,
    GradientRows,
    geometry,
    gradient_rows,
)
from headgate.kernels.layout import Span
from headgate.kernels.products import add_product, multiply
from headgate.program.graph import Program
from headgate.program.parameters import parameters
from headgate.program.plan import Gradient, Plan
from headgate.program.schedule import Place, Schedule

MODES = {
    "sequence": 0,
    "previous": 1,
    "rolling": 2,
    "batch": 2,
    "shared": 3,
    "summed": 4,
    "moments": 5,
}
PANEL = 64  # at least as many units as any processor takes at once
_ROWS_FOR_A_THREAD = 4  # with fewer, threads share the units of each row
_UNITS_FOR_A_THREAD = 64
INPUTS: Buffer = ("input", "")  # the projections of all blocks, side by side

# Where a view begins: the first number, from row to row, and both again for the initial state.
Address = tuple[int, int, int, int]
Addresses = dict[tuple[str, Buffer], Address]


@dataclass
class Values:
    """What a run of a span leaves.

    Args:
        rows: the packed rows of each buffer, [R, N]; the projections of all blocks are one.
        states: the states before the span, each [B, N].
        given: what the run is given beside its input: packed rows, or one row of the batch each.
    """

    rows: dict[Buffer, Tensor]
    states: tuple[Tensor, ...]
    given: Mapping[Buffer, Tensor]


@dataclass
class Gradients:
    """What the gradient of a span adds up to.

    Args:
        weights: the gradient of each parameter; spans add to it.
        states: the gradient of the states, each [B, N]: after the span, and once it is run
            backward, before it.
    """

    weights: dict[str, Tensor]
    states: dict[str, Tensor]


class Runner:
    """A plan with the weights of a layer.

    Args:
        program: the cell.
        plan: the plan of its run.
        weights: the parameters by name, contiguous.
    """

    def __init__(self, program: Program, plan: Plan, weights: Mapping[str, Tensor]) -> None:
        self.program, self.plan, self.weights = program, plan, weights
        names = parameters(self.program)
        self.geometry: Geometry = geometry(
            self.program, tuple(weights[name].shape[0] for name in names)
        )
        self.dtype = next(iter(weights.values())).dtype
        self.doubles = self.dtype == torch.float64
        self.bytes = self.dtype.itemsize
        self.inputs = len(weights["weight_ih"]) if "weight_ih" in weights else 0
        self._rooms: dict[Buffer, Tensor] = {}

    def size(self, buffer: Buffer) -> int:
        """Give the units of a buffer."""
        return self.inputs if buffer == INPUTS else self.geometry.sizes[self.plan.widths[buffer]]

    def _room(self, buffer: Buffer, count: int, size: int) -> Tensor:
        """Give rows that one span leaves and the next overwrites: new ones would scatter."""
        room = self._rooms.get(buffer)
        if room is None or len(room) < count:
            room = self._rooms[buffer] = torch.empty(count, size, dtype=self.dtype)
        return room[:count]

    def forward(
        self,
        x: Tensor,
        states: tuple[Tensor, ...],
        span: Span,
        room: Mapping[Buffer, Tensor],
        given: Mapping[Buffer, Tensor],
    ) -> Values:
        """Run the steps of a span.

        Args:
            x: its packed input, [R, M].
            states: the states before it, each [B, N].
            span: the steps.
            room: memory for some of the buffers.
            given: what the run is given beside its input.

        Returns:
            Every buffer; those with no room are overwritten by the next span.
        """
        rows = dict(room)
        if "weight_ih" in self.weights:
            rows[INPUTS] = self._project(x, rows.get(INPUTS))
        places = {place for stage in self.plan.forward.schedule.stages for _, place in stage.stores}
        for place in places:
            kind, _ = place.buffer
            if place.mode == "sequence" and kind != "input" and place.buffer not in rows:
                rows[place.buffer] = self._room(place.buffer, len(x), self.size(place.buffer))
        values = Values(rows, states, given)
        self._run(self.plan.forward.schedule, self._addresses(values), span, backward=False)
        return values

    def _project(self, x: Tensor, room: Tensor | None) -> Tensor:
        room = self._room(INPUTS, len(x), self.inputs) if room is None else room
        return multiply(
            x,
            self.weights["weight_ih"],
            self.weights["bias"] if self.program.biased else None,
            room,
            transposed=True,
        )

    def input_gradient(self, d: Tensor, result: Tensor) -> None:
        """Give the gradient of the input from those of all its projections.

        Args:
            d: what ``backward`` gave, [R, …].
            result: where the gradient goes, [R, M].
        """
        if self.inputs:
            multiply(d, self.weights["weight_ih"], None, result, transposed=False)
        else:
            result.zero_()

    def _addresses(self, values: Values) -> Addresses:
        """Give the rows that each mode finds in each buffer."""
        found: Addresses = {}
        for buffer, tensor in values.rows.items():
            found["sequence", buffer] = _address(tensor)
        if INPUTS in values.rows:
            start, stride, *_ = found["sequence", INPUTS]
            for block, column in self.geometry.columns.items():
                found["sequence", ("input", block)] = (
                    start + column * self.bytes,
                    stride,
                    0,
                    0,
                )
        for name, state in zip(self.program.states, values.states, strict=True):
            rows = values.rows.get(("state", name), state)
            found["previous", ("state", name)] = (
                *_address(rows)[:2],
                *_address(state)[:2],
            )
        for (kind, name), rows in values.given.items():
            found["batch" if kind == "mask" else "sequence", (kind, name)] = _address(rows)
        for (kind, name), block in self.geometry.blocks.items():
            if kind in ("bias", "vector"):
                address = self.weights[block.name].data_ptr() + block.row * self.bytes
                found["shared", (kind, name)] = (address, 0, 0, 0)
        return found

    def backward(
        self,
        x: Tensor,
        values: Values,
        span: Span,
        outer: Mapping[str, Tensor],
        grads: Gradients,
    ) -> Tensor:
        """Run the gradient of a span.

        Args:
            x: its packed input, [R, M].
            values: what its forward run left.
            span: the steps.
            outer: the gradient that comes from outside at each step, packed, [R, N].
            grads: what the results are added to; a weight that is absent is not wanted.

        Returns:
            The gradients of all projections side by side, then of other matmuls, [R, …]; the
            next span overwrites them.
        """
        gradient = self.plan.gradient
        assert gradient is not None
        layout = gradient_rows(self.plan, self.geometry)
        whole = self._room(("gradient", ""), len(x), layout.width)
        for block in gradient.missing:
            column = layout.columns["gradient", f"input.{block}"]
            whole[:, column : column + self.geometry.blocks["input", block].rows] = 0
        rows = self._operand_rows(gradient, values, len(x))
        found = self._addresses(values) | {
            ("sequence", buffer): (
                whole.data_ptr() + column * self.bytes,
                layout.width,
                0,
                0,
            )
            for buffer, column in layout.columns.items()
        }
        found |= {("sequence", buffer): _address(t) for buffer, t in rows.items()}
        found |= {("sequence", ("outer", name)): _address(t) for name, t in outer.items()}
        found |= {("rolling", ("later", n)): _address(t) for n, t in grads.states.items()}
        threads = torch.get_num_threads()
        sums = {
            kind: torch.zeros(threads, self.geometry.blocks[kind].rows, dtype=torch.float64)
            for kind in gradient.sums
        }
        found |= {("summed", ("sum", f"{k}.{b}")): _address(t) for (k, b), t in sums.items()}
        self._run(gradient.schedule, found, span, backward=True)
        self._add_sums(sums, grads)
        self._weight_gradients(
            x, whole, layout, replace(values, rows=values.rows | rows), span, grads
        )
        return whole

    def _add_sums(self, sums: Mapping[tuple[str, str], Tensor], grads: Gradients) -> None:
        """Add up what each thread has summed for each vector."""
        for kind, tensor in sums.items():
            block = self.geometry.blocks[kind]
            if block.name in grads.weights:
                own = grads.weights[block.name][block.row : block.row + block.rows]
                own.add_(tensor.sum(0).to(own.dtype))

    def _operand_rows(self, gradient: Gradient, values: Values, count: int) -> dict[Buffer, Tensor]:
        """Make room for the operands that are computed again."""
        buffers = dict.fromkeys(
            place.buffer for _, place, _ in gradient.products if place.mode == "sequence"
        )
        return {
            buffer: self._room(buffer, count, self._scheduled(gradient.schedule, buffer))
            for buffer in buffers
            if buffer[0] == "operand"
        }

    def _scheduled(self, schedule: Schedule, buffer: Buffer) -> int:
        return self.geometry.sizes[schedule.widths[buffer]]

    def _weight_gradients(
        self,
        x: Tensor,
        whole: Tensor,
        layout: GradientRows,
        values: Values,
        span: Span,
        grads: Gradients,
    ) -> None:
        operands: dict[Place, list[tuple[slice, Tensor]]] = {}
        for product in layout.products:
            block, place = product.block, product.operand
            if block.name not in grads.weights:
                continue
            if place not in operands:
                operands[place] = self._operand(place, values, span)
            target = grads.weights[block.name][block.row : block.row + block.rows]
            d = whole[:, product.column : product.column + block.rows]
            for part, operand in operands[place]:
                add_product(target, d[part], operand)
        own = whole[:, : self.inputs]
        if "weight_ih" in grads.weights:
            add_product(grads.weights["weight_ih"], own, x)
        if self.program.biased and "bias" in grads.weights:
            grads.weights["bias"].add_(own.sum(0))

    def _operand(self, place: Place, values: Values, span: Span) -> list[tuple[slice, Tensor]]:
        if place.mode == "previous":
            state = self.program.states.index(place.buffer[1])
            return span.previous(values.rows[place.buffer], values.states[state])
        kind, block = place.buffer
        if kind == "input":
            column = self.geometry.columns[block]
            width = self.geometry.blocks["input", block].rows
            found = values.rows[INPUTS][:, column : column + width]
        else:
            found = values.rows[place.buffer]
        return [(slice(0, len(found)), found)]

    def _run(self, schedule: Schedule, found: Addresses, span: Span, *, backward: bool) -> None:
        code = code_of(schedule)
        scratch: list[Tensor] = []
        views = []
        for place in code.places:
            key = (place.mode, place.buffer)
            if key not in found:
                units = width = self._scheduled(schedule, place.buffer)
                if place.mode == "moments":
                    width = len(schedule.moments[place]) * (units + PANEL)
                scratch.append(torch.empty(span.layout.rows, width, dtype=self.dtype))
                found[key] = (*_address(scratch[-1])[:3], units)
            views.append((MODES[place.mode], *found[key]))
        direction = -1 if span.layout.reverse else 1
        widths = [self.geometry.sizes[width] for width in code.widths]
        threads, columns = _share(span, widths)
        code.plan.run(
            native.target(),
            self.doubles,
            views,
            [self._weight(block, forward=forward) for block, forward in code.weights],
            widths,
            span.offsets.data_ptr(),
            span.end - span.begin,
            -direction if backward else direction,
            direction,
            threads,
            columns,
        )

    def _weight(self, name: str, *, forward: bool) -> tuple[int, int, int, int, bool]:
        block = self.geometry.blocks["matmul", name]
        weight = self.weights[block.name]
        rows, columns = block.rows, weight.shape[1]
        address = weight.data_ptr() + block.row * columns * self.bytes
        depth, width = (columns, rows) if forward else (rows, columns)
        return address, columns, depth, width, forward


def _share(span: Span, widths: Sequence[int]) -> tuple[int, bool]:
    """How many threads run a span, and whether they share the units of a row."""
    threads = torch.get_num_threads()
    widths = [width for width in widths if width > 1] or [1]
    if threads == 1 or span.active >= _ROWS_FOR_A_THREAD * threads:
        return threads, False
    if min(widths) >= _UNITS_FOR_A_THREAD * threads:
        return threads, True
    return max(1, span.active // _ROWS_FOR_A_THREAD), False


_CODES: WeakKeyDictionary[Schedule, Bytecode] = WeakKeyDictionary()


def code_of(schedule: Schedule) -> Bytecode:
    """Encode a schedule, once.

    Args:
        schedule: the stages of a step.

    Returns:
        The bytecode.
    """
    if schedule not in _CODES:
        _CODES[schedule] = encode(schedule)
    return _CODES[schedule]


def _address(tensor: Tensor) -> Address:
    return tensor.data_ptr(), tensor.stride(0), 0, 0
