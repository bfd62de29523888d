"""What an equation may say: its record, and the words that torch lacks.

A cell is a step function. Its arguments named ``x``, ``W``, ``b`` and ``p`` are namespaces, each
other argument is a state, and it returns the states' new values in their order; the first
is the layer's output.

    x.g      the input's projection to block g, with its bias: W_x x + b
    W.g(v)   the recurrent projection of v to block g
    b.g      a bias of its own, zero in a cell without bias
    p.g      a vector of parameters, such as a peephole
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from torch.overrides import handle_torch_function, has_torch_function_unary

Step = Callable[..., Any]
NAMESPACES = ("x", "W", "b", "p")
EPSILON = 1e-5


@dataclass(frozen=True)
class Equation:
    """One step of a cell, as the paper writes it.

    Args:
        step: the function of namespaces and states.
        source: the papers.
        layout: the order of the blocks in the stacked weights; by first use where empty.
        sizes: rows of the blocks that are not as wide as the hidden state.
        initial: what the bias of a block starts from, zero where absent.
    """

    step: Step
    source: str = ""
    layout: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    initial: Mapping[str, float] = field(default_factory=dict)

    def said(self) -> dict[str, Any]:
        """Give what is said of the step, by name.

        Returns:
            The arguments of an equation, without the step.
        """
        return {each.name: getattr(self, each.name) for each in fields(Equation)[1:]}


def named(name: str, value: Any) -> Any:
    """Give a value a name in the trace and the formula; the value itself is unchanged.

    Args:
        name: the gate's name.
        value: what to name.

    Returns:
        The value.
    """
    if has_torch_function_unary(value):
        return handle_torch_function(named, (value,), name, value)
    return value


def normalize(value: Any) -> Any:
    """Scale each row to mean 0 and variance 1: (v − mean) / √(variance + 1e-5) (Ba 2016).

    Args:
        value: rows of units, [B, N].

    Returns:
        The rows, [B, N].
    """
    if has_torch_function_unary(value):
        return handle_torch_function(normalize, (value,), value)
    centred = value - value.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + EPSILON).sqrt()
