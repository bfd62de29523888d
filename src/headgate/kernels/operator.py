"""A run over time as one opaque operator of torch, for the graphs of a compiler or an exporter.

A compiler follows torch's operations, and a run of ours is none that it knows. In its graph stands
``headgate::scan`` instead, with the program as text; when the graph runs, that picks the kernel.
Its gradient is ``headgate::scan_backward``, which keeps nothing but the inputs and runs the program
again. A graph that was saved finds both once headgate is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from headgate.errors import HeadgateError, ShapeError
from headgate.kernels import aten, cpu, ragged, reference
from headgate.kernels.geometry import geometry
from headgate.kernels.protocol import Run
from headgate.program.graph import GIVEN, Program, once
from headgate.program.parameters import names_of
from headgate.program.portable import from_text, to_text
from headgate.program.sizes import widths

_INPUTS = (
    "str program, Tensor x, Tensor[] states, Tensor[] weights, Tensor[] given, Tensor? lengths, "
    "bool reverse, bool trace, bool checkpoint, str kernel"
)
_TAGS = (torch.Tag.pt2_compliant_tag,)

torch.library.define("headgate::scan", f"({_INPUTS}) -> Tensor[]", tags=_TAGS)
torch.library.define(
    "headgate::scan_backward",
    f"({_INPUTS}, Tensor?[] grads, bool[] wanted) -> Tensor[]",
    tags=_TAGS,
)


def run(  # noqa: PLR0913 - a run in time is the things that define it
    program: Program,
    x: Tensor,
    weights: Mapping[str, Tensor],
    states: tuple[Tensor, ...],
    *,
    lengths: Tensor | None,
    reverse: bool,
    trace: bool,
    checkpoint: bool,
    given: Mapping[str, Tensor],
    kernel: str,
) -> Run:
    """Put a run over time into the graph; see ``scan`` for the arguments.

    Args:
        program: the cell.
        x: the input, [T, B, M].
        weights: the parameters by name.
        states: the state before the first step, each [B, N].
        lengths: the steps of each row, [B]; they are looked at when the graph runs.
        reverse: run from each row's last step to its first.
        trace: whether to keep every named value.
        checkpoint: keep √T states for the gradient and compute the rest again.
        given: what the program reads beside its input.
        kernel: "aten" or "reference"; any other is the best that there is when the graph runs.

    Returns:
        The outputs, the last state and the trace, in the dtype of the weights: autocast casts
        what it knows, and of a run it knows nothing.
    """
    dtype = next(iter(weights.values())).dtype if weights else x.dtype
    found = torch.ops.headgate.scan(
        to_text(program),
        x.to(dtype),
        [state.to(dtype) for state in states],
        [weights[name] for name in names_of(program)],
        [given[name].to(dtype) for name in _reads(program)],
        lengths,
        reverse,
        trace,
        checkpoint,
        kernel,
    )
    count = len(program.states)
    outputs, last, series = found[0], tuple(found[1 : 1 + count]), found[1 + count :]
    if not trace:
        return Run(outputs, last)
    kept = dict(zip(_series(program), (outputs, *series), strict=True))
    return Run(outputs, last, {name: kept[source] for name, source in _sources(program)})


@once
def _reads(program: Program) -> tuple[str, ...]:
    """What the program is given, by name."""
    names = (f"{node.op}.{node.block}" for node in program.nodes if node.op in GIVEN)
    return tuple(dict.fromkeys(names))


@once
def _sources(program: Program) -> tuple[tuple[str, str], ...]:
    """For each name of the trace the state that it is, or the name itself."""
    state = dict(zip(reversed(program.results), reversed(program.states), strict=True))
    own = [(name, state.get(node, name)) for name, node in program.names.items()]
    return *own, *((name, name) for name in program.states if name not in program.names)


@once
def _series(program: Program) -> tuple[str, ...]:
    """What comes out at every step with a trace: the states, and each other value once."""
    own = (source for _, source in _sources(program))
    return tuple(dict.fromkeys((*program.states, *own)))


class _Call:
    """The arguments of the operator, by name again."""

    def __init__(self, text: str, *arguments: Any) -> None:
        self.program = from_text(text)
        self.x, states, weights, given, self.lengths, *flags = arguments
        self.states = tuple(states)
        self.weights = dict(zip(names_of(self.program), weights, strict=True))
        self.given = dict(zip(_reads(self.program), given, strict=True))
        self.reverse, self.trace, self.checkpoint, self.kernel = flags

    @property
    def tensors(self) -> list[Tensor]:
        """What has a gradient: the input, the states, the weights."""
        return [self.x, *self.states, *self.weights.values()]

    def run(self) -> list[Tensor]:
        """Run it by the best kernel that can, or the one that was asked for."""
        self.check_lengths()
        wishes: dict[str, Any] = {"lengths": self.lengths, "reverse": self.reverse}
        wishes |= {"trace": self.trace, "given": self.given}
        arguments = (self.program, self.x, self.weights, self.states)
        asked = self.kernel in ("aten", "reference")
        if not asked and cpu.serves(self.program, *self.tensors):
            found = cpu.run(*arguments, checkpoint=self.checkpoint, **wishes)
        elif self.kernel != "reference" and aten.serves(self.program) and not self.trace:
            found = ragged.over(aten.run, *arguments, **wishes)
        else:
            found = ragged.over(reference.run, *arguments, **wishes)
        series = _series(self.program)[1:] if self.trace else ()
        return [found.outputs, *found.states, *((found.trace or {})[name] for name in series)]

    def check_lengths(self) -> None:
        """Check the values, which nobody could while the graph was made."""
        if self.lengths is None:
            return
        steps = self.x.shape[0]
        wrong = self.lengths[(self.lengths < 0) | (self.lengths > steps)]
        if len(wrong):
            raise ShapeError(
                f"a length is from 0 to the {steps} steps of the input, not {int(wrong[0])}"
            )
        if bool((self.lengths == steps).all()):
            self.lengths = None


@torch.library.impl("headgate::scan", "CompositeExplicitAutograd")
def _scan(*arguments: Any) -> list[Tensor]:
    call = _Call(*arguments)
    taken: set[int] = {tensor.data_ptr() for tensor in call.tensors}
    results = []
    for tensor in call.run():
        # a new tensor for each: an operator gives back nothing that it was given
        fresh = tensor.detach().contiguous()
        fresh = fresh.clone() if fresh.data_ptr() in taken else fresh
        taken.add(fresh.data_ptr())
        results.append(fresh)
    return results


@torch.library.register_fake("headgate::scan")
def _scan_fake(*arguments: Any) -> list[Tensor]:
    call = _Call(*arguments)
    steps, rows = call.x.shape[:2]
    outputs = call.x.new_empty(steps, rows, call.states[0].shape[1])
    last = [torch.empty_like(s, memory_format=torch.contiguous_format) for s in call.states]
    if not call.trace:
        return [outputs, *last]
    sizes = dict(zip(call.program.states, (s.shape[1] for s in call.states), strict=True))
    found = geometry(call.program, tuple(len(weight) for weight in call.weights.values())).sizes
    width = widths(call.program)
    sizes |= {n: found[width[node]] for n, node in call.program.names.items() if n not in sizes}
    series = [outputs.new_empty(steps, rows, sizes[n]) for n in _series(call.program)[1:]]
    return [outputs, *last, *series]


@torch.library.impl("headgate::scan_backward", "CompositeExplicitAutograd")
def _scan_backward(*arguments: Any) -> list[Tensor]:
    *inputs, grads, wanted = arguments
    call = _Call(*inputs)
    leaves = [t.detach().requires_grad_(want) for t, want in zip(call.tensors, wanted, strict=True)]
    count = len(call.states)
    call.x, call.states = leaves[0], tuple(leaves[1 : 1 + count])
    call.weights = dict(zip(call.weights, leaves[1 + count :], strict=True))
    with torch.enable_grad():
        results = call.run()
    pairs = [
        (r, g) for r, g in zip(results, grads, strict=True) if g is not None and r.requires_grad
    ]
    outputs, given = zip(*pairs, strict=True) if pairs else ((), ())
    asked = [leaf for leaf in leaves if leaf.requires_grad]
    found = torch.autograd.grad(outputs, asked, given, allow_unused=True)
    return [_own(g, leaf, grads) for g, leaf in zip(found, asked, strict=True)]


def _own(gradient: Tensor | None, leaf: Tensor, grads: Sequence[Tensor | None]) -> Tensor:
    if gradient is None:
        return torch.zeros_like(leaf, memory_format=torch.contiguous_format)
    shared = any(g is not None and g.data_ptr() == gradient.data_ptr() for g in grads)
    return gradient.clone() if shared else gradient.contiguous()


@torch.library.register_fake("headgate::scan_backward")
def _scan_backward_fake(*arguments: Any) -> list[Tensor]:
    *inputs, _, wanted = arguments
    tensors = zip(_Call(*inputs).tensors, wanted, strict=True)
    return [torch.empty_like(t, memory_format=torch.contiguous_format) for t, w in tensors if w]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    text, x, states, weights, given, lengths, *flags = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, *states, *weights, *given, lengths)
    ctx.text, ctx.flags = text, flags
    ctx.counts = [len(states), len(weights), len(given)]


def _gradient(ctx: Any, grads: list[Tensor | None]) -> tuple[Any, ...]:
    x, *rest, lengths = ctx.saved_tensors
    groups = []
    for count in ctx.counts:
        groups.append(rest[:count])
        rest = rest[count:]
    states, weights, given = groups
    _, want_x, want_states, want_weights, *_ = ctx.needs_input_grad
    wanted = [want_x, *want_states, *want_weights]
    found = iter(
        torch.ops.headgate.scan_backward(
            ctx.text, x, states, weights, given, lengths, *ctx.flags, grads, wanted
        )
    )
    each = [next(found) if want else None for want in wanted]
    parts = each[0], each[1 : 1 + len(states)], each[1 + len(states) :]
    return None, *parts, [None] * len(given), *[None] * 5


torch.library.register_autograd("headgate::scan", _gradient, setup_context=_setup)


def _no_second_gradient(ctx: Any, *grads: Any) -> Any:
    raise HeadgateError(
        "a run over time in a compiled or exported graph has a gradient, but that gradient has "
        "none; take the gradient of the gradient outside of torch.compile and torch.export"
    )


torch.library.register_autograd("headgate::scan_backward", _no_second_gradient)
