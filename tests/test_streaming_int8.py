"""Weights of one byte: against products computed here, and near the network of floats."""

from __future__ import annotations

import random

import pytest
import torch
from tests.cases import Case, every_cell, every_dtype
from tests.streams import INF, NAN, ODD, draw_input, in_pieces, whole
from tests.tolerances import assert_equal
from torch import Tensor, nn

from headgate.errors import StreamError, UnknownNameError
from headgate.kernels import chain, native
from headgate.layers import LSTM, RNN, Linear, Output, Recurrent
from headgate.models.pooling import Pool
from headgate.streaming import Stream

pytestmark = pytest.mark.skipif(not native.available, reason="bytes need the native part")

BYTE, SHORT = 127, 32767


def _round(x: Tensor) -> Tensor:
    """To the nearest whole number, halves away from zero."""
    return x.sign() * (x.abs() + 0.5).floor()


def _whole_numbers(x: Tensor, greatest: int) -> tuple[Tensor, Tensor]:
    """Each row as whole numbers up to the greatest, and its scale, in double precision."""
    scale = x.double().abs().amax(-1, keepdim=True) / greatest
    return _round(torch.where(scale > 0, x.double() / scale, 0)), scale


def _product(x: Tensor, weight: Tensor) -> Tensor:
    left, left_scale = _whole_numbers(x, SHORT)
    right, right_scale = _whole_numbers(weight, BYTE)
    exact = left.long() @ right.long().T
    return exact.double() * left_scale * right_scale.T


def _bound(x: Tensor, weight: Tensor) -> Tensor:
    """How far a product of rounded numbers lies from that of floats at most: half a unit each."""
    x, weight = x.double(), weight.double()
    left = x.abs().amax(-1, keepdim=True) / SHORT * 0.5
    right = weight.abs().amax(-1, keepdim=True) / BYTE * 0.5
    terms = left * weight.abs().sum(-1) + x.abs().sum(-1, keepdim=True) * right.T
    return terms + weight.shape[1] * left * right.T


def _on_a_grid(rows: int, features: int, dtype: torch.dtype) -> Tensor:
    """Rows whose 16-bit numbers are exact, so that no rounding is near a half."""
    x = torch.randint(-SHORT, SHORT + 1, (rows, features)).to(dtype)
    x[:, random.randrange(features)] = SHORT
    return x / 2**10


@every_dtype
@pytest.mark.parametrize("width", ODD)
@pytest.mark.parametrize("depth", [*ODD, 255, 256, 257, 515])
def test_a_product_is_that_of_whole_numbers(depth: int, width: int, dtype: torch.dtype) -> None:
    layer = Linear(depth, width).to(dtype)
    x = _on_a_grid(7, depth, dtype)
    found = Stream(layer, rows=7, quantize="int8").step(x)
    expected = _product(x, layer.weight.detach()) + layer.bias.detach().double()
    assert_equal(found, expected.to(dtype), "output")


@every_dtype
def test_a_half_is_rounded_away_from_zero(dtype: torch.dtype) -> None:
    layer = Linear(6, 2, bias=False).to(dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[127, 0.5, -0.5, 1.5, -2.5, 0.25], [-127, 0, 0, 0, 0, 1]]))
    stream = Stream(layer, rows=6, quantize="int8")
    found = stream.step(torch.eye(6, dtype=dtype))
    expected = torch.tensor([[127, 1, -1, 2, -3, 0], [-127, 0, 0, 0, 0, 1]], dtype=dtype).T
    assert_equal(found, expected, "output")


@pytest.mark.parametrize("depth", ODD)
def test_any_product_is_within_half_a_unit_of_each_factor(depth: int) -> None:
    layer = Linear(depth, 33, bias=False)
    x = torch.randn(65, depth) * torch.logspace(-6, 6, 65)[:, None]
    found = Stream(layer, rows=65, quantize="int8").step(x)
    exact = x.double() @ layer.weight.detach().double().T
    slack = 1e-5 * exact.abs() + 1e-6 * x.abs().sum(-1, keepdim=True)
    assert ((found - exact).abs() <= _bound(x, layer.weight.detach()) + slack).all()
    assert not torch.equal(found, Stream(layer, rows=65).step(x))


@every_dtype
def test_sums_of_the_greatest_numbers_do_not_overflow(dtype: torch.dtype) -> None:
    layer = Linear(4097, 3, bias=False).to(dtype)
    nn.init.ones_(layer.weight)
    x = torch.ones(4097, dtype=dtype)
    stream = Stream(layer, quantize="int8")
    assert_equal(stream.step(x), torch.full((3,), 4097, dtype=dtype), "output")
    assert_equal(stream.step(-x), torch.full((3,), -4097, dtype=dtype), "output")


