"""The one way to run a cell over time: it picks the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import Parameter

from headgate.errors import ShapeError, UnknownNameError
from headgate.kernels import aten, cpu, eager, ragged, reference
from headgate.kernels.protocol import Kernel, Run
from headgate.program.graph import Program

STEPPED: dict[str, Kernel] = {
    "aten": aten.run,
    "eager": eager.run,
    "reference": reference.run,
}
KERNELS = ("native", *STEPPED)
_CHOSEN: ContextVar[str | None] = ContextVar("kernel", default=None)


@contextmanager
def using(kernel: str) -> Iterator[None]:
    """Run every cell inside the block by one kernel, such as "eager" under a debugger.

    Args:
        kernel: one of ``KERNELS``; where it cannot run a cell, the next best does.

    Yields:
        Nothing.

    Raises:
        UnknownNameError: no kernel has that name.
    """
    if kernel not in KERNELS:
        raise UnknownNameError("kernel", kernel, KERNELS)
    token = _CHOSEN.set(kernel)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def scan(  # noqa: PLR0913 - a run in time is the things that define it
    program: Program,
    x: Tensor,
    weights: Mapping[str, Tensor],
    states: tuple[Tensor, ...],
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
    trace: bool = False,
    checkpoint: bool = False,
) -> Run:
    """Run a cell over time.

    Args:
        program: the cell.
        x: the input, [T, B, M].
        weights: the parameters by name, as ``parameters`` lists them.
        states: the state before the first step, each [B, N].
        lengths: the steps of each row, [B], on the CPU; all T where None.
        reverse: run from each row's last step to its first.
        trace: whether to keep every gate and state.
        checkpoint: keep √T states for the gradient and compute the others again, where the
            native kernel runs; the other kernels keep everything.

    Returns:
        The outputs in the order of time, the state after the last step that was run, the trace.

    Raises:
        ShapeError: the sequence has no step.
    """
    if x.shape[0] == 0:
        raise ShapeError(f"a sequence has at least one step, but the input is {tuple(x.shape)}")
    if lengths is not None and bool((lengths == x.shape[0]).all()):
        lengths = None
    kernel = _pick(program, (x, *states, *weights.values()), trace=trace)
    wishes: dict[str, Any] = {"lengths": lengths, "reverse": reverse, "trace": trace}
    if kernel == "native":
        return cpu.run(program, x, weights, states, checkpoint=checkpoint, **wishes)
    return ragged.over(STEPPED[kernel], program, x, weights, states, **wishes)


def _pick(program: Program, tensors: tuple[Tensor, ...], *, trace: bool) -> str:
    chosen = _CHOSEN.get()
    if chosen in ("eager", "reference"):
        return chosen
    # under a compiler neither can be asked, nor would the native kernel be traced
    if not torch.compiler.is_compiling():
        if _transformed(tensors):
            return "reference"
        if chosen != "aten" and cpu.serves(program, *tensors):
            return "native"
    return "aten" if aten.serves(program) and not trace else "reference"


def _transformed(tensors: tuple[Tensor, ...]) -> bool:
    """Whether torch follows each operation: under torch.func, or in forward mode."""
    if torch._C._are_functorch_transforms_active():
        return True
    if any(type(tensor) not in (Tensor, Parameter) for tensor in tensors):
        return True
    return any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in tensors)
