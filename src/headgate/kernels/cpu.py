"""The native kernel: any program, forward and backward, on a CPU."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from headgate.kernels import native, ragged, reference
from headgate.kernels.layout import Layout, Span
from headgate.kernels.plain import is_plain
from headgate.kernels.protocol import Run
from headgate.kernels.span import INPUTS, Gradients, Runner, Values
from headgate.program.graph import ROW, Program, once
from headgate.program.parameters import parameters
from headgate.program.plan import Plan, plan, supports
from headgate.program.sizes import widths

_NEAR = 8 * 2**20  # bytes of projections in a span: they stay in the last cache


def serves(program: Program, *tensors: Tensor) -> bool:
    """Tell whether the native kernel can run a program on some tensors.

    Args:
        program: the cell.
        *tensors: all that takes part.

    Returns:
        Whether ``run`` can run it: on a CPU, in float32 or float64, without autocast.
    """
    ours = native.available and not torch.is_autocast_enabled("cpu")
    return ours and is_plain(tensors) and runs(program)


@once
def runs(program: Program) -> bool:
    """Tell whether the native kernel knows all that a program does.

    Args:
        program: the cell.

    Returns:
        Whether it can run it.
    """
    # the rows of the parameters tell how many units each width has
    rows = {width for parameter in parameters(program).values() for width in parameter.rows}
    told = rows | {ROW, *program.equation.sizes}
    return bool(rows) and told.issuperset(widths(program).values()) and supports(program)


def run(  # noqa: PLR0913 - a run in time is the things that define it
    program: Program,
    x: Tensor,
    weights: Mapping[str, Tensor],
    states: tuple[Tensor, ...],
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
    trace: bool = False,
    checkpoint: bool = False,
    given: Mapping[str, Tensor] | None = None,
) -> Run:
    """Run a program over time; see ``scan`` for the arguments.

    Args:
        program: the cell.
        x: the input, [T, B, M].
        weights: the parameters by name.
        states: the state before the first step, each [B, N].
        lengths: the steps of each row, [B].
        reverse: run from each row's last step to its first.
        trace: whether to keep every named value.
        checkpoint: keep √T states for the gradient and compute the rest again.
        given: what the program reads beside its input.

    Returns:
        The outputs, the last state and the trace.
    """
    tensors = (x, *states, *weights.values())
    grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    checkpoint = checkpoint and grad
    given = {name: value.detach() for name, value in (given or {}).items()}
    call = _Call(program, tuple(weights), trace, checkpoint, grad, lengths, reverse, given)
    found = _Scan.apply(call, *tensors)
    count = len(program.states)
    outputs, last, series = found[0], found[1 : 1 + count], found[1 + count :]
    if not trace:
        return Run(outputs, tuple(last))
    traced = dict(zip(call.series, series, strict=True))
    traced[program.states[0]] = outputs
    names = [*program.names, *(s for s in program.states if s not in program.names)]
    return Run(outputs, tuple(last), {name: traced[_source(program, name)] for name in names})


def _source(program: Program, name: str) -> str:
    """The state that a named value is, or the name itself."""
    node = program.names.get(name)
    if node is not None and node in program.results:
        return program.states[program.results.index(node)]
    return name


@dataclass(frozen=True)
class _Call:
    """What a run depends on beside its tensors."""

    program: Program
    names: tuple[str, ...]
    trace: bool
    checkpoint: bool
    grad: bool
    lengths: Tensor | None
    reverse: bool
    given: Mapping[str, Tensor]

    def rows(self, span: Span) -> dict[tuple[str, str], Tensor]:
        """Bring what is given into the order of a span's rows."""
        found: dict[tuple[str, str], Tensor] = {}
        for name, value in self.given.items():
            kind, _, block = name.partition(".")
            whole = kind == "mask"
            found[kind, block] = span.layout.sort(value) if whole else span.pack(value)
        return found

    @property
    def series(self) -> list[str]:
        """What comes out at every step beside the first state: other states and named values."""
        if not self.trace:
            return []
        named = [n for n in self.program.names if _source(self.program, n) == n]
        return [*self.program.states[1:], *named]

    def buffer(self, name: str) -> tuple[str, str]:
        return ("state" if name in self.program.states else "trace", name)

    def layout(self, x: Tensor) -> Layout:
        return Layout.of(*x.shape[:2], lengths=self.lengths, reverse=self.reverse)

    def runner(self, tensors: tuple[Tensor, ...], outer: frozenset[str] = frozenset()) -> Runner:
        weights = tensors[len(self.program.states) :]
        chosen = plan(self.program, grad=self.grad, traced=self.trace, outer=outer)
        whole = (weight.detach().contiguous() for weight in weights)
        return Runner(self.program, chosen, dict(zip(self.names, whole, strict=True)))

    def spans(self, layout: Layout, runner: Runner) -> list[Span]:
        """Cut the steps: for checkpoints, or so that what a span leaves is near when it is used."""
        if self.checkpoint:
            return layout.spans(max(1, math.isqrt(layout.run)))
        size = layout.places[-1] * runner.inputs * runner.bytes
        return layout.spans(max(1, min(layout.run, size // _NEAR)))


class _Scan(torch.autograd.Function):
    """A run over time with the gradient of its program."""

    @staticmethod
    def forward(ctx: Any, call: _Call, x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        layout, runner = call.layout(x), call.runner(tensors)
        states = tuple(layout.sort(s.detach()) for s in tensors[: len(call.program.states)])
        padded = x.detach()
        shown = [call.buffer(name) for name in (call.program.states[0], *call.series)]
        rooms = {buffer: layout.room(runner.size(buffer), like=padded) for buffer in shown}
        for buffer in _kept(call, runner.plan):
            if buffer not in rooms:
                room = padded.new_empty(layout.places[-1], runner.size(buffer))
                rooms[buffer] = (None, room)
        spans = call.spans(layout, runner)
        starts = [state.new_empty(len(spans) + 1, *state.shape) for state in states]
        for start, state in zip(starts, states, strict=True):
            start[0] = state
        for number, span in enumerate(spans):
            room = {buffer: rows[span.slice] for buffer, (_, rows) in rooms.items()}
            before = tuple(start[number] for start in starts)
            values = runner.forward(span.pack(padded), before, span, room, call.rows(span))
            for name, start in zip(call.program.states, starts, strict=True):
                start[number + 1] = span.last(values.rows["state", name], start[number])
        # what is returned is no view, so that its user may change it in place
        whole = {b: rows if own is None else own for b, (own, rows) in rooms.items()}
        outputs = [layout.pad(whole[b]) if rooms[b][0] is None else whole[b] for b in shown]
        last = [layout.unsort(start[-1].clone()) for start in starts]
        if call.grad:
            # an output is kept as itself: a view of it and the graph would keep each other alive
            ctx.layout = layout
            _save(ctx, call, (x, *tensors), whole, starts)
        return outputs[0], *last, *outputs[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            return None, *_by_reference(ctx, grads)
        return None, *_Backward(ctx, grads).run()


def _kept(call: _Call, chosen: Plan) -> set[tuple[str, str]]:
    """The buffers that the gradient needs; with checkpoints none, as they are computed again."""
    if not call.grad or call.checkpoint:
        return set()
    kept = {place.buffer for place in chosen.forward.kept.values()}
    # the projections are one tensor, in which kept values have taken the places of some
    inputs = {INPUTS} if any(kind == "input" for kind, _ in kept) else set()
    states = {("state", name) for name in call.program.states}
    return {buffer for buffer in kept if buffer[0] != "input"} | inputs | states


def _save(
    ctx: Any,
    call: _Call,
    inputs: tuple[Tensor, ...],
    whole: Mapping[tuple[str, str], Tensor],
    starts: list[Tensor],
) -> None:
    """Keep for the gradient: the inputs; the buffers, or with checkpoints the states alone."""
    kept: dict[Any, Tensor] = {}
    if call.checkpoint:
        kept |= dict(zip(call.program.states, starts, strict=True))
    else:
        wanted = _kept(call, plan(call.program, grad=True, traced=call.trace))
        kept |= {buffer: whole[buffer] for buffer in wanted}
    ctx.call, ctx.keys, ctx.inputs = call, list(kept), len(inputs)
    ctx.save_for_backward(*inputs, *kept.values())


class _Backward:
    """The gradient of one run."""

    def __init__(self, ctx: Any, grads: tuple[Tensor | None, ...]) -> None:
        self.call: _Call = ctx.call
        saved = ctx.saved_tensors
        self.x, *tensors = saved[: ctx.inputs]
        self.wanted = ctx.needs_input_grad[1:]
        self.kept = dict(zip(ctx.keys, saved[ctx.inputs :], strict=True))
        self.layout: Layout = ctx.layout
        names = self.call.program.states
        series = [names[0], *self.call.series]
        given = dict(zip(series, (grads[0], *grads[1 + len(names) :]), strict=True))
        seeds = {name if name in names else f"trace.{name}": grad for name, grad in given.items()}
        self.outer = self._outer(seeds)
        self.runner = self.call.runner(tuple(tensors), frozenset(self.outer))
        self.states = tuple(self.layout.sort(state.detach()) for state in tensors[: len(names)])
        last = zip(names, self.states, grads[1 : 1 + len(names)], strict=True)
        wanted = zip(self.runner.weights.items(), self.wanted[1 + len(names) :], strict=True)
        self.grads = Gradients(
            {name: torch.zeros_like(weight) for (name, weight), want in wanted if want},
            {name: self._later(state, grad) for name, state, grad in last},
        )

    def _outer(self, seeds: Mapping[str, Tensor | None]) -> dict[str, Tensor | None]:
        """Each state with a gradient, and all named values or none: None stands for zeros."""
        found: dict[str, Tensor | None] = {n: g for n, g in seeds.items() if g is not None}
        traced = any(name not in self.call.program.states for name in found)
        named = {n: g for n, g in seeds.items() if n not in self.call.program.states}
        return found | named if traced else found

    def _packed(self, name: str, grad: Tensor | None, span: Span) -> Tensor:
        if grad is not None:
            return span.pack(grad)
        size = self.runner.size(("trace", name.removeprefix("trace.")))
        return self.x.new_zeros(span.slice.stop - span.slice.start, size)

    def _later(self, state: Tensor, grad: Tensor | None) -> Tensor:
        return torch.zeros_like(state) if grad is None else self.layout.sort(grad).clone()

    def run(self) -> list[Tensor | None]:
        padded, rows = self.layout.room(self.x.shape[2], like=self.x)
        for number, span in reversed(list(enumerate(self.call.spans(self.layout, self.runner)))):
            packed = span.pack(self.x.detach())
            values = self._values(number, span, packed)
            outer = {name: self._packed(name, grad, span) for name, grad in self.outer.items()}
            d = self.runner.backward(packed, values, span, outer, self.grads)
            if self.wanted[0]:
                self.runner.input_gradient(d, rows[span.slice])
        x = self.layout.pad(rows) if padded is None else padded
        states = [self.layout.unsort(grad) for grad in self.grads.states.values()]
        weights = [self.grads.weights.get(name) for name in self.call.names]
        found = [x, *states, *weights]
        return [grad if want else None for grad, want in zip(found, self.wanted, strict=True)]

    def _values(self, number: int, span: Span, packed: Tensor) -> Values:
        """What the forward run left, or leaves when it is run again from a checkpoint."""
        if not self.call.checkpoint:
            return self._kept(span)
        before = tuple(self.kept[state][number] for state in self.call.program.states)
        return self.runner.forward(packed, before, span, {}, self.call.rows(span))

    def _kept(self, span: Span) -> Values:
        flat = {b: rows.view(-1, rows.shape[-1]) for b, rows in self.kept.items()}
        states = zip(self.call.program.states, self.states, strict=True)
        before = tuple(span.before(flat["state", name], state) for name, state in states)
        rows = {b: rows[span.slice] for b, rows in flat.items()}
        return Values(rows, before, self.call.rows(span))


def _by_reference(ctx: Any, grads: tuple[Tensor | None, ...]) -> list[Tensor | None]:
    """The gradient as torch's own operations, for who wants the gradient of the gradient."""
    call: _Call = ctx.call
    x, *tensors = ctx.saved_tensors[: ctx.inputs]
    count = len(call.program.states)
    weights = dict(zip(call.names, tensors[count:], strict=True))
    found = ragged.over(
        reference.run,
        call.program,
        x,
        weights,
        tuple(tensors[:count]),
        lengths=call.lengths,
        reverse=call.reverse,
        trace=call.trace,
        given=call.given,
    )
    series = [(found.trace or {})[name] for name in call.series]
    outputs = (found.outputs, *found.states, *series)
    pairs = [
        (o, g) for o, g in zip(outputs, grads, strict=True) if g is not None and o.requires_grad
    ]
    wanted = [t for t, want in zip((x, *tensors), ctx.needs_input_grad[1:], strict=True) if want]
    given = torch.autograd.grad(
        [output for output, _ in pairs],
        wanted,
        [grad for _, grad in pairs],
        create_graph=True,
        allow_unused=True,
    )
    each = iter(given)
    return [next(each) if want else None for want in ctx.needs_input_grad[1:]]
