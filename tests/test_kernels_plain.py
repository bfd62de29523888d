"""What has no address to read from, or is followed operation by operation, is left to torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.flop_counter import FlopCounterMode

from headgate.layers import GRU, LSTM, Linear, Recurrent
from headgate.streaming import Stream

MODULES: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: Linear(3, 4),
    "LSTM": lambda: LSTM(3, 4),
    "GRU": lambda: GRU(3, 4),
    "Recurrent": lambda: Recurrent("janet", 3, 4),
}
every_module = pytest.mark.parametrize("name", MODULES)


zeros_without_memory: Any = torch._efficientzerotensor  # pyright: ignore[reportPrivateImportUsage]


def first(result: Tensor | tuple[Tensor, ...]) -> Tensor:
    return result if isinstance(result, Tensor) else result[0]


@every_module
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_trace_holds_the_operations(name: str, unchecked: None) -> None:
    module, x = MODULES[name]().eval(), torch.randn(5, 2, 3)
    with torch.no_grad():
        traced: Any = torch.jit.trace(module, (x,), check_trace=False)
        assert_equal(first(traced(2 * x)), first(module(2 * x)), "output")
        made = make_fx(lambda t: first(module(t)))(x)
        assert_equal(made(2 * x), first(module(2 * x)), "output")


@torch.no_grad()
def test_an_fx_graph_holds_a_linear_layer(unchecked: None) -> None:
    module, x = nn.Sequential(Linear(3, 4), nn.Tanh()), torch.randn(2, 3)
    assert_equal(torch.fx.symbolic_trace(module)(x), module(x), "output")


@every_module
def test_who_follows_operations_sees_them(name: str) -> None:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        MODULES[name]()(torch.randn(5, 2, 3))
    assert counter.get_total_flops() > 0


@every_module
@torch.no_grad()
def test_zeros_without_memory_are_zeros(name: str, unchecked: None) -> None:
    module = MODULES[name]()
    zeros = zeros_without_memory((5, 2, 3))
    assert_equal(first(module(zeros)), first(module(torch.zeros(5, 2, 3))), "output")


@every_module
@torch.no_grad()
def test_a_minus_sign_beside_the_numbers_is_seen(name: str) -> None:
    module, x = MODULES[name](), torch.randn(5, 2, 3)
    negated = torch._neg_view(x)  # pyright: ignore[reportPrivateImportUsage]
    assert_equal(first(module(negated)), first(module(-x)), "output")


@torch.no_grad()
def test_what_is_not_dense_gets_torchs_own_answer() -> None:
    ours, x = Linear(3, 4), torch.randn(5, 3)
    theirs = nn.Linear(3, 4)
    theirs.load_state_dict(ours.state_dict())
    assert_equal(ours(x.to_sparse()), theirs(x.to_sparse()), "output")


def test_a_stream_takes_zeros_without_memory() -> None:
    stream = Stream(GRU(3, 4))
    other, zeros = stream.fork(), zeros_without_memory((3,))
    assert torch.equal(stream.step(zeros), other.step(torch.zeros(3)))
    assert torch.equal(stream.steps(zeros_without_memory((2, 3))), other.steps(torch.zeros(2, 3)))
    with pytest.raises(ValueError, match="out is"):
        stream.step(torch.zeros(3), out=zeros_without_memory((4,)))
