"""The one table of cells and their options; every law runs over ``CASES``.

A new cell or option is one line of ``OPTIONS``, a new modifier of any cell one of ``MODIFIERS``.
Its first value is the default; a case is the defaults, one option changed, or two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import pytest
import torch
from torch import Tensor

from headgate.layers import Recurrent
from headgate.program import Program

T, B, M, N = 3, 2, 2, 3
# Layers made alike share a program while one of them lives; here all tests of a case share it.
_KEPT: dict[str, Program] = {}

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "fslstm": {},
    "gru": {
        "activation": ("tanh", "softsign"),
        "reset": ("after", "before"),
        "update": ("keep", "write"),
    },
    "indrnn": {"activation": ("relu", "tanh")},
    "janet": {"beta": (1.0, 0.0)},
    "jordan": {"activation": ("tanh", "sigmoid"), "output": (None, 2)},
    "lem": {"dt": (1.0, 0.5)},
    "ligru": {"activation": ("relu", "tanh")},
    "lstm": {
        "activation": ("tanh", "linear"),
        "candidate": ("tanh", "sigmoid"),
        "forget": (True, False),
        "peephole": (False, True),
        "coupled": (False, True),
        "projection": (None, 2),
    },
    "mgu": {"activation": ("tanh", "silu")},
    "mlstm": {},
    "rhn": {"depth": (2, 3), "coupled": (True, False)},
    "rnn": {"activation": ("tanh", "relu")},
    "sru": {},
}
EVERY_CELL: dict[str, tuple[Any, ...]] = {"bias": (True, False)}
MODIFIERS: dict[str, tuple[Any, ...]] = {
    "bias": (True, False),
    "layer_norm": (False, True),
    "recurrent_dropout": (0.0, 0.4),
    "zoneout": (0.0, 0.3),
}
IMPOSSIBLE: list[tuple[str, dict[str, Any]]] = [("lstm", {"forget": False, "coupled": True})]


@dataclass(frozen=True)
class Case:
    """A cell with some options or modifiers that are not its defaults; bias is one of them."""

    cell: str
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def bias(self) -> bool:
        return self.changed.get("bias", True)

    @property
    def options(self) -> dict[str, Any]:
        return {name: value for name, value in self.changed.items() if name != "bias"}

    @property
    def id(self) -> str:
        return "-".join([self.cell, *(f"{name}={value}" for name, value in self.changed.items())])

    def program(self) -> Program:
        """The program in evaluation, modifiers and all."""
        return self.layer()._program(resets=False)

    def layer(self, *, dtype: torch.dtype = torch.float64, **arguments: Any) -> Recurrent:
        """Build the layer with every parameter drawn, so that no bias is zero.

        One that draws in training is built for evaluation, so that it runs twice alike.
        """
        arguments = {"input_size": M, "hidden_size": N, "bias": self.bias} | arguments
        layer = Recurrent(self.cell, **arguments, **self.options).to(dtype)
        _KEPT.setdefault(self.id, layer._traced)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.normal_(std=0.7)
        return layer.eval() if NOISY & self.changed.keys() else layer


def changes(table: dict[str, tuple[Any, ...]], most: int) -> Iterator[dict[str, Any]]:
    """Change up to so many options of a table, in every way."""
    for count in range(most + 1):
        for names in combinations(table, count):
            for values in product(*(table[name][1:] for name in names)):
                yield dict(zip(names, values, strict=True))


def _possible(case: Case) -> bool:
    return not any(
        case.cell == cell and wrong.items() <= case.changed.items() for cell, wrong in IMPOSSIBLE
    )


ALL = [Case(cell, c) for cell, own in OPTIONS.items() for c in changes(own | EVERY_CELL, 2)]
MODIFIED = [Case(cell, c) for cell in OPTIONS for c in changes(MODIFIERS, 2) if c]
NOISY = {"recurrent_dropout", "zoneout"}
# nothing is dropped in evaluation; a bias alone is there already
UNMODIFIED = [case for case in ALL if _possible(case)]
ALL += [c for c in MODIFIED if "recurrent_dropout" not in c.changed and {"bias"} != set(c.changed)]
CASES = [case for case in ALL if _possible(case)]
ALONE = [case for case in CASES if len(case.changed) < 2]
PLAIN = [case for case in CASES if not case.changed]

every_case = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
every_option = pytest.mark.parametrize("case", ALONE, ids=[case.id for case in ALONE])
every_unmodified_case = pytest.mark.parametrize(
    "case", UNMODIFIED, ids=[case.id for case in UNMODIFIED]
)
every_modifier = pytest.mark.parametrize("case", MODIFIED, ids=[case.id for case in MODIFIED])
every_cell = pytest.mark.parametrize("case", PLAIN, ids=[case.id for case in PLAIN])
every_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Draw an input or a state."""
    return torch.randn(shape, dtype=dtype)


def draw_states(layer: Recurrent, rows: int) -> tuple[Tensor, ...]:
    """Draw an initial state that fits a layer."""
    depth = layer.num_layers * (1 + layer.bidirectional)
    dtype = next(layer.parameters()).dtype
    return tuple(draw(depth, rows, size, dtype=dtype) for size in layer.state_sizes())


def as_tuple(states: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Give the states as a tuple, also where a cell has one."""
    return (states,) if isinstance(states, Tensor) else states
