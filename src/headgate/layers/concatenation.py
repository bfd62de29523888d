"""Weights as papers write them: for each gate one matrix that multiplies [hₜ₋₁, xₜ].

    weight_forget_l0             [N, N + M]   W_f, the columns of h first, then those of x
    bias_forget_l0               [N]          b_f
    weight_forget_l0_reverse     …            the same of the other direction
    recurrent_bias_candidate_l0  [N]          a bias inside the recurrent part alone, as in a GRU
    vector_forget_l0             [N]          a vector of parameters, such as a peephole
    weight_project_l0            [R, N]       a block without input, or one without recurrence,
                                              is its one matrix
    norm_ih_forget_l0            [N]          of a layer norm, as every family of vectors
    initial_h                    [D, N]       a learned initial state

With an order of gates, ``weight_l0`` [G·N, N + M] and ``bias_l0`` [G·N] hold them stacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from headgate.errors import ShapeError, UnknownNameError
from headgate.layers.recurrent import Recurrent
from headgate.layers.stack import Weights
from headgate.layers.twins import GRU, LSTM, RNN
from headgate.program import Program, split

Parts = dict[tuple[str, str], Tensor]
Grid = list[list[Tensor]]
"""Where a tensor's entries lie: rows of blocks, each of one or two blocks side by side."""
Twin = (LSTM, GRU, RNN)


