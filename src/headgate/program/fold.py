"""What a neutral operand leaves of an operation: x + 0 and 1 ⊙ x are x."""

from __future__ import annotations

from typing import Any

from headgate.program.graph import Node

_NEUTRAL = {"add": (0, 0), "sub": (None, 0), "mul": (1, 1), "div": (None, 1), "pow": (None, 1)}


def fold(op: str, args: tuple[Any, ...]) -> Node | float | None:
    """Drop a neutral operand: the other one is the value.

    Args:
        op: a key of ``OPERATIONS``.
        args: its arguments, nodes or numbers.

    Returns:
        The other operand, or None where no operand is neutral.
    """
    if op not in _NEUTRAL or len(args) != 2:
        return None
    left, right = _NEUTRAL[op]
    if not isinstance(args[1], Node) and right is not None and args[1] == right:
        return args[0]
    if not isinstance(args[0], Node) and left is not None and args[0] == left:
        return args[1]
    return None