def test_a_network_stays_near_the_floats() -> None:
    """The error of a step: of its products, and of the state before times the weights' norm."""
    layer, head = RNN(7, 33), Linear(33, 5)
    inner, outer, *_ = (parameter.detach() for parameter in layer.parameters())
    outer.mul_(0.9 / outer.abs().sum(-1).max())
    x = torch.randn(50, 3, 7)
    states = whole([layer], x).double()
    found = Stream(layer, head, rows=3, quantize="int8").steps(x).double()
    norm = outer.double().abs().sum(-1).max()
    near, error, slack = torch.zeros(3, 33), torch.zeros(3, dtype=torch.float64), 1e-5
    for t, inputs in enumerate(x):
        # the state that is multiplied is off by the error itself: none of its numbers exceeds 1
        own = _bound(torch.ones(1, 33), outer).amax(-1)
        new = _bound(inputs, inner).amax(-1)
        error = norm * error + own + new + slack
        near = head(states[t].float()).double()
        weight = head.weight.detach()
        allowed = error[:, None] * weight.double().abs().sum(-1)
        allowed = allowed + _bound(torch.ones(3, 33), weight) + slack
        assert ((found[t] - near).abs() <= allowed).all()
    assert error.max() < 0.5  # the bound says something: states reach 1
    assert (found[-1] - near).abs().max() < 0.02


@every_cell
def test_pieces_of_any_cell_give_equal_bits(case: Case) -> None:
    layer = case.layer(
        dtype=torch.float32, num_layers=2, residual=True, initial_state="learned", hidden_size=9
    )
    x = draw_input([layer], 70, 3)
    stream = Stream(layer, rows=3, quantize="int8")
    assert stream._engine.quantize == "int8"
    found = stream.fork().steps(x)
    assert_equal(in_pieces(stream, x, seed=1), found, "bits")
    alone = Stream(layer, quantize="int8")
    assert_equal(in_pieces(alone, x[:, 1], seed=2), found[:, 1], "bits")


@every_dtype
@pytest.mark.parametrize("units", ODD)
def test_a_row_alone_is_that_row_of_a_batch(units: int, dtype: torch.dtype) -> None:
    layer = Recurrent("gru", 5, units, layer_norm=True, reset="before")
    modules = [layer.to(dtype), Pool("mean+max"), Linear(2 * units, 7).to(dtype)]
    x = draw_input(modules, 6, 65)
    found = Stream(*modules, rows=65, quantize="int8").steps(x)
    for row in (0, 31, 64):
        alone = Stream(*modules, quantize="int8")
        assert_equal(in_pieces(alone, x[:, row], seed=row), found[:, row], "bits")


@every_dtype
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("place", [0, 63, 64, 129])
def test_a_row_with_what_is_no_number_is_lost_alone(
    bad: float, place: int, dtype: torch.dtype
) -> None:
    layer = Linear(130, 5).to(dtype)
    x = torch.randn(3, 130, dtype=dtype)
    expected = Stream(layer, rows=3, quantize="int8").step(x)
    x[1, place] = bad
    found = Stream(layer, rows=3, quantize="int8").step(x)
    assert found[1].isnan().all()
    assert_equal(found[::2], expected[::2], "bits")


@every_dtype
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_weight_that_is_no_number_loses_its_own_column(bad: float, dtype: torch.dtype) -> None:
    layer = Linear(7, 33).to(dtype)
    x = torch.randn(7, dtype=dtype)
    expected = Stream(layer, quantize="int8").step(x)
    with torch.no_grad():
        layer.weight[20, 3] = bad
    found = Stream(layer, quantize="int8").step(x)
    assert found[20].isnan()
    others = torch.arange(33) != 20
    assert_equal(found[others], expected[others], "bits")


@every_dtype
def test_zeros_are_exact(dtype: torch.dtype) -> None:
    layer = Linear(9, 5).to(dtype)
    stream = Stream(layer, rows=2, quantize="int8")
    x = torch.stack([torch.zeros(9, dtype=dtype), torch.randn(9, dtype=dtype)])
    assert_equal(stream.step(x)[0], layer.bias.detach(), "bits")
    nn.init.zeros_(layer.weight)
    assert_equal(
        Stream(layer, rows=2, quantize="int8").step(x), layer.bias.detach().expand(2, 5), "bits"
    )


