"""A cell run as the plain Python that it is, one step at a time, for a debugger to stop in."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor
from torch.nn import functional

from headgate.program.graph import Program
from headgate.program.parameters import split


def step(
    program: Program, x: Tensor, weights: Mapping[str, Tensor], states: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Call the equation's own function on tensors, with no graph in between.

    Args:
        program: whose equation is run.
        x: the input of one step, [B, M].
        weights: the parameters by name, as ``parameters`` lists them.
        states: the state before the step, each [B, N].

    Returns:
        The state after the step.
    """
    parts = split(program, weights)

    def project(block: str, v: Tensor) -> Tensor | float:
        # a block that the graph dropped has no weights: nothing depends on its value
        weight = parts.get(("matmul", block))
        return 0.0 if weight is None else functional.linear(v, weight)

    def project_input(block: str) -> Tensor | float:
        weight = parts.get(("input", block))
        bias = parts.get(("input_bias", block))
        return 0.0 if weight is None else functional.linear(x, weight, bias)

    def own(kind: str, block: str) -> Tensor | float:
        part = parts.get((kind, block))
        return 0.0 if part is None else part.clone()

    spaces: dict[str, object] = {
        "x": _Namespace(project_input),
        "W": _Namespace(lambda block: partial(project, block)),
        "b": _Namespace(lambda block: own("bias", block)),
        "p": _Namespace(lambda block: own("vector", block)),
    }
    # as clones: += in an equation gives a name a new value, and changes nobody's tensor
    spaces |= {name: state.clone() for name, state in zip(program.states, states, strict=True)}
    names = inspect.signature(program.equation.step).parameters
    results = program.equation.step(*(spaces[name] for name in names))
    return results if isinstance(results, tuple) else (results,)


class _Namespace:
    def __init__(self, find: Callable[[str], object]) -> None:
        self._find = find

    def __getattr__(self, block: str) -> object:
        return self._find(block)
