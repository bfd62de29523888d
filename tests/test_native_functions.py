"""The native elementwise functions: units in the last place, limits, and torch's values."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.kernels import native
from headgate.program.derivatives import BACKWARD
from headgate.program.operations import OPERATIONS

compiled: Any = pytest.importorskip("headgate._native", reason="the native part is not built")

NAN, INF = float("nan"), float("inf")
ULPS = 2.0  # what native/simd/functions.hpp promises
INTEGERS = {torch.float32: torch.int32, torch.float64: torch.int64}

every_target = pytest.mark.parametrize("target", native.instruction_sets())
every_dtype = pytest.mark.parametrize("dtype", list(INTEGERS), ids=["f32", "f64"])


def _apply(target: str, name: str, x: Tensor) -> Tensor:
    y, code = torch.empty_like(x), native.operations()[name]
    doubles = x.dtype == torch.float64
    compiled.unary(target, doubles, code, x.data_ptr(), y.data_ptr(), x.numel())
    return y


# Arguments: the whole range, and every place where a formula changes.


def _edges() -> list[float]:
    """Where a reduction goes on to the next power of two, or another formula or a limit begins."""
    steps = [k * math.log(2) / 2 for k in range(1, 300)]
    steps += [k * math.log(2) / 2 for k in range(2000, 2150, 2)]
    limits = [0.55, 10.0, 18.0, 20.0, 38.0, 40.0, 44.5, 87.33654, 88.0, 88.5, 88.72284, 89.0, 355.0]
    limits += [708.39641853226408, 709.0, 709.7, 709.78271289338397, 710.0]
    roots = [math.sqrt(0.5), 1.0, math.sqrt(2.0), 2.0]  # of the logarithm
    return [sign * edge for sign in (1, -1) for edge in (*steps, *limits, *roots)]


def _around(edges: list[float], dtype: torch.dtype, reach: int) -> Tensor:
    """The numbers next to each edge."""
    bits = torch.tensor(edges, dtype=dtype).view(INTEGERS[dtype])
    near = torch.arange(-reach, reach + 1, dtype=bits.dtype)
    return (bits[:, None] + near).flatten().view(dtype)


def _patterns(dtype: torch.dtype, count: int) -> Tensor:
    """Bit patterns of all numbers, evenly spread and drawn."""
    integers = INTEGERS[dtype]
    info = torch.iinfo(integers)
    chance = torch.Generator().manual_seed(0)
    drawn = torch.randint(info.min, info.max, (count,), dtype=integers, generator=chance)
    stride = 2 * (info.max // count) + 1
    even = torch.arange(count, dtype=integers) * stride + info.min
    return torch.cat([even, drawn]).view(dtype)


def _arguments(dtype: torch.dtype, count: int) -> Tensor:
    """What every function is tried at: finite, and no denormal number, which counts as zero."""
    near_0 = torch.logspace(-30, 0, count // 4, dtype=torch.float64)
    usual = torch.linspace(-25, 25, count // 2, dtype=torch.float64)
    wide = torch.linspace(-1, 1, count // 2, dtype=torch.float64)
    wide = wide * (105 if dtype == torch.float32 else 750)
    made = torch.cat([near_0, -near_0, usual, wide, torch.zeros(1)]).to(dtype)
    edges = _around(_edges(), dtype, 64 if dtype == torch.float32 else 2)
    x = torch.cat([made, edges, _patterns(dtype, count)])
    x = x[x.isfinite()]
    return x[(x == 0) | (x.abs() >= torch.finfo(dtype).tiny)]


# Exact results: of 32-bit floats in 64 bits, of 64-bit floats as decimal numbers.

IN_DOUBLES: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


def _tanh(x: Decimal) -> Decimal:
    if abs(x) < Decimal("1e-15"):
        return x - x**3 / 3
    power = (2 * x).exp()
    return (power - 1) / (power + 1)


IN_DECIMALS: dict[str, Callable[[Decimal], Decimal]] = {
    "exp": Decimal.exp,
    "log": Decimal.ln,
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "tanh": _tanh,
}

every_function = pytest.mark.parametrize("name", IN_DOUBLES)


def _domain(name: str, x: Tensor) -> Tensor:
    if name == "log":
        return x[x > 0]
    # tanh of a large number is 1 less a number that no decimal has room for
    return x.clamp(-1e4, 1e4) if x.dtype == torch.float64 else x


def _spacing(rounded: Tensor) -> Tensor:
    """The unit in the last place of positive normal numbers, in doubles."""
    doubles = rounded.double()
    _, exponent = torch.frexp(doubles)
    return torch.ldexp(torch.full_like(doubles, torch.finfo(rounded.dtype).eps), exponent - 1)


def _assert_within(ulps: Tensor, x: Tensor, found: Tensor) -> None:
    worst = int(ulps.argmax())
    assert ulps[worst] <= ULPS, f"{ulps[worst]:.3f} ulp at {x[worst]!r}: {found[worst]!r}"


def _check(x: Tensor, found: Tensor, rounded: Tensor, off: Tensor) -> None:
    """Compare with correctly rounded results; `off` is the distance to the exact ones."""
    assert not found.isnan().any()
    over = rounded.isinf()
    assert torch.equal(found[over], rounded[over])
    tiny = torch.finfo(x.dtype).tiny
    denormal = rounded.abs() < tiny
    # zero, or as near as the smallest normal number's unit
    flushed = found[denormal] == 0
    assert (flushed | (off[denormal] <= ULPS * _spacing(torch.tensor(tiny)))).all()
    rest = ~over & ~denormal
    _assert_within(off[rest] / _spacing(rounded[rest].abs()), x[rest], found[rest])


@every_function
@every_target
def test_floats_are_within_two_units_of_the_last_place(target: str, name: str) -> None:
    x = _domain(name, _arguments(torch.float32, 200_000))
    found, exact = _apply(target, name, x), IN_DOUBLES[name](x.double())
    _check(x, found, exact.float(), (found.double() - exact).abs())


@every_function
@every_target
def test_doubles_are_within_two_units_of_the_last_place(target: str, name: str) -> None:
    x = _domain(name, _arguments(torch.float64, 1500))
    found = _apply(target, name, x)
    with localcontext() as context:
        context.prec = 50
        exact = [IN_DECIMALS[name](Decimal(number)) for number in x.tolist()]
        pairs = zip(exact, found.tolist(), strict=True)
        off = [float(abs(e - Decimal(f))) if math.isfinite(f) else 0.0 for e, f in pairs]
    rounded = torch.tensor([float(e) for e in exact], dtype=torch.float64)
    assert torch.equal(found.isinf(), rounded.isinf())
    _check(x, found, rounded, torch.tensor(off, dtype=torch.float64))


# Limits.


@every_dtype
@every_target
def test_nan_stays_and_limits_are_reached_exactly(target: str, dtype: torch.dtype) -> None:
    x = torch.tensor([NAN, INF, -INF, 0.0, -0.0, 1000.0, -1000.0], dtype=dtype)
    expected = {
        "exp": [NAN, INF, 0.0, 1.0, 1.0, INF, 0.0],
        "sigmoid": [NAN, 1.0, 0.0, 0.5, 0.5, 1.0, 0.0],
        "tanh": [NAN, 1.0, -1.0, 0.0, -0.0, 1.0, -1.0],
    }
    for name, values in expected.items():
        found = _apply(target, name, x)
        assert_equal(found, torch.tensor(values, dtype=dtype), "bits")
        assert found.signbit()[1:].tolist() == [math.copysign(1, v) < 0 for v in values[1:]]
    # the logarithm has other places where it is none or infinite
    places = torch.tensor([NAN, INF, 0.0, -0.0, -1.0, -INF], dtype=dtype)
    limits = torch.tensor([NAN, INF, -INF, -INF, NAN, NAN], dtype=dtype)
    assert_equal(_apply(target, "log", places), limits, "bits")


@every_dtype
@every_target
def test_saturation_is_exact_from_where_the_rounded_result_is(
    target: str, dtype: torch.dtype
) -> None:
    half = torch.finfo(dtype).eps / 2
    # beyond these the exact results round to 1
    sigmoid, tanh = math.log(2 / half) + 0.1, math.log(4 / half) / 2 + 0.1
    for name, least in (("sigmoid", sigmoid), ("tanh", tanh)):
        x = torch.cat([torch.linspace(least, 3 * least, 9), torch.logspace(3, 30, 9)]).to(dtype)
        assert_equal(_apply(target, name, x), torch.ones_like(x), "bits")


@every_dtype
@every_target
def test_tanh_is_odd(target: str, dtype: torch.dtype) -> None:
    x = _arguments(dtype, 20_000)
    positive, negative = _apply(target, "tanh", x), _apply(target, "tanh", -x)
    assert torch.equal(negative.view(INTEGERS[dtype]), (-positive).view(INTEGERS[dtype]))


@every_dtype
@every_function
@every_target
def test_the_bits_do_not_depend_on_the_place(target: str, name: str, dtype: torch.dtype) -> None:
    x = _domain(name, torch.randn(67, dtype=dtype) * 10)
    whole = _apply(target, name, x)
    for first in range(1, 18):
        found = _apply(target, name, x[first:].clone())
        assert_equal(found, whole[first:], "bits")
        assert_equal(_apply(target, name, x[:first].clone()), whole[:first], "bits")


# Every unary operation of the bytecode against torch's.

BINARY = {"masked", "add", "sub", "mul", "div", "pow", "maximum", "minimum"}
ROWS = {"load", "store", "sum", "reduce", "mean", "scale", "spread", "normalize"}
UNARY = sorted(
    name
    for name in native.operations()
    if name not in BINARY | ROWS and not name.endswith("_backward")
)
KINKS = [0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 20.0, -20.0, 6.0, -6.0, INF, -INF, NAN]


def _torch(name: str) -> Callable[[Tensor], Tensor]:
    return OPERATIONS[name].run if name in OPERATIONS else BACKWARD[name]


@every_dtype
@pytest.mark.parametrize("name", UNARY)
@every_target
def test_every_unary_operation_has_torch_s_values(
    target: str, name: str, dtype: torch.dtype
) -> None:
    # each kink 64 times: torch may answer otherwise for what does not fill a vector
    kinks = torch.tensor(KINKS, dtype=dtype).repeat_interleave(64)
    small, usual = torch.logspace(-30, 2, 300, dtype=dtype), torch.linspace(-30, 30, 4000).to(dtype)
    usual = torch.cat([usual, small, -small])
    assert_equal(_apply(target, name, usual), _torch(name)(usual), "output")
    for x in kinks.split(64):  # by doubles: torch's own gelu of infinity is NaN with AVX-512
        assert_equal(_apply(target, name, x), _torch(name)(x.double()).to(dtype), "output")


@pytest.mark.parametrize("name", ["sqrt", "relu", "leaky_relu", "hardtanh", "softsign"])
@every_target
def test_the_sign_of_zero_is_torch_s(target: str, name: str) -> None:
    x = torch.tensor([0.0, -0.0] * 32)
    expected = _torch(name)(x)
    assert torch.equal(_apply(target, name, x).signbit(), expected.signbit())


def test_the_table_of_unary_operations_is_whole() -> None:
    known = {n for n, o in OPERATIONS.items() if o.arity == 1 and n != "normalize"}
    assert set(UNARY) == known | {"step", "sign"}