@every_dtype
def test_one_huge_weight_leaves_the_other_rows_alone(dtype: torch.dtype) -> None:
    layer = Linear(9, 5, bias=False).to(dtype)
    x = torch.randn(9, dtype=dtype)
    expected = Stream(layer, quantize="int8").step(x)
    with torch.no_grad():
        layer.weight[2, 4] = 1e30
    found = Stream(layer, quantize="int8").step(x)
    others = torch.arange(5) != 2
    assert_equal(found[others], expected[others], "bits")
    assert_equal(found[2], _product(x[None], layer.weight.detach())[0, 2].to(dtype), "output")


@every_dtype
def test_the_least_numbers_come_to_nothing(dtype: torch.dtype) -> None:
    info = torch.finfo(dtype)
    layer = Linear(9, 5, bias=False).to(dtype)
    for least in (info.tiny, info.tiny * 8, info.smallest_normal / 16):
        x = torch.full((9,), least, dtype=dtype)
        found = Stream(layer, quantize="int8").step(x)
        assert (found.abs() <= 10 * least).all()
        with torch.no_grad():
            small = Linear(9, 5, bias=False).to(dtype)
            small.weight.fill_(least)
        found = Stream(small, quantize="int8").step(torch.ones(9, dtype=dtype))
        assert (found >= 0).all()
        assert (found <= 10 * least).all()


def test_the_greatest_numbers_stay_finite_where_the_answer_is() -> None:
    layer = Linear(2, 1, bias=False)
    nn.init.constant_(layer.weight, 0.25)
    x = torch.tensor([torch.finfo(torch.float32).max] * 2)
    found = Stream(layer, quantize="int8").step(x)
    assert_equal(found / x[0], torch.tensor([0.5]), "output")


def test_any_numbers_keep_to_the_bound() -> None:
    draw = random.Random(0)
    for _ in range(60):
        depth, width, rows = (draw.randint(1, 90) for _ in range(3))
        layer = Linear(depth, width, bias=False)
        with torch.no_grad():
            layer.weight.mul_(torch.logspace(-draw.randint(0, 8), 0, depth))
            layer.weight[torch.rand(width, depth) < 0.2] = 0
        x = torch.randn(rows, depth) * (torch.rand(rows, depth) < draw.random())
        found = Stream(layer, rows=rows, quantize="int8").step(x)
        exact = x.double() @ layer.weight.detach().double().T
        allowed = _bound(x, layer.weight.detach()) + 1e-5 * x.abs().sum(-1, keepdim=True)
        assert ((found - exact).abs() <= allowed).all()


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
def test_outputs_and_torchs_layers_are_quantized_too() -> None:
    modules = [nn.Embedding(9, 6), LSTM(6, 8, proj_size=5), Output(5, 3, activation="tanh")]
    x = draw_input(modules, 20, 3)
    near = whole(modules, x)
    found = Stream(*modules, rows=3, quantize="int8").steps(x)
    assert 0 < (found - near).abs().max() < 0.05


def test_rewind_fork_and_state_are_those_of_floats() -> None:
    layer = Recurrent("lstm", 3, 9)
    stream = Stream(layer, rewind=2, quantize="int8")
    x = draw_input([layer], 8, 1)[:, 0]
    stream.steps(x[:4])
    other, kept = stream.fork(), stream.state
    found = stream.steps(x[4:])
    stream.rewind(2)
    assert_equal(stream.steps(x[6:]), found[2:], "bits")
    assert_equal(other.steps(x[4:]), found, "bits")
    stream.state = kept
    assert_equal(stream.steps(x[4:]), found, "bits")
    with pytest.raises(StreamError, match="of one network"):
        Stream.join([stream, Stream(layer)])


def test_bytes_take_a_quarter_of_the_memory() -> None:
    layer = Recurrent("lstm", 256, 256)
    floats, small = (Stream(layer, quantize=q)._engine._chain for q in (None, "int8"))
    assert floats is not None
    assert small is not None
    assert small.native.weight_bytes < 0.27 * floats.native.weight_bytes


def test_what_cannot_be_quantized_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match=r"quantize 'int4'.*'int8'"):
        Stream(Linear(2, 2), quantize="int4")
    for dtype in (torch.bfloat16, torch.float16):
        with pytest.raises(StreamError, match="needs the native part, and weights of float32"):
            Stream(Linear(2, 2).to(dtype), quantize="int8")
    monkeypatch.setattr(chain, "serves", lambda links: False)
    with pytest.raises(StreamError, match="needs the native part"):
        Stream(Linear(2, 2), quantize="int8")
