from __future__ import annotations

import pytest
import torch

from headgate.evaluation import neighbours


def test_the_nearest_is_that_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    known, asked = torch.randn(23, 4, generator=generator), torch.randn(17, 4, generator=generator)
    wanted = [
        min(range(23), key=lambda row: float((known[row] - each).square().sum())) for each in asked
    ]
    assert neighbours.nearest(known, asked).tolist() == wanted
    monkeypatch.setattr(neighbours, "_AT_ONCE", 50)
    assert neighbours.nearest(known, asked).tolist() == wanted


def test_nothing_asked_is_nothing_found() -> None:
    assert neighbours.nearest(torch.ones(2, 3), torch.ones(0, 3)).shape == (0,)
