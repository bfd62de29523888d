"""The one way to run a cell over time: it picks the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from torch import Tensor

from headgate.errors import ShapeError, UnknownNameError
from headgate.kernels import aten, eager, ragged, reference
from headgate.kernels.protocol import Kernel, Run
from headgate.program.graph import Program

KERNELS: dict[str, Kernel] = {
    "aten": aten.run,
    "eager": eager.run,
    "reference": reference.run,
}
_CHOSEN: ContextVar[str | None] = ContextVar("kernel", default=None)


@contextmanager
def using(kernel: str) -> Iterator[None]:
    """Run every cell inside the block by one kernel, such as "eager" under a debugger.

    Args:
        kernel: a key of ``KERNELS``.

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


def scan(  # noqa: PLR0913 - a run in time is the six things that define it, and a trace
    program: Program,
    x: Tensor,
    weights: Mapping[str, Tensor],
    states: tuple[Tensor, ...],
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
    trace: bool = False,
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

    Returns:
        The outputs in the order of time, the state after the last step that was run, the trace.

    Raises:
        ShapeError: the sequence has no step.
    """
    if x.shape[0] == 0:
        raise ShapeError(f"a sequence has at least one step, but the input is {tuple(x.shape)}")
    if lengths is not None and bool((lengths == x.shape[0]).all()):
        lengths = None
    kernel = partial(KERNELS[_pick(program, trace=trace)], program, trace=trace)

    def dense(piece: Tensor, before: tuple[Tensor, ...]) -> Run:
        return kernel(piece, weights, before)

    x = ragged.flip(x, lengths) if reverse else x
    run = dense(x, states) if lengths is None else ragged.run(dense, x, states, lengths)
    return _flipped(run, lengths) if reverse else run


def _pick(program: Program, *, trace: bool) -> str:
    chosen = _CHOSEN.get()
    if chosen == "aten" and (trace or not aten.serves(program)):
        return "reference"
    return chosen or ("aten" if aten.serves(program) and not trace else "reference")


def _flipped(run: Run, lengths: Tensor | None) -> Run:
    trace = run.trace and {name: ragged.flip(v, lengths) for name, v in run.trace.items()}
    return Run(ragged.flip(run.outputs, lengths), run.states, trace)