def concatenated(layer: nn.Module, *, order: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Give a layer's parameters with each gate's matrices side by side, W [hₜ₋₁, xₜ] + b.

    Where the recurrent matrix multiplies another value than h, as in ``reset="before"``, the
    first columns are that value's. Where torch has two biases that add, their sum comes.

    Args:
        layer: a ``Recurrent``, or an ``hg.LSTM``, ``hg.GRU`` or ``hg.RNN``.
        order: the gates, in the order in which their rows are stacked into ``weight_l0`` and
            ``bias_l0``; each gate has tensors of its own where None.

    Returns:
        The tensors by name, copies: ``weight_GATE_l0`` [N, N + M] with the columns of h first,
        ``bias_GATE_l0`` [N], with ``_reverse`` for the other direction, and what stands alone.

    Raises:
        UnknownNameError: another layer; a name in the order that is no gate.
        ShapeError: the order does not name each gate once, or gates of different widths.

    Example:
        >>> import headgate as hg
        >>> weights = hg.concatenated(hg.LSTM(5, 7))
        >>> weights["weight_forget_l0"].shape, weights["bias_forget_l0"].shape
        (torch.Size([7, 12]), torch.Size([7]))
    """
    grids = _grids(layer, _read(layer), order)
    return {name: _join(grid).detach().clone() for name, grid in grids.items()}


@torch.no_grad()
def load_concatenated(
    layer: nn.Module, tensors: Mapping[str, Any], *, order: Sequence[str] | None = None
) -> None:
    """Copy parameters in the layout of ``concatenated`` into a layer.

    Where torch has two biases that add, the first takes the value and the second is zero.

    Args:
        layer: a ``Recurrent``, or an ``hg.LSTM``, ``hg.GRU`` or ``hg.RNN``.
        tensors: a tensor, or an array, for each name that ``concatenated`` gives with this order;
            they take the layer's dtype and device.
        order: the gates, in the order in which their rows are stacked.

    Raises:
        UnknownNameError: another layer, a name in the order that is no gate, or a tensor that the
            layer does not have; nothing was changed.
        ShapeError: a tensor is missing or has another shape; nothing was changed.

    Example:
        >>> import headgate as hg
        >>> weights = hg.concatenated(hg.LSTM(5, 7))
        >>> hg.load_concatenated(hg.Recurrent("lstm", 5, 7), weights)
    """
    wanted = {name: _join(grid) for name, grid in _grids(layer, _read(layer), order).items()}
    given = _check(tensors, wanted)
    for name, grid in _grids(layer, _write(layer), order).items():
        _fill(grid, given[name])


def _directions(layer: nn.Module) -> Iterator[tuple[str, Weights]]:
    """Yield the ending of each layer and direction with the parameters that a run takes."""
    if not isinstance(layer, (Recurrent, Twin)):
        known = ("Recurrent", "LSTM", "GRU", "RNN")
        raise UnknownNameError("layer of headgate", type(layer).__name__, known)
    for number, directions in enumerate(layer.weights()):
        for end, found in zip(("", "_reverse"), directions, strict=False):
            yield f"_l{number}{end}", found


def _program(layer: nn.Module) -> Program:
    assert isinstance(layer, (Recurrent, Twin))  # what `_directions` lets through
    return layer.program


def _read(layer: nn.Module) -> list[tuple[str, Parts]]:
    """Take every direction apart into blocks, to read from."""
    directions = list(_directions(layer))
    program = _program(layer)
    return [(end, split(program, weights)) for end, weights in directions]


def _write(layer: nn.Module) -> list[tuple[str, Parts]]:
    """Take every direction apart into blocks, to write to: views of the parameters."""
    if not isinstance(layer, Twin):
        return _read(layer)
    found = []
    for end, weights in _directions(layer):
        own = dict(weights)
        if layer.bias:
            first, second = getattr(layer, f"bias_ih{end}"), getattr(layer, f"bias_hh{end}")
            second.zero_()
            own["bias"] = first
            if "bias_candidate" in own:
                own["bias_candidate"] = second[2 * layer.hidden_size :]
        found.append((end, split(_program(layer), own)))
    return found


def _grids(
    layer: nn.Module, directions: list[tuple[str, Parts]], order: Sequence[str] | None
) -> dict[str, Grid]:
    """Find the blocks that each tensor of the layout is made of."""
    found: dict[str, Grid] = {}
    for end, parts in directions:
        own = {_name(key, parts): [_row(key, parts)] for key in parts if not _is_second(key, parts)}
        if order is not None:
            _check_order(order, parts)
            stacked = {"weight": [own.pop(f"weight_{block}")[0] for block in order]}
            if all(f"bias_{block}" in own for block in order):
                stacked["bias"] = [own.pop(f"bias_{block}")[0] for block in order]
            own = stacked | own
        found |= {name + end: grid for name, grid in own.items()}
    learned = (name for name, _ in layer.named_parameters() if name.startswith("initial_"))
    return found | {name: [[getattr(layer, name)]] for name in learned}


def _is_second(key: tuple[str, str], parts: Parts) -> bool:
    """Whether a recurrent matrix stands beside an input's and has no tensor of its own."""
    return key[0] == "matmul" and ("input", key[1]) in parts


def _row(key: tuple[str, str], parts: Parts) -> list[Tensor]:
    recurrent = parts.get(("matmul", key[1])) if key[0] == "input" else None
    return [parts[key]] if recurrent is None else [recurrent, parts[key]]


def _name(key: tuple[str, str], parts: Parts) -> str:
    kind, block = key
    family, dot, member = block.partition(".")
    if dot:
        return f"{family}_{member}"
    if kind == "bias" and ("input", block) in parts:
        return f"recurrent_bias_{block}"
    kinds = {"input": "weight", "matmul": "weight", "input_bias": "bias"}
    return f"{kinds.get(kind, kind)}_{block}"


def _check_order(order: Sequence[str], parts: Parts) -> None:
    gates = [block for kind, block in parts if kind == "input" and ("matmul", block) in parts]
    for name in order:
        if name not in gates:
            raise UnknownNameError("gate in the order", name, gates)
    if sorted(order) != sorted(gates):
        raise ShapeError(
            f"the order names each of the gates {', '.join(gates)} once, not {', '.join(order)}"
        )
    widths = {gate: parts["matmul", gate].shape[1] for gate in gates}
    if len(set(widths.values())) > 1:
        raise ShapeError(
            "gates that are stacked multiply values of one width, but these have "
            f"{', '.join(f'{gate} {width}' for gate, width in widths.items())}: load without order"
        )


def _check(tensors: Mapping[str, Any], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy what came, in the layer's dtype and device, if all of it fits."""
    for name in tensors:
        if name not in wanted:
            raise UnknownNameError("tensor of the layer", name, wanted)
    missing = [f"{name} {_shape(like)}" for name, like in wanted.items() if name not in tensors]
    if missing:
        raise ShapeError(
            f"the layer also takes {', '.join(missing)}, but only {', '.join(tensors) or 'nothing'}"
            " came; nothing was loaded"
        )
    given = {name: torch.as_tensor(tensors[name]) for name in wanted}
    wrong = [
        f"{name} is {_shape(like)}, not {_shape(given[name])}"
        for name, like in wanted.items()
        if given[name].shape != like.shape
    ]
    if wrong:
        raise ShapeError(f"{'; '.join(wrong)}; nothing was loaded")
    # copies, as a tensor that came may lie where another one is written to
    return {
        name: given[name].to(device=like.device, dtype=like.dtype, copy=True)
        for name, like in wanted.items()
    }


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def _join(grid: Grid) -> Tensor:
    return torch.cat([torch.cat(row, -1) for row in grid])


def _fill(grid: Grid, whole: Tensor) -> None:
    heights = [row[0].shape[0] for row in grid]
    for row, band in zip(grid, whole.split(heights), strict=True):
        for place, part in zip(row, band.split([each.shape[-1] for each in row], -1), strict=True):
            place.copy_(part)
