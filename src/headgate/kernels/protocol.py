"""What every kernel takes and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from headgate.program.graph import Program


@dataclass(frozen=True)
class Run:
    """A program run over time.

    Args:
        outputs: the first state at every step, [T, B, N].
        states: each state after the last step, [B, N].
        trace: every gate and state by name at every step, each [T, B, N], where asked for.
    """

    outputs: Tensor
    states: tuple[Tensor, ...]
    trace: dict[str, Tensor] | None = None


@runtime_checkable
class Kernel(Protocol):
    """Runs a program over steps that every row has."""

    def __call__(
        self,
        program: Program,
        x: Tensor,
        weights: Mapping[str, Tensor],
        states: tuple[Tensor, ...],
        *,
        trace: bool,
        given: Mapping[str, Tensor],
    ) -> Run:
        """Run a program; see ``scan`` for the arguments."""
        ...
