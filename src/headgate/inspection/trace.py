"""What a model did with one input."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from headgate.inspection.attention import AttentionMap


@dataclass(frozen=True, eq=False)
class Inspection:
    """The gates and states of the layers that read an input, and where the model looked.

    Args:
        tokens: the input as the model reads it.
        trace: every gate and state by name, each [layers · directions, T, N].
        attention: of a model that attends.
    """

    tokens: tuple[str, ...]
    trace: dict[str, Float[Tensor, "D T _"]]
    attention: AttentionMap | None = None
