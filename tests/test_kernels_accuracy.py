"""How far the native kernel's numbers are from the true ones, beside how far torch.nn's are.

The true ones are those of the reference kernel in float64, for the same float32 weights and inputs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import as_tuple
from torch import Tensor, nn

import headgate as hg
from headgate.kernels import native, using

pytestmark = pytest.mark.skipif(not native.available, reason="the native part is not built")

MOST = 1.5  # times as far from the true number as torch.nn's
FINE = torch.finfo(torch.float32)
NAN, INF = float("nan"), float("inf")

Size = tuple[int, int, int, int]  # T, B, M, N
SIZES: list[Size] = [(37, 13, 37, 101), (50, 8, 64, 64), (200, 1, 32, 64)]
LAYERS: dict[str, dict[str, Any]] = {
    "LSTM": {},
    "GRU": {},
    "RNN": {},
    "RNN-relu": {"nonlinearity": "relu"},
}

every_layer = pytest.mark.parametrize("name", LAYERS)
every_size = pytest.mark.parametrize("size", SIZES, ids="-".join("%d" for _ in "TBMN").__mod__)


def _pair(name: str, size: Size) -> tuple[nn.RNNBase, nn.RNNBase]:
    """A layer of ours and torch's with the same weights."""
    kind, _, _ = name.partition("-")
    ours, theirs = (getattr(home, kind)(*size[2:], **LAYERS[name]) for home in (hg, nn))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def _leaves(name: str, size: Size) -> list[Tensor]:
    """An input and the states before it."""
    steps, rows, inputs, units = size
    states = 2 if name == "LSTM" else 1
    return [torch.randn(steps, rows, inputs), *torch.randn(states, 1, rows, units)]


def _numbers(layer: nn.RNNBase, leaves: list[Tensor]) -> dict[str, Tensor]:
    """The outputs, the last states, and the gradient of everything by a drawn loss."""
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    x, *states = leaves
    outputs, last = layer(x, tuple(states) if len(states) == 2 else states[0])
    results = [outputs, *as_tuple(last)]
    chance = torch.Generator().manual_seed(1)
    draws = [torch.randn(r.shape, generator=chance).to(r) for r in results]
    names, sources = zip(*layer.named_parameters(), strict=True)
    gradients = torch.autograd.grad(results, [*leaves, *sources], draws)
    own = ["outputs", "h", "c"][: len(results)]
    before = [f"gradient of {name}" for name in ("x", "h", "c")[: len(leaves)]]
    found = [*own, *before, *(f"gradient of {name}" for name in names)]
    return dict(zip(found, [r.detach() for r in results] + list(gradients), strict=True))


def _oracle(layer: nn.RNNBase, leaves: list[Tensor]) -> dict[str, Tensor]:
    with using("reference"):
        return _numbers(copy.deepcopy(layer).double(), [leaf.double() for leaf in leaves])


def _floor(exact: Tensor, units: int) -> float:
    """What no kernel is asked to be better than.

    A number that torch happens to give exactly would leave no room for the rounding of our own:
    one unit in the last place of the tensor's largest number. Inside the kernel what is no normal
    number is zero: the smallest normal one, for each unit that a product sums over.
    """
    return max(FINE.eps * exact.abs().max().item(), units * FINE.tiny)


def _assert_as_near(ours: nn.RNNBase, theirs: nn.RNNBase, leaves: list[Tensor]) -> None:
    exact = _oracle(ours, leaves)
    found, other = _numbers(ours, leaves), _numbers(theirs, leaves)
    far: list[str] = []
    for name, true in exact.items():
        own, torchs = ((n[name].double() - true).abs().max().item() for n in (found, other))
        if not own <= max(MOST * torchs, _floor(true, ours.hidden_size)):
            far.append(f"{name}: {own:.3e}, torch.nn {torchs:.3e}, {own / torchs:.2f} times")
    assert not far, "; ".join(far)


@every_size
@every_layer
def test_plain_numbers_are_as_near_as_torch_s(name: str, size: Size) -> None:
    _assert_as_near(*_pair(name, size), _leaves(name, size))


@every_size
@every_layer
def test_saturated_numbers_are_as_near_as_torch_s(name: str, size: Size) -> None:
    x, *states = _leaves(name, size)
    _assert_as_near(*_pair(name, size), [50 * x, *states])


@every_size
@pytest.mark.parametrize("state", [1.0, 1e-38])
@pytest.mark.parametrize("bias", [-85.0, -100.0])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_states_that_fade_away_are_as_near_as_torch_s(
    name: str, bias: float, state: float, size: Size
) -> None:
    ours, theirs = _pair(name, size)
    units = size[-1]
    for layer in (ours, theirs):
        with torch.no_grad():
            # the forget gate, the update gate
            getattr(layer, "bias_ih_l0")[units : 2 * units] = bias  # noqa: B009
    x, *states = _leaves(name, size)
    _assert_as_near(ours, theirs, [x, *(state * s for s in states)])


# not relu: at its kink the gradient jumps, where a state is lost as the oracle's is not
@every_size
@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_states_that_end_below_normal_numbers_are_as_near_as_torch_s(name: str, size: Size) -> None:
    ours, theirs = _pair(name, size)
    for layer in (ours, theirs):
        for parameter, value in layer.named_parameters():
            if parameter.startswith("bias"):
                nn.init.zeros_(value)
    x, *states = _leaves(name, size)
    leaves = [0 * x, *(1e-30 * s for s in states)]  # halved by each step, or nearly
    assert 0 < _oracle(ours, leaves)["h"].abs().max() < FINE.tiny
    _assert_as_near(ours, theirs, leaves)


def _break_input(leaves: list[Tensor], value: float) -> None:
    leaves[0][3, leaves[0].shape[1] // 2, 1] = value


def _break_state(leaves: list[Tensor], value: float) -> None:
    leaves[-1][0, leaves[-1].shape[1] // 2, 1] = value


@pytest.mark.parametrize("spoil", [_break_input, _break_state], ids=["input", "state"])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@every_size
@every_layer
def test_what_is_no_number_spreads_as_in_torch_nn(
    name: str, size: Size, value: float, spoil: Callable[[list[Tensor], float], None]
) -> None:
    leaves = _leaves(name, size)
    spoil(leaves, value)
    ours, theirs = _pair(name, size)
    found, expected = _numbers(ours, leaves), _numbers(theirs, leaves)
    assert any(wanted.isnan().any() or wanted.isinf().any() for wanted in expected.values())
    unlike = [
        n for n, wanted in expected.items() if not torch.equal(_kinds(found[n]), _kinds(wanted))
    ]
    assert not unlike


def _kinds(values: Tensor) -> Tensor:
    """NaN, the infinities and all numbers as four classes."""
    return values.isnan() + 2 * values.isposinf() + 3 * values.isneginf()
