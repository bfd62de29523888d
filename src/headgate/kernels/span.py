"""A span of steps run natively, forward and backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from headgate.kernels import native
from headgate.kernels.bytecode import Bytecode, encode
from headgate.kernels.layout import Span
from headgate.program.graph import Node, Program
from headgate.program.parameters import parameters, split
from headgate.program.plan import Plan
from headgate.program.schedule import Place, Schedule

Buffer = tuple[str, str]
Address = tuple[int, int]  # of the first number, and from row to row

_MODES = {"sequence": 0, "previous": 1, "rolling": 2, "shared": 3, "summed": 4}
_ROWS_FOR_A_THREAD = 4  # with fewer, threads share the units of each row
_UNITS_FOR_A_THREAD = 64
_CODES: WeakKeyDictionary[Schedule, Bytecode] = WeakKeyDictionary()


@dataclass
class Values:
    """What a run of a span leaves.

    Args:
        rows: the packed rows of each buffer, [R, N].
        states: the states before the span, each [B, N].
    """

    rows: dict[Buffer, Tensor]
    states: tuple[Tensor, ...]


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
    blocks: dict[tuple[str, str], Tensor] = field(default_factory=dict)


class Runner:
    """A plan with the weights of a layer.

    Args:
        plan: the plan.
        weights: the parameters by name, contiguous.
    """

    def __init__(self, plan: Plan, weights: Mapping[str, Tensor]) -> None:
        self.plan, self.weights = plan, weights
        self.program: Program = plan.program
        self.blocks = split(self.program, weights)
        sample = next(iter(weights.values()))
        self.dtype = sample.dtype
        self.doubles = self.dtype == torch.float64
        self.sizes = self._sizes()

    def _sizes(self) -> dict[str, int]:
        """The number of units of each width."""
        sizes: dict[str, int] = dict(self.program.equation.sizes)
        for name, parameter in parameters(self.program).items():
            for width, block in zip(parameter.rows, parameter.blocks, strict=True):
                kind = _kind(name, parameter.columns)
                sizes.setdefault(width, self.blocks[kind, block].shape[0])
        return sizes

    def size(self, buffer: Buffer) -> int:
        """Give the units of a buffer."""
        return self.sizes[self.plan.widths[buffer]]

    def forward(
        self, x: Tensor, states: tuple[Tensor, ...], span: Span, given: Mapping[Buffer, Tensor]
    ) -> Values:
        """Run the steps of a span.

        Args:
            x: its packed input, [R, M].
            states: the states before it, each [B, N].
            span: the steps.
            given: memory for some of the buffers.

        Returns:
            Every buffer.
        """
        rows = dict(given)
        rows |= self._project(x)
        places = {place for stage in self.plan.forward.schedule.stages for _, place in stage.stores}
        for place in places:
            if place.mode == "sequence" and place.buffer not in rows:
                rows[place.buffer] = torch.empty(len(x), self.size(place.buffer), dtype=self.dtype)
        values = Values(rows, states)
        self._run(self.plan.forward.schedule, self._addresses(values), span, backward=False)
        return values

    def _project(self, x: Tensor) -> dict[Buffer, Tensor]:
        blocks = self.program.blocks("input")
        if not blocks:
            return {}
        weight, bias = self.weights["weight_ih"], self.weights.get("bias")
        whole = torch.empty(len(x), len(weight), dtype=self.dtype)
        native.project(
            self.doubles,
            x.data_ptr(),
            x.stride(0),
            (weight.data_ptr(), weight.stride(0), weight.shape[1], weight.shape[0], True),
            0 if bias is None else bias.data_ptr(),
            whole.data_ptr(),
            whole.stride(0),
            len(x),
            torch.get_num_threads(),
        )
        parts = whole.split([self.size(("input", block)) for block in blocks], 1)
        return {("input", block): part for block, part in zip(blocks, parts, strict=True)}

    def _addresses(self, values: Values) -> dict[tuple[str, Buffer], tuple[int, ...]]:
        """Give the rows that each mode finds in each buffer."""
        found: dict[tuple[str, Buffer], tuple[int, ...]] = {}
        for buffer, tensor in values.rows.items():
            found["sequence", buffer] = (*_address(tensor), 0, 0)
        for name, state in zip(self.program.states, values.states, strict=True):
            rows = values.rows.get(("state", name), state)
            found["previous", ("state", name)] = (*_address(rows), *_address(state))
        for (kind, block), tensor in self.blocks.items():
            if kind in ("bias", "vector"):
                found["shared", (kind, block)] = (tensor.data_ptr(), 0, 0, 0)
        return found

    def backward(
        self,
        x: Tensor,
        values: Values,
        span: Span,
        outer: Mapping[str, Tensor],
        grads: Gradients,
        *,
        wants_input: bool,
    ) -> Tensor | None:
        """Run the gradient of a span.

        Args:
            x: its packed input, [R, M].
            values: what its forward run left.
            span: the steps.
            outer: the gradient that comes from outside at each step, packed, [R, N].
            grads: what the results are added to.
            wants_input: whether the gradient of x is wanted.

        Returns:
            The gradient of x, [R, M], if wanted.
        """
        gradient = self.plan.gradient
        assert gradient is not None
        whole, columns = self._gradient_rows(len(x))
        found = self._addresses(values)
        rows = {buffer: whole[:, part] for buffer, part in columns.items()}
        for place in dict.fromkeys(place for _, place, _ in gradient.products):
            if place.mode == "sequence" and place.buffer not in values.rows:
                width = self.sizes[gradient.schedule.widths[place.buffer]]
                rows[place.buffer] = torch.empty(len(x), width, dtype=self.dtype)
        rows |= {("outer", name): tensor for name, tensor in outer.items()}
        found |= {("sequence", buffer): (*_address(t), 0, 0) for buffer, t in rows.items()}
        for name, tensor in grads.states.items():
            found["rolling", ("later", name)] = (*_address(tensor), 0, 0)
        threads = torch.get_num_threads()
        sums = {
            kind: torch.zeros(threads, len(self.blocks[kind]), dtype=self.dtype)
            for kind in gradient.sums
        }
        for (kind, block), tensor in sums.items():
            found["summed", ("sum", f"{kind}.{block}")] = (*_address(tensor), 0, 0)
        self._run(gradient.schedule, found, span, backward=True)
        for kind, tensor in sums.items():
            grads.blocks[kind].add_(tensor.sum(0))
        self._weight_gradients(values, rows, span, grads)
        return self._input_gradient(x, whole, grads, wants_input=wants_input)

    def _gradient_rows(self, count: int) -> tuple[Tensor, dict[Buffer, slice]]:
        """Make one matrix for the gradients of all projections, then of other matmuls."""
        gradient = self.plan.gradient
        assert gradient is not None
        columns: dict[Buffer, slice] = {}
        buffers = [("gradient", f"input.{block}") for block in self.program.blocks("input")]
        buffers += [place.buffer for _, _, place in gradient.products]
        end = 0
        for buffer in dict.fromkeys(buffers):
            kind, _, block = buffer[1].partition(".")
            missing = kind == "input" and block in gradient.missing
            width = ("input", block) if missing else None
            size = self.size(width) if width else self.sizes[gradient.schedule.widths[buffer]]
            columns[buffer] = slice(end, end + size)
            end += size
        make = torch.zeros if gradient.missing else torch.empty
        return make(count, end, dtype=self.dtype), columns

    def _weight_gradients(
        self, values: Values, rows: Mapping[Buffer, Tensor], span: Span, grads: Gradients
    ) -> None:
        gradient = self.plan.gradient
        assert gradient is not None
        places = dict.fromkeys(place for _, place, _ in gradient.products)
        operands = {place: self._operand(place, values, rows, span) for place in places}
        for block, d, place in _adjacent(gradient.products, grads.blocks, rows):
            for part, operand in operands[place]:
                block.addmm_(d[part].t(), operand)

    def _operand(
        self, place: Place, values: Values, rows: Mapping[Buffer, Tensor], span: Span
    ) -> list[tuple[slice, Tensor]]:
        if place.mode == "previous":
            name = place.buffer[1]
            before = values.states[self.program.states.index(name)][: span.active]
            full = values.states[self.program.states.index(name)]
            before = full if span.layout.order is not None else before
            return span.previous(values.rows["state", name], before)
        found = rows[place.buffer] if place.buffer in rows else values.rows[place.buffer]
        return [(slice(0, len(found)), found)]

    def _input_gradient(
        self, x: Tensor, whole: Tensor, grads: Gradients, *, wants_input: bool
    ) -> Tensor | None:
        if "weight_ih" not in self.weights:
            return torch.zeros_like(x) if wants_input else None
        weight = self.weights["weight_ih"]
        own = whole[:, : len(weight)]
        grads.weights["weight_ih"].addmm_(own.t(), x)
        if "bias" in grads.weights:
            grads.weights["bias"].add_(own.sum(0))
        return own @ weight if wants_input else None

    def _run(
        self,
        schedule: Schedule,
        found: dict[tuple[str, Buffer], tuple[int, ...]],
        span: Span,
        *,
        backward: bool,
    ) -> None:
        code = code_of(schedule)
        scratch: list[Tensor] = []
        views = []
        for place in code.places:
            key = (place.mode, place.buffer)
            if key not in found:
                width = self.sizes[schedule.widths[place.buffer]]
                scratch.append(torch.empty(span.layout.rows, width, dtype=self.dtype))
                found[key] = (*_address(scratch[-1]), 0, 0)
            views.append((_MODES[place.mode], *found[key]))
        direction = -1 if span.layout.reverse else 1
        threads, columns = self._share(span, [self.sizes[width] for width in code.widths])
        code.plan.run(
            native.target(),
            self.doubles,
            views,
            [self._weight(block, forward=forward) for block, forward in code.weights],
            [self.sizes[width] for width in code.widths],
            span.offsets.data_ptr(),
            span.end - span.begin,
            -direction if backward else direction,
            direction,
            threads,
            columns,
        )

    def _weight(self, block: str, *, forward: bool) -> tuple[int, int, int, int, bool]:
        weight = self.blocks["matmul", block]
        depth, width = weight.shape[::-1] if forward else weight.shape
        return weight.data_ptr(), weight.stride(0), depth, width, forward

    def _share(self, span: Span, widths: Sequence[int]) -> tuple[int, bool]:
        threads = torch.get_num_threads()
        if threads == 1 or span.active >= _ROWS_FOR_A_THREAD * threads:
            return threads, False
        columns = min(widths) >= _UNITS_FOR_A_THREAD * threads
        return (threads, True) if columns else (max(1, span.active // _ROWS_FOR_A_THREAD), False)


def code_of(schedule: Schedule) -> Bytecode:
    """Encode a schedule once."""
    if schedule not in _CODES:
        _CODES[schedule] = encode(schedule)
    return _CODES[schedule]


def _kind(name: str, columns: str | None) -> str:
    if name.startswith("weight_"):
        return "input" if columns == "input" else "matmul"
    return "input_bias" if name == "bias" else name.partition("_")[0]


def _address(tensor: Tensor) -> Address:
    return tensor.data_ptr(), tensor.stride(0)


def _adjacent(
    products: Sequence[tuple[Node, Place, Place]],
    blocks: Mapping[tuple[str, str], Tensor],
    rows: Mapping[Buffer, Tensor],
) -> list[tuple[Tensor, Tensor, Place]]:
    """Join products whose blocks and gradients lie side by side: one large matmul is faster."""
    runs: list[tuple[Tensor, Tensor, Place]] = []
    for node, place, target in products:
        block, d = blocks["matmul", node.block], rows[target.buffer]
        if runs:
            joined = _join(runs[-1], block, d, place)
            if joined is not None:
                runs[-1] = joined
                continue
        runs.append((block, d, place))
    return runs


def _join(
    run: tuple[Tensor, Tensor, Place], block: Tensor, d: Tensor, place: Place
) -> tuple[Tensor, Tensor, Place] | None:
    first, before, operand = run
    below = first.data_ptr() + first.element_size() * first.stride(0) * len(first)
    beside = before.data_ptr() + before.element_size() * before.shape[1]
    if operand != place or below != block.data_ptr() or beside != d.data_ptr():
        return None
    if first.shape[1] != block.shape[1]:
        return None
    height, width = len(first) + len(block), before.shape[1] + d.shape[1]
    return (
        first.as_strided((height, first.shape[1]), first.stride()),
        before.as_strided((len(before), width), before.stride()),
        place,
    )
