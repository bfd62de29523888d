"""Linear: a row has the same bits wherever it stands, and torch's own with a gradient."""

from __future__ import annotations

import pytest
import torch
from tests.cases import every_dtype
from tests.streams import INF, NAN, ODD
from tests.tolerances import assert_equal
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional

from headgate.kernels import native, using
from headgate.kernels.linear import linear
from headgate.layers import Linear

needs_native = pytest.mark.skipif(not native.available, reason="torch's sums have no fixed order")


def _sums(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same in double precision, product by product."""
    found = (x.double()[..., None, :] * weight.double()).sum(-1)
    return (found if bias is None else found + bias.double()).to(x.dtype)


def _draw(depth: int, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return torch.randn(width, depth, dtype=dtype) / depth**0.5, torch.randn(width, dtype=dtype)


@every_dtype
@pytest.mark.parametrize("width", ODD)
@pytest.mark.parametrize("depth", ODD)
def test_it_is_the_sums_of_products(depth: int, width: int, dtype: torch.dtype) -> None:
    weight, bias = _draw(depth, width, dtype)
    for shape in ((), (1,), (33,), (3, 7), (2, 1, 5)):
        x = torch.randn(*shape, depth, dtype=dtype)
        assert_equal(linear(x, weight, bias), _sums(x, weight, bias), "output")
        assert_equal(linear(x, weight), _sums(x, weight, None), "output")


@needs_native
@every_dtype
@pytest.mark.parametrize("depth", ODD)
def test_a_row_has_the_same_bits_wherever_it_stands(depth: int, dtype: torch.dtype) -> None:
    weight, bias = _draw(depth, 65, dtype)
    x = torch.randn(131, depth, dtype=dtype)
    found = linear(x, weight, bias)
    for row in (0, 1, 64, 130):
        assert_equal(linear(x[row], weight, bias), found[row], "bits")
    for size in (2, 5, 63):
        parts = torch.cat([linear(part, weight, bias) for part in x.split(size)])
        assert_equal(parts, found, "bits")
    order = torch.randperm(len(x))
    assert_equal(linear(x[order], weight, bias), found[order], "bits")
    assert_equal(linear(x.expand(2, -1, -1), weight, bias), found.expand(2, -1, -1), "bits")


@needs_native
def test_more_threads_give_the_same_bits() -> None:
    weight, bias = _draw(65, 130, torch.float32)
    x = torch.randn(257, 65)
    expected, threads = linear(x, weight, bias), torch.get_num_threads()
    try:
        for count in (2, 3, 7):
            torch.set_num_threads(count)
            assert_equal(linear(x, weight, bias), expected, "bits")
    finally:
        torch.set_num_threads(threads)


def test_what_is_not_contiguous_is_read_as_it_stands() -> None:
    weight, bias = _draw(7, 5, torch.float64)
    x = torch.randn(3, 7, 4, dtype=torch.float64).transpose(1, 2)
    expected = linear(x.contiguous(), weight, bias)
    strange = torch.empty(7, 5, dtype=torch.float64).t().copy_(weight)
    apart = torch.stack([bias, bias * 2], -1)[:, 0]
    assert not strange.is_contiguous()
    assert not apart.is_contiguous()
    assert_equal(linear(x, strange, apart), expected, "bits")
    wide = torch.cat([weight, weight], 1)[:, :7]
    assert_equal(linear(x.flip(0).flip(0), wide, bias), expected, "bits")


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_what_is_no_number_stays_in_its_row(bad: float) -> None:
    weight, bias = _draw(7, 33, torch.float32)
    x = torch.randn(3, 7)
    expected = linear(x, weight, bias)
    x[1, 4] = bad
    found = linear(x, weight, bias)
    assert_equal(found[::2], expected[::2], "bits")
    assert_equal(found[1], _sums(x, weight, bias)[1], "output")


def test_where_a_gradient_is_wanted_it_is_torchs() -> None:
    layer = Linear(7, 5)
    x = torch.randn(3, 7)
    found = layer(x)
    assert_equal(found, functional.linear(x, layer.weight, layer.bias), "bits")
    found.square().sum().backward()
    other = nn.Linear(7, 5)
    other.load_state_dict(layer.state_dict())
    other(x).square().sum().backward()
    pairs = zip(layer.parameters(), other.parameters(), strict=True)
    for ours, torchs in pairs:
        assert_equal(ours.grad, torchs.grad, "bits")
    leaf = x.double().requires_grad_()
    assert torch.autograd.gradcheck(layer.double(), (leaf,))
    for frozen in layer.parameters():
        frozen.requires_grad_(False)
    assert layer(leaf).requires_grad
    assert not layer(leaf.detach()).requires_grad


def test_no_gradient_comes_without_one_asked_for() -> None:
    layer, x = Linear(7, 5), torch.randn(3, 7, requires_grad=True)
    expected = _sums(x.detach(), layer.weight.detach(), layer.bias.detach())
    with torch.no_grad():
        found = layer(x)
    assert not found.requires_grad
    assert_equal(found, expected, "output")
    with torch.inference_mode():
        found = layer(x)
        assert found.is_inference()
    assert_equal(found.clone(), expected, "output")


@torch.no_grad()
def test_another_kernel_is_torchs() -> None:
    weight, bias = _draw(65, 33, torch.float32)
    x = torch.randn(9, 65)
    for kernel in ("reference", "eager", "aten"):
        with using(kernel):
            assert_equal(linear(x, weight, bias), functional.linear(x, weight, bias), "bits")


@torch.no_grad()
def test_what_the_native_part_does_not_know_is_torchs() -> None:
    weight, bias = _draw(65, 33, torch.float32)
    x = torch.randn(9, 65)
    for dtype in (torch.bfloat16, torch.float16):
        given = (x.to(dtype), weight.to(dtype), bias.to(dtype))
        assert_equal(linear(*given), functional.linear(*given), "bits")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert linear(x, weight, bias).dtype == torch.bfloat16
    expected = functional.linear(x, weight, bias)
    assert_equal(vmap(lambda row: linear(row, weight, bias))(x), expected, "output")
    layer = Linear(65, 33)
    given = {"weight": weight, "bias": bias}
    assert_equal(functional_call(layer, given, (x,)), expected, "output")
    assert linear(x.to("meta"), weight.to("meta"), bias.to("meta")).shape == (9, 33)


def test_no_row_gives_no_row() -> None:
    weight, bias = _draw(7, 5, torch.float32)
    for shape in ((0, 7), (3, 0, 7)):
        assert linear(torch.zeros(shape), weight, bias).shape == (*shape[:-1], 5)


@torch.no_grad()
def test_wrong_sizes_have_torchs_own_error() -> None:
    weight, bias = _draw(7, 5, torch.float32)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        linear(torch.zeros(3, 6), weight, bias)
    with pytest.raises(RuntimeError, match="dtype"):
        linear(torch.zeros(3, 7, dtype=torch.float64), weight, bias)
    for size in (4, 6, 9):
        with pytest.raises(RuntimeError):
            linear(torch.zeros(3, 7), weight, torch.zeros(size))
    assert_equal(linear(torch.zeros(3, 7), weight, torch.ones(1)), torch.ones(3, 5), "bits")


def test_a_layer_is_torchs_in_all_but_its_sums() -> None:
    layer, other = Linear(3, 2), nn.Linear(3, 2)
    assert isinstance(layer, nn.Linear)
    other.load_state_dict(layer.state_dict())
    assert repr(layer) == repr(other)
    assert Linear(3, 2, bias=False, dtype=torch.float64).weight.dtype == torch.float64
