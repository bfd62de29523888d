"""The links of a chain that is kept running: a lookup, a projection, a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from headgate.program.graph import Program


@dataclass(frozen=True, eq=False)
class Lookup:
    """Ids to vectors; it stands first in a chain.

    Args:
        table: a vector for each id, [V, M].
    """

    table: Tensor


@dataclass(frozen=True, eq=False)
class Projection:
    """W x + b.

    Args:
        weight: W, [V, M].
        bias: b, [V], or None.
    """

    weight: Tensor
    bias: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Cell:
    """One step of a program, with the states that it keeps.

    Args:
        program: the cell, as it is in evaluation.
        weights: its parameters by name. A program of inputs that has no "weight_ih" reads what
            comes in as it is.
        initial: each state before the first step, [N].
        outputs: how many of the states, from the first, go on side by side.
        residual: whether what comes in is added to what goes on.
    """

    program: Program
    weights: Mapping[str, Tensor]
    initial: tuple[Tensor, ...]
    outputs: int = 1
    residual: bool = False

    @property
    def direct(self) -> bool:
        """Whether it reads what comes in as it is."""
        return "weight_ih" not in self.weights and bool(self.program.blocks("input"))


Link = Lookup | Projection | Cell


def width_of(link: Link) -> int:
    """Give how many numbers go out of a link.

    Args:
        link: the link.

    Returns:
        The width of its output.
    """
    if isinstance(link, Lookup):
        return link.table.shape[1]
    if isinstance(link, Projection):
        return link.weight.shape[0]
    return sum(len(state) for state in link.initial[: link.outputs])


def features_of(link: Link) -> int | None:
    """Give how many numbers go into a link.

    Args:
        link: the link.

    Returns:
        The width of its input; None for ids, and where any width would do.
    """
    if isinstance(link, Projection):
        return link.weight.shape[1]
    if isinstance(link, Cell) and "weight_ih" in link.weights:
        return link.weights["weight_ih"].shape[1]
    return len(link.initial[0]) if isinstance(link, Cell) and link.direct else None


def tensors_of(link: Link) -> dict[str, Tensor]:
    """Give the tensors of a link by name.

    Args:
        link: the link.

    Returns:
        Its weights, and the initial states as "initial_STATE".
    """
    if isinstance(link, Lookup):
        return {"table": link.table}
    if isinstance(link, Projection):
        bias = {} if link.bias is None else {"bias": link.bias}
        return {"weight": link.weight} | bias
    names = (f"initial_{state}" for state in link.program.states)
    return {**link.weights, **dict(zip(names, link.initial, strict=True))}
