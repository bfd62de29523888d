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
from torch.utils._python_dispatch import _get_current_dispatch_mode

from headgate.errors import ShapeError, UnknownNameError
from headgate.kernels import aten, cpu, eager, operator, ragged, reference
from headgate.kernels.protocol import Kernel, Run
from headgate.program.graph import Program, constant
from headgate.program.portable import rebuilt

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
    given: Mapping[str, Tensor] | None = None,
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
        given: what the program reads beside its input: by "noise.STATE" for each step, row and
            unit, [T, B, N]; by "mask.STATE" for each row and unit, [B, N]; by "mark.NAME" for
            each step and row, [T, B, 1].

    Returns:
        The outputs in the order of time, the state after the last step that was run, the trace.

    Raises:
        ShapeError: the sequence has no step.
    """
    if x.shape[0] == 0:
        raise ShapeError(f"a sequence has at least one step, but the input is {tuple(x.shape)}")
    wish = _wish()
    wishes: dict[str, Any] = {"reverse": reverse, "trace": trace, "given": given or {}}
    if torch.compiler.is_compiling() and (
        wish in (None, "native") or torch.compiler.is_dynamo_compiling()
    ):
        kernel = "reference" if wish == "eager" else wish or "native"
        wishes |= {"lengths": lengths, "checkpoint": checkpoint, "kernel": kernel}
        return operator.run(program, x, weights, states, **wishes)
    if lengths is not None and not torch.compiler.is_compiling():
        lengths = None if bool((lengths == x.shape[0]).all()) else lengths
    wishes["lengths"] = lengths
    tensors = (x, *states, *weights.values(), *wishes["given"].values())
    kernel = _pick(wish, program, tensors, trace=trace)
    if kernel == "native":
        return cpu.run(program, x, weights, states, checkpoint=checkpoint, **wishes)
    return ragged.over(STEPPED[kernel], program, x, weights, states, **wishes)


def _pick(wish: str | None, program: Program, tensors: tuple[Tensor, ...], *, trace: bool) -> str:
    if wish in ("eager", "reference"):
        plain = program.equation.step is not rebuilt
        return wish if plain else "reference"
    if torch.compiler.is_compiling() or _transformed(tensors):
        return "reference"
    if wish != "aten" and cpu.serves(program, *tensors):
        return "native"
    return "aten" if aten.serves(program) and not trace else "reference"


def prefers(kernel: str, tensors: tuple[Tensor, ...]) -> bool:
    """Tell whether a kernel is free to run on some tensors.

    Args:
        kernel: one of ``KERNELS``.
        tensors: all that takes part.

    Returns:
        Whether ``using`` asks for no other, and torch does not follow each operation.
    """
    free = not torch.compiler.is_compiling() and _wish() in (None, kernel)
    return free and not _transformed(tensors)


@constant
def _wish() -> str | None:
    """The kernel that ``using`` asks for; a compiler asks once, when it makes its graph."""
    return _CHOSEN.get()


def _transformed(tensors: tuple[Tensor, ...]) -> bool:
    """Whether torch follows each operation: under torch.func, a trace, or in forward mode."""
    if torch._C._are_functorch_transforms_active() or torch._C._get_tracing_state():
        return True
    if _get_current_dispatch_mode() is not None:
        return True
    if any(type(tensor) not in (Tensor, Parameter) for tensor in tensors):
        return True
    if any(tensor._is_zerotensor() for tensor in tensors):
        return True  # zeros without memory, which torch.nn's own layers read, too
    return any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in tensors)
