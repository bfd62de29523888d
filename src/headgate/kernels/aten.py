"""torch's own layers, for the programs that are theirs: oneDNN on a CPU, cuDNN on a GPU."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from headgate.equations import equation
from headgate.kernels import reference
from headgate.kernels.protocol import Run
from headgate.program.graph import Program, once
from headgate.program.identity import match
from headgate.program.parameters import split
from headgate.program.trace import trace as trace_equation

Layer = Callable[..., Any]
_FORMS: dict[str, tuple[Layer, str, dict[str, Any]]] = {
    "lstm": (torch.lstm, "lstm", {}),
    "lstm with projection": (torch.lstm, "lstm", {"projection": 1}),
    "gru": (torch.gru, "gru", {}),
    "rnn_tanh": (torch.rnn_tanh, "rnn", {}),
    "rnn_relu": (torch.rnn_relu, "rnn", {"activation": "relu"}),
}


@lru_cache(maxsize=2)
def _models(bias: bool) -> list[tuple[Layer, Program]]:
    return [
        (layer, trace_equation(equation(cell, **options), bias=bias))
        for layer, cell, options in _FORMS.values()
    ]


@once
def _find(program: Program) -> tuple[Layer, Program, dict[str, str]] | None:
    for layer, model in _models(program.biased):
        blocks = match(program, model)
        if blocks is not None:
            return layer, model, blocks
    return None


def serves(program: Program) -> bool:
    """Tell whether torch has a layer that computes a program.

    Args:
        program: the cell.

    Returns:
        Whether ``run`` can run it.
    """
    return _find(program) is not None


def run(
    program: Program,
    x: Tensor,
    weights: Mapping[str, Tensor],
    states: tuple[Tensor, ...],
    *,
    trace: bool,
    given: Mapping[str, Tensor],
) -> Run:
    """Run a program by torch's layer of the same equations.

    Args:
        program: one that ``serves`` says yes to.
        x: the input, [T, B, M].
        weights: the parameters by name.
        states: the state before the first step, each [B, N].
        trace: must be False: torch's layers keep their gates to themselves.
        given: must be empty: torch's layers have no modifiers.

    Returns:
        The outputs and the last state.

    Raises:
        RuntimeError: the program is not torch's, or a trace was asked for.
    """
    found = _find(program)
    if found is None or trace:
        raise RuntimeError("torch has no layer for this program, or none that shows its gates")
    layer, model, blocks = found
    if "project" in model.blocks("matmul") and states[0].shape == states[1].shape:
        # torch sees a projection by its width alone, and this one is as wide as the cell
        return reference.run(program, x, weights, states, trace=False, given={})
    if layer is torch.lstm and x.device.type == "cpu" and not _takes_autocast():
        return reference.run(program, x, weights, states, trace=False, given={})
    flat = _flat_weights(model, blocks, split(program, weights), x)
    # cuDNN takes no strides: a learned state is one row, shown to every row
    before = tuple(state[None].contiguous() for state in states)
    hidden = before[0] if len(before) == 1 else before
    # cuDNN keeps what a gradient needs only when it trains; there is no dropout to switch on
    training = torch.is_grad_enabled()
    with _quiet(x.is_cuda):
        outputs, *after = layer(x, hidden, flat, program.biased, 1, 0.0, training, False, False)
    return Run(outputs, tuple(state[0] for state in after))


def _takes_autocast() -> bool:
    """Whether oneDNN, which torch calls for an LSTM under autocast, knows this processor."""
    half = torch.is_autocast_enabled("cpu")
    return not half or torch.ops.mkldnn._is_mkldnn_bf16_supported()


@contextmanager
def _quiet(cuda: bool) -> Iterator[None]:
    """Keep back cuDNN's remark that weights lie apart: they are put together at every call."""
    if not cuda:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single")
        yield


def _flat_weights(
    model: Program, blocks: dict[str, str], parts: dict[tuple[str, str], Tensor], x: Tensor
) -> list[Tensor]:
    """The weights in torch's order: input, recurrent, their biases, projection."""
    order = model.blocks("input")
    flat = [torch.cat([parts[kind, blocks[b]] for b in order]) for kind in ("input", "matmul")]
    if model.biased:
        biases = [parts["input_bias", blocks[b]] for b in order]
        own = model.blocks("bias")
        zero = torch.zeros_like(biases[0])
        flat.append(torch.cat(biases))
        flat.append(torch.cat([parts["bias", blocks[b]] if b in own else zero for b in order]))
    if "project" in model.blocks("matmul"):
        flat.append(parts["matmul", blocks["project"]])
    return flat
