"""The one door to the native part: what imports ``_native`` imports it from here.

An install without a C++ compiler has no native part. It works all the same, slower, and says so
once, when this module is first imported.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch  # first: the native part calls the OpenMP library that torch loads

_ABSENT = (
    "headgate runs without its native part ({reason}): results agree, but recurrent layers on the "
    "CPU use the slower reference loop. To get it, install a C++17 compiler (g++, clang++ or MSVC) "
    "and headgate again: pip install --force-reinstall --no-deps --no-cache-dir headgate "
    "(in a checkout, . in place of headgate)"
)

try:
    import headgate._native as _native
except ImportError as error:
    _native = None
    warnings.warn(_ABSENT.format(reason=error), RuntimeWarning, stacklevel=2)

available: bool = _native is not None
"""Whether the native part is built and loads."""


def instruction_sets() -> list[str]:
    """Name the instruction sets that the native part can use on this machine.

    Returns:
        The names in rising order, of ``"portable"``, ``"avx2"`` and ``"avx512"``; the last one's
        kernels run. Empty without the native part.
    """
    return _native.instruction_sets() if _native is not None else []


@lru_cache
def operations() -> dict[str, int]:
    """Number the operations of the bytecode.

    Returns:
        The code of each by name; empty without the native part.
    """
    names = _native.operations() if _native is not None else []
    return {name: code for code, name in enumerate(names)}


@lru_cache
def target() -> str:
    """Name the instruction set whose kernels run.

    Returns:
        The last of ``instruction_sets``.
    """
    return instruction_sets()[-1]


def plan(stages: list[Any], constants: list[float], registers: int) -> Any:
    """Hand a plan over to the native part.

    Args:
        stages: for each its width, its products and its instructions.
        constants: the numbers that instructions name.
        registers: how many values a tile holds at once.

    Returns:
        The native plan.
    """
    assert _native is not None
    return _native.Plan(stages, constants, registers)


def project(*arguments: Any) -> None:
    """Multiply rows by a weight; see the native function for the arguments.

    Args:
        *arguments: what follows the name of the instruction set.
    """
    assert _native is not None
    _native.project(target(), *arguments)


def chain(doubles: bool, quantize: bool, features: int, state: int, parts: list[Any]) -> Any:
    """Hand a chain of links over to the native part, which packs its weights.

    Args:
        doubles: float64 in place of float32.
        quantize: whether the matrices are kept as bytes.
        features: of what comes in; 0 for ids.
        state: columns of all states together.
        parts: for each link what the native class takes.

    Returns:
        The native chain.
    """
    assert _native is not None
    return _native.Chain(target(), doubles, quantize, features, state, parts)


def stream(
    chain: Any, rows: int, ring: torch.Tensor, shapes: tuple[Sequence[int], Sequence[int]]
) -> Any:
    """Make room for streams over a chain.

    Args:
        chain: the native chain.
        rows: how many streams step together.
        ring: their states, [slots, rows, state].
        shapes: of what a step takes, and of what it gives.

    Returns:
        The native stream.
    """
    assert _native is not None
    taken, given = map(list, shapes)
    address, slots = ring.data_ptr(), len(ring)
    return _native.Stream(chain, rows, address, slots, taken, given, torch.Tensor)
