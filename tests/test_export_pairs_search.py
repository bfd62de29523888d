"""The search beside an exported model, next to the library's own over decoders made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from tests.exported import script
from torch import Tensor

from headgate.decoding import Penalties, Rows, beam

CODES, V, S = 97, 7, 4
BARRED = (0, 2)
BOS, EOS = 2, 3
State = tuple[
    Tensor, Tensor
]  # what was read, as a number, [K]; how it looked at the source, [K, S]


@dataclass(frozen=True)
class Tables:
    """A decoder whose next token hangs on all that came before."""

    expected: Tensor  # [CODES, V]
    attention: Tensor  # [CODES, S]

    @classmethod
    def drawn(cls, seed: int) -> Tables:
        generator = torch.Generator().manual_seed(seed)
        logits = 2 * torch.randn(CODES, V, generator=generator)
        gone = torch.rand(CODES, V, generator=generator) < 0.2
        looks = 3 * torch.randn(CODES, S, generator=generator)
        expected = logits.log_softmax(1).masked_fill(gone, float("-inf"))
        expected[:5] = float("-inf")  # nothing may follow
        return cls(expected, looks.softmax(1))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        code = (state[0] * 31 + tokens + 1) % CODES
        return self.expected[code], (code, state[1] + self.attention[code])

    def select(self, state: State, rows: Tensor) -> State:
        return state[0][rows], state[1][rows]

    def coverage(self, state: State) -> Tensor:
        return state[1]


@dataclass(frozen=True)
class Arrays:
    """The same for the script."""

    tables: Tables

    def step(self, tokens: list[int], memory: dict[str, Any]) -> tuple[Any, Any, Any]:
        code = (memory["code"] * 31 + np.array(tokens) + 1) % CODES
        expected, attention = self.tables.expected.numpy(), self.tables.attention.numpy()
        return expected[code], attention[code], {"code": code}

    def select(self, memory: dict[str, Any], rows: Any) -> dict[str, Any]:
        return {"code": memory["code"][rows]}


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize(("length", "coverage"), [(0.0, 0.0), (1.0, 0.0), (0.6, 0.3), (-0.5, 1.0)])
@pytest.mark.parametrize(("shortest", "longest"), [(0, 1), (0, 12), (3, 6)])
def test_both_searches_find_the_same(
    width: int, length: float, coverage: float, shortest: int, longest: int
) -> None:
    alone = script("beam")
    facts = {
        "beam_width": width,
        "length_penalty": length,
        "coverage_penalty": coverage,
        "min_length": shortest,
        "max_length": longest,
        "barred": list(BARRED),
    }
    ended = []
    for seed in range(5):
        tables = Tables.drawn(seed)
        state = torch.tensor([seed]), torch.zeros(1, S)
        marks: dict[str, Any] = {"bos": BOS, "eos": EOS, "barred": BARRED}
        rows = Rows(1, max_length=longest, min_length=shortest, **marks)
        [[wanted]] = beam(tables, state, rows, width=width, penalties=Penalties(length, coverage))
        found = alone.search(Arrays(tables), {"code": np.array([seed])}, facts)
        assert (found.tokens, found.finished) == (wanted.tokens, wanted.finished)
        assert found.log_probability == pytest.approx(wanted.log_probability, abs=1e-12)
        assert found.score == pytest.approx(wanted.score, abs=1e-12)
        ended.append(found.finished)
    assert longest == 1 or any(ended)
    assert longest > 6 or not all(ended)
