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

DRAWS = 3
# Times as far from the true number as torch.nn's. The aim is 1.5, which all but a few gradients
# reach (docs/performance.md has them); the largest distance in a tensor is partly luck, and falls
# differently on another processor.
MOST = 4.0
FINE = torch.finfo(torch.float32)
NAN, INF = float("nan"), float("inf")

Size = tuple[int, int, int, int]  # T, B, M, N
# Changes a layer in place, and gives other leaves.
Change = Callable[[nn.RNNBase, list[Tensor]], list[Tensor]]
ID = "%d-%d-%d-%d".__mod__
SIZES: list[Size] = [(37, 13, 37, 101), (50, 8, 64, 64), (200, 1, 32, 64)]
LAYERS: dict[str, dict[str, Any]] = {
    "LSTM": {},
    "GRU": {},
    "RNN": {},
    "RNN-relu": {"nonlinearity": "relu"},
}

every_layer = pytest.mark.parametrize("name", LAYERS)
every_size = pytest.mark.parametrize("size", SIZES, ids=ID)


def _theirs(name: str, size: Size) -> nn.RNNBase:
    kind, _, _ = name.partition("-")
    return getattr(nn, kind)(*size[2:], **LAYERS[name])


def _twin(theirs: nn.RNNBase) -> nn.RNNBase:
    """A layer of ours with the weights of torch's."""
    ours = copy.deepcopy(theirs)
    assert hg.accelerate(ours) is ours
    return ours


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


def _distances(name: str, size: Size, change: Change) -> dict[str, list[float]]:
    """Give for each tensor how far ours is from the true one, how far torch's, and the floor."""
    theirs, leaves = _theirs(name, size), _leaves(name, size)
    with torch.no_grad():
        leaves = change(theirs, leaves)
    ours = _twin(theirs)
    exact = _oracle(ours, leaves)
    numbers = _numbers(ours, leaves), _numbers(theirs, leaves)
    return {
        tensor: [(n[tensor].double() - true).abs().max().item() for n in numbers]
        + [_floor(true, size[-1])]
        for tensor, true in exact.items()
    }


def _assert_as_near(name: str, size: Size, change: Change) -> None:
    """Compare the largest distances of a few draws: those of one are luck in a small tensor."""
    draws = [_distances(name, size, change) for _ in range(DRAWS)]
    far: list[str] = []
    for tensor in draws[0]:
        own, torchs, floor = map(max, zip(*(draw[tensor] for draw in draws), strict=True))
        if not own <= max(MOST * torchs, floor):
            far.append(f"{tensor}: {own:.3e}, torch.nn {torchs:.3e}, {own / torchs:.2f} times")
    assert not far, "; ".join(far)


def _plain(layer: nn.RNNBase, leaves: list[Tensor]) -> list[Tensor]:
    return leaves


def _saturated(layer: nn.RNNBase, leaves: list[Tensor]) -> list[Tensor]:
    x, *states = leaves
    return [50 * x, *states]


def _closed(layer: nn.RNNBase, leaves: list[Tensor]) -> list[Tensor]:
    units = layer.hidden_size  # the second gate is the forget gate, or the update gate
    layer.get_parameter("bias_ih_l0")[units : 2 * units] = -85.0
    x, *states = leaves
    return [x, *states[:-1], 1e-3 * states[-1]]


def _fading(layer: nn.RNNBase, leaves: list[Tensor]) -> list[Tensor]:
    for parameter, value in layer.named_parameters():
        if parameter.startswith("bias"):
            value.zero_()
    x, *states = leaves
    return [0 * x, *(1e-30 * state for state in states)]  # halved by each step, or nearly


@pytest.mark.parametrize("change", [_plain, _saturated], ids=["plain", "saturated"])
@every_size
@every_layer
def test_numbers_are_as_near_as_torch_s(name: str, size: Size, change: Change) -> None:
    _assert_as_near(name, size, change)


@every_size
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_gates_near_the_smallest_number_are_as_near_as_torch_s(name: str, size: Size) -> None:
    _assert_as_near(name, size, _closed)


# not relu: its gradient jumps where a state is lost that the oracle's numbers still have room for
@every_size
@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_states_that_end_below_normal_numbers_are_as_near_as_torch_s(name: str, size: Size) -> None:
    layer = _theirs(name, size)
    leaves = _fading(layer.requires_grad_(False), _leaves(name, size))
    last = _oracle(_twin(layer.requires_grad_(True)), leaves)["h"]
    assert 0 < last.abs().max() < 16 * FINE.tiny
    _assert_as_near(name, size, _fading)


def _break_input(leaves: list[Tensor], value: float) -> None:
    leaves[0][3, leaves[0].shape[1] // 2, 1] = value


def _break_state(leaves: list[Tensor], value: float) -> None:
    leaves[-1][0, leaves[-1].shape[1] // 2, 1] = value


@pytest.mark.parametrize("spoil", [_break_input, _break_state], ids=["input", "state"])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("size", [(17, 13, 37, 101), (5, 8, 64, 64)], ids=ID)
@every_layer
def test_what_is_no_number_spreads_as_in_torch_nn(
    name: str, size: Size, value: float, spoil: Callable[[list[Tensor], float], None]
) -> None:
    leaves, theirs = _leaves(name, size), _theirs(name, size)
    spoil(leaves, value)
    found, expected = _numbers(_twin(theirs), leaves), _numbers(theirs, leaves)
    assert not all(wanted.isfinite().all() for wanted in expected.values())
    for tensor, wanted in expected.items():
        assert torch.equal(_kinds(found[tensor]), _kinds(wanted)), tensor


def _kinds(values: Tensor) -> Tensor:
    """NaN, the infinities and all numbers as four classes."""
    return values.isnan() + 2 * values.isposinf() + 3 * values.isneginf()
