"""A layer's parameters block by block: what every translator of weights reads and writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from headgate.errors import CellError
from headgate.layers.recurrent import Recurrent
from headgate.program import Program, as_text, split

Parts = Mapping[tuple[str, str], Tensor]
"""The tensors of one layer and direction, by (operation, block), as ``split`` gives them."""


def make(
    cell: str | Program,
    parts: Sequence[Sequence[Parts]],
    *,
    options: Mapping[str, Any] | None = None,
    initial: Mapping[str, Tensor] | None = None,
) -> Recurrent:
    """Build a layer that has some weights.

    Args:
        cell: a key of ``CELLS``, or a program.
        parts: for each layer, for each direction, the tensors.
        options: of the layer and of the cell, without sizes, depth and directions.
        initial: learned states by name, [D, N]; zeros where None.

    Returns:
        The layer, in the tensors' dtype and on their device.
    """
    first = parts[0][0]
    like = next(value for (kind, _), value in first.items() if kind == "input")
    hidden = next(len(v) for (kind, block), v in first.items() if kind == "input")
    with torch.random.fork_rng(devices=[]):  # what is drawn is overwritten
        layer = Recurrent(
            cell,
            like.shape[1],
            hidden,
            num_layers=len(parts),
            bidirectional=len(parts[0]) == 2,
            initial_state="learned" if initial else "zeros",
            **(options or {}),
        )
    layer.to(dtype=like.dtype, device=like.device)
    fill(layer, parts)
    with torch.no_grad():
        for state, value in (initial or {}).items():
            getattr(layer, f"initial_{state}").copy_(value)
    return layer


@torch.no_grad()
def fill(layer: Recurrent, parts: Sequence[Sequence[Parts]]) -> None:
    """Copy weights into a layer.

    Args:
        layer: the layer.
        parts: for each layer, for each direction, a tensor for each block.
    """
    for weights, given in zip(layer.weights(), parts, strict=True):
        for direction, own in zip(weights, given, strict=True):
            for key, view in split(layer.program, direction).items():
                view.copy_(own[key])


def read(layer: Recurrent, blocks: Mapping[str, str]) -> list[list[dict[tuple[str, str], Tensor]]]:
    """Take a layer's weights apart under the names of another program's blocks.

    Args:
        layer: the layer.
        blocks: for each block of the other program ours, as ``match`` gives them.

    Returns:
        For each layer, for each direction, views of the parameters.
    """
    theirs = {mine: name for name, mine in blocks.items()}
    return [
        [
            {
                (kind, theirs[block]): part.detach()
                for (kind, block), part in split(layer.program, direction).items()
            }
            for direction in directions
        ]
        for directions in layer.weights()
    ]


def check_plain(layer: Recurrent, library: str) -> None:
    """Refuse a layer that does what another library's layers do not.

    Args:
        layer: the layer.
        library: whose layers.

    Raises:
        CellError: the layer has a modifier, a residual or an initial state; it names them.
    """
    found = layer.noise.changed()
    found += ["residual=True"] if layer.residual else []
    if layer.initial_state != "zeros":
        found.append(f"initial_state={layer.initial_state!r}")
    if any(name.startswith("norm_") for name, _ in layer.named_parameters()):
        found.append("layer_norm=True")
    if found:
        raise CellError(
            f"the layers of {library} have no {', '.join(found)}: build the layer without, load "
            "what fits, and do the rest outside of it"
        )


def differences(program: Program, models: Mapping[str, Program]) -> str:
    """Say by what a program is none of some others.

    Args:
        program: the program.
        models: the others, by what they are called.

    Returns:
        A part of a sentence, with the program's formula.
    """
    own = _operations(program)
    apart = {name: _apart(own, _operations(model)) for name, model in models.items()}
    nearest = min(apart, key=lambda name: sum(abs(n) for n in apart[name].values()))
    said = [
        f"{abs(n)} {op} {'more' if n > 0 else 'fewer'}" for op, n in apart[nearest].items() if n
    ]
    why = f"has {', '.join(said)}" if said else "puts the same operations together otherwise"
    return f"nearest is {nearest}, but the cell {why}: {'; '.join(as_text(program))}"


def _operations(program: Program) -> Counter[str]:
    return Counter(node.op for node in program.nodes)


def _apart(own: Counter[str], other: Counter[str]) -> dict[str, int]:
    return {op: own[op] - other[op] for op in sorted(own | other)}
