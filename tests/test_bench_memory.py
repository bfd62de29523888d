from __future__ import annotations

import torch
from torch import Tensor

from headgate.bench.memory import kept_bytes


def test_what_is_there_anyway_is_free() -> None:
    x, weight = torch.randn(3, 4, requires_grad=True), torch.randn(4, 5, requires_grad=True)

    def forward() -> Tensor:
        return torch.tanh(x @ weight)  # the product saves x and weight, tanh its result

    assert kept_bytes(forward, free=[x, weight]) == 3 * 5 * 4
    assert kept_bytes(forward, free=[x]) == 3 * 5 * 4 + 4 * 5 * 4
    assert kept_bytes(forward, free=[]) == (3 * 5 + 4 * 5 + 3 * 4) * 4


def test_a_storage_counts_once_and_whole() -> None:
    x = torch.randn(8, 8, requires_grad=True)

    def forward() -> Tensor:
        y = x * 2  # saves nothing of x
        return y[:2].exp() + (y[4:6] ** 2)  # exp saves its result, the square a part of y

    assert kept_bytes(forward, free=[x]) == (2 * 8 + 8 * 8) * 4


def test_nothing_is_kept_without_a_gradient() -> None:
    x = torch.randn(3, requires_grad=True)
    with torch.no_grad():
        assert kept_bytes(lambda: x.exp(), free=[]) == 0


def test_the_graph_still_works_while_it_is_counted() -> None:
    x = torch.randn(3, requires_grad=True)
    made: list[Tensor] = []
    kept_bytes(lambda: made.append(x.exp()), free=[])
    (gradient,) = torch.autograd.grad(made[0].sum(), x)
    assert torch.equal(gradient, made[0])
