"""The rows of the tables: steps, rows, inputs and units, and the arithmetic in them."""

from __future__ import annotations

from dataclasses import dataclass

GATES = {"gru": 3, "lstm": 4, "rnn": 1}
"""Blocks of N units of the cells that torch.nn has."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of one layer and its input.

    Args:
        steps: T.
        rows: B, rows of the batch.
        inputs: M, features of a step.
        units: N.

    Example:
        >>> print(Sizes(35, 20, 200, 200))
        35,20,200,200
    """

    steps: int
    rows: int
    inputs: int
    units: int

    def __str__(self) -> str:
        return f"{self.steps},{self.rows},{self.inputs},{self.units}"

    def flops(self, gates: int, *, training: bool) -> int:
        """Count the operations of a layer's matrix products; a multiply-add is two.

        Backward is counted as twice forward: a product for the gradient of what goes in, and one
        for that of the weights.

        Args:
            gates: blocks of N units.
            training: whether backward is counted, too.

        Returns:
            Operations.

        Example:
            >>> Sizes(2, 3, 4, 5).flops(4, training=True)
            6480
        """
        weights = gates * self.units * (self.inputs + self.units)
        return (3 if training else 1) * 2 * self.steps * self.rows * weights


ROWS: dict[str, tuple[Sizes, ...]] = {
    "grid": (
        Sizes(150, 32, 256, 256),
        Sizes(25, 64, 512, 512),
        Sizes(50, 64, 500, 500),
        Sizes(35, 20, 200, 200),
        Sizes(100, 32, 128, 128),
        Sizes(128, 16, 64, 64),
        Sizes(1000, 1, 64, 64),
        Sizes(1000, 1, 256, 256),
    ),
    "variants": (Sizes(100, 32, 128, 128), Sizes(50, 64, 500, 500)),
    "cells": (Sizes(100, 32, 128, 128),),
    "own": (Sizes(100, 32, 128, 128),),
    "ragged": (Sizes(100, 32, 128, 128), Sizes(500, 32, 128, 128)),
    "trace": (Sizes(100, 32, 128, 128), Sizes(150, 32, 256, 256)),
}
ROWS["inference"] = ROWS["grid"]
for _name, _streams in (("single", 1), ("batch", 64)):
    ROWS[_name] = tuple(
        Sizes(64, _streams, units, units) for units in (32, 64, 128, 256, 512, 1024)
    )
