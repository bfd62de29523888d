"""A layer that is copied, pickled, parametrized or run in half precision is right by value."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import Case, draw, every_cell
from tests.tolerances import assert_equal
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import headgate as hg
from headgate.kernels import using
from headgate.layers import Recurrent

STEPS, ROWS, FEATURES, UNITS = 3, 3, 2, 3
LENGTHS = torch.tensor([3, 0, 2])


def _layer(case: Case, **arguments: Any) -> Recurrent:
    return case.layer(input_size=FEATURES, hidden_size=UNITS, **arguments)


def _input() -> Tensor:
    return draw(STEPS, ROWS, FEATURES)


def _by_reference(result: Callable[[], Any]) -> Any:
    with using("reference"):
        return result()


def _gradients(layer: nn.Module, x: Tensor, **arguments: Any) -> list[Tensor]:
    """The outputs, and the gradient of the input and of every parameter."""
    leaf = x.clone().requires_grad_()
    outputs = layer(leaf, **arguments)[0]
    # no unit and no step weighs as much as another
    share = torch.linspace(-1, 2, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    wanted = [leaf, *layer.parameters()]
    found = torch.autograd.grad((outputs * share).sum(), wanted, allow_unused=True)
    zeros = (torch.zeros_like(tensor) for tensor in wanted)
    pairs = zip(found, zeros, strict=True)
    return [outputs.detach(), *(zero if g is None else g for g, zero in pairs)]


@every_cell
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))], ids=["copy", "pickle"]
)
def test_a_copy_is_equal_to_the_bit_and_apart(case: Case, copied: Any) -> None:
    layer, x = _layer(case), _input()
    layer(x)  # what a first run leaves behind is no hindrance
    again = copied(layer)
    assert_equal(_gradients(again, x), _gradients(layer, x), "bits")
    before = layer(x)[0]
    with torch.no_grad():
        next(again.parameters()).add_(1)
    assert_equal(layer(x)[0], before, "bits")


@every_cell
def test_inference_mode(case: Case) -> None:
    layer, x = _layer(case, num_layers=2, bidirectional=True), _input()
    with torch.inference_mode():
        outputs = layer(x, lengths=LENGTHS)[0]
        again = layer(outputs[..., :FEATURES])[0]
    assert outputs.is_inference()
    assert_equal(outputs.clone(), layer(x, lengths=LENGTHS)[0].detach(), "bits")
    assert_equal(again.clone(), layer(outputs.clone()[..., :FEATURES])[0].detach(), "bits")


PARAMETRIZATIONS: dict[str, Callable[..., nn.Module]] = {
    "weight_norm": parametrizations.weight_norm,
    "orthogonal": parametrizations.orthogonal,
    "spectral_norm": parametrizations.spectral_norm,
}


@every_cell
@pytest.mark.parametrize("kind", PARAMETRIZATIONS)
def test_parametrizations(case: Case, kind: str) -> None:
    layer, x = _layer(case), _input()
    # an independently recurrent unit has no recurrent matrix
    name = next(n for n in ("weight_hh_l0", "weight_ih_l0") if hasattr(layer, n))
    PARAMETRIZATIONS[kind](layer, name)
    layer.eval()  # a spectral norm moves at every run in training
    assert not isinstance(getattr(layer, name), nn.Parameter)
    found = _gradients(layer, x, lengths=LENGTHS)
    assert len(found) > 2
    assert_equal(found, _by_reference(lambda: _gradients(layer, x, lengths=LENGTHS)), "gradient")


def _half(layer: nn.Module, x: Tensor) -> list[Tensor]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = layer(x)[0]
    gradients = torch.autograd.grad(outputs.float().sum(), list(layer.parameters()))
    return [outputs, *gradients]


@pytest.mark.parametrize("mode", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("changed", [{}, {"bidirectional": True, "num_layers": 2}, {"bias": False}])
def test_autocast_is_torch_s_for_a_twin(mode: str, changed: dict[str, Any]) -> None:
    ours = getattr(hg, mode)(FEATURES, UNITS, **changed)
    theirs = getattr(nn, mode)(FEATURES, UNITS, **changed)
    theirs.load_state_dict(ours.state_dict())
    x = draw(STEPS, ROWS, FEATURES, dtype=torch.float32)
    try:
        expected = _half(theirs, x)
    except RuntimeError:
        pytest.skip("oneDNN cannot run torch.nn's layer in bfloat16 on this processor")
    found = _half(ours, x)
    assert [t.dtype for t in found] == [t.dtype for t in expected]
    _assert_half(found, expected)


@every_cell
def test_autocast_is_near_to_single_precision(case: Case) -> None:
    layer = _layer(case, dtype=torch.float32)
    x = draw(STEPS, ROWS, FEATURES, dtype=torch.float32)
    found, expected = _half(layer, x), _by_reference(lambda: _half(layer, x))
    # where oneDNN has an LSTM in bfloat16, its outputs are too: those of the reference are not
    assert found[0].dtype in (torch.bfloat16, expected[0].dtype)
    assert [t.dtype for t in found[1:]] == [t.dtype for t in expected[1:]]
    _assert_half(found, expected)
    _assert_half([layer(x)[0]], found[:1])


def _assert_half(found: list[Tensor], expected: list[Tensor]) -> None:
    def rounded(tensors: list[Tensor]) -> list[Tensor]:
        return [tensor.to(torch.bfloat16) for tensor in tensors]

    assert_equal(rounded(found[:1]), rounded(expected[:1]), "output")
    assert_equal(rounded(found[1:]), rounded(expected[1:]), "gradient")
