"""A small network runs on one thread, a large one on torch's, and torch gets its own back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from headgate.training.threads import SMALL, threads_for


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("parameters", "wanted", "expected"),
    [(SMALL - 1, None, 1), (SMALL, None, 3), (SMALL, 2, 2), (10, 2, 2)],
)
def test_threads(parameters: int, wanted: int | None, expected: int) -> None:
    network = nn.ParameterList([nn.Parameter(torch.empty(parameters, device="meta"))])
    with threads_for(network, wanted) as count:
        assert count == torch.get_num_threads() == expected
    assert torch.get_num_threads() == 3


def test_an_error_gives_torch_its_threads_back() -> None:
    with pytest.raises(KeyError), threads_for(nn.Linear(1, 1)):
        raise KeyError
    assert torch.get_num_threads() == 3
