"""What a step takes, and what it refuses before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch
from tests.streams import NAN, batch, draw_input
from tests.tolerances import assert_equal
from torch import Tensor, nn

from headgate.errors import ShapeError
from headgate.kernels import chain
from headgate.layers import Recurrent
from headgate.streaming import Stream

ROWS = [None, 3]
every_rows = pytest.mark.parametrize("rows", ROWS)

INPUTS: dict[str, Callable[[Tensor], Any]] = {
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(x.tolist()),
    "numpy": lambda x: x.numpy(),
    "float64 of numpy": lambda x: x.double().numpy(),
    "read-only numpy": lambda x: numpy.frombuffer(x.numpy().tobytes(), "float32").reshape(x.shape),
    "parameter": nn.Parameter,
    "requires_grad": lambda x: x.clone().requires_grad_(),
    "strided": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "transposed": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
    "expanded": lambda x: x[..., None].expand(*x.shape, 2)[..., 0],
}


@pytest.mark.parametrize("name", INPUTS)
@every_rows
def test_what_a_step_takes(rows: int | None, name: str) -> None:
    layer = Recurrent("gru", 3, 4)
    x = torch.randn(5, *batch(rows), 3)
    stream, other = Stream(layer, rows=rows), Stream(layer, rows=rows)
    expected = stream.steps(x)
    found = other.fork().steps(INPUTS[name](x))
    assert_equal(found, expected, "bits")
    assert not found.requires_grad
    for t in range(5):
        assert_equal(other.step(INPUTS[name](x[t])), expected[t], "bits")


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.uint8])
def test_ids_of_any_type(dtype: torch.dtype) -> None:
    stream = Stream(nn.Embedding(9, 4), Recurrent("gru", 4, 3))
    ids = [3, 1, 8, 0]
    expected = stream.fork().steps(ids)
    assert_equal(stream.fork().steps(torch.tensor(ids, dtype=dtype)), expected, "bits")
    assert_equal(stream.fork().steps(torch.tensor(ids, dtype=dtype).numpy()), expected, "bits")
    for id, wanted in zip(torch.tensor(ids, dtype=dtype), expected, strict=True):
        assert_equal(stream.step(id), wanted, "bits")


def test_inference_mode_changes_nothing() -> None:
    layer = Recurrent("lstm", 3, 4)
    x = torch.randn(6, 3)
    expected = Stream(layer).steps(x)
    with torch.inference_mode():
        stream = Stream(layer, rewind=2)
        first = stream.steps(x[:4])
        other = stream.fork()
    stream.rewind(1)
    assert_equal(stream.steps(x[3:]), expected[3:], "bits")
    assert_equal(first, expected[:4], "bits")
    other.state = other.state
    with torch.inference_mode():
        assert_equal(other.steps(x[4:]), expected[4:], "bits")
    other.reset()
    assert_equal(other.steps(x), expected, "bits")


WRONG: dict[str, tuple[Any, str]] = {
    "too many features": (torch.zeros(4), r"features of the shape \(3,\).*shape \(4,\)"),
    "no axis": (torch.tensor(1.0), r"shape \(\)"),
    "an axis too many": (torch.zeros(1, 3), r"shape \(1, 3\)"),
    "float64": (torch.zeros(3, dtype=torch.float64), r"float32.*float64"),
    "whole numbers": (torch.zeros(3, dtype=torch.int64), r"float32.*int64"),
    "complex": (torch.zeros(3, dtype=torch.complex64), r"complex64"),
    "complex numbers": ([1j, 2, 3], r"complex64"),
    "nothing": (None, r"features of the shape \(3,\), not None"),
    "text": ("abc", r"not 'abc'"),
    "ragged": ([[1.0], [2.0, 3.0]], r"features of the shape \(3,\)"),
    "empty": ([], r"shape \(0,\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_features_take_no_step(name: str) -> None:
    stream = Stream(Recurrent("gru", 3, 4))
    stream.step([1, 2, 3])
    before = stream.state
    x, message = WRONG[name]
    with pytest.raises(ShapeError, match=message):
        stream.step(x)
    assert stream.state == before


@pytest.mark.parametrize("bad", [1.0, [1.5], True, NAN, 1j, torch.tensor(1.0), torch.tensor(True)])
def test_ids_are_whole_numbers(bad: Any) -> None:
    with pytest.raises(ShapeError, match="ids are whole numbers, not torch"):
        Stream(nn.Embedding(4, 2)).step(bad)


@pytest.mark.parametrize("bad", [-1, 4, 2**40, -(2**63)])
@every_rows
@pytest.mark.parametrize("slow", [False, True])
def test_an_id_out_of_range_takes_no_step(
    bad: int, rows: int | None, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if slow:
        monkeypatch.setattr(chain, "serves", lambda links: False)
    stream = Stream(nn.Embedding(4, 2), Recurrent("gru", 2, 3), rows=rows)
    good = torch.zeros(6, *batch(rows), dtype=torch.int64)
    stream.steps(good)
    before, position = stream.state, stream.position
    chunk = good.clone()
    chunk.view(6, -1)[4, -1] = bad
    for take, x in ((stream.steps, chunk), (stream.step, chunk[4])):
        with pytest.raises(ShapeError, match=rf"^{bad} is no id.*0 to 3; no step was taken"):
            take(x)
    assert (stream.state, stream.position) == (before, position)


def test_an_empty_chunk_is_no_step() -> None:
    for modules in ([Recurrent("gru", 3, 4)], [nn.Embedding(6, 3), Recurrent("gru", 3, 4)]):
        for rows in ROWS:
            stream = Stream(*modules, rows=rows)
            x = draw_input(modules, 0, rows or 1)
            before = stream.state
            found = stream.steps(x if rows else x[:, 0])
            assert found.shape == (0, *batch(rows), 4)
            assert stream.state == before
    assert Stream(nn.Embedding(4, 2)).steps([]).shape == (0, 2)


@every_rows
def test_an_answer_goes_into_memory_that_is_given(rows: int | None) -> None:
    stream = Stream(Recurrent("gru", 3, 4), rows=rows)
    other = stream.fork()
    x, out = torch.randn(*batch(rows), 3), torch.full((*batch(rows), 4), 7.0)
    assert stream.step(x, out=out) is out
    assert torch.equal(out, other.step(x))
    # and where the input has to be converted first
    assert stream.step(x.tolist(), out=out) is out
    assert torch.equal(out, other.step(x))


@pytest.mark.parametrize(
    "out",
    [torch.zeros(5), torch.zeros(4, dtype=torch.float64), torch.zeros(8)[::2], torch.zeros(1, 4)],
    ids=["units", "dtype", "gaps", "axes"],
)
def test_memory_that_does_not_fit_takes_no_step(out: Tensor) -> None:
    stream = Stream(Recurrent("gru", 3, 4))
    with pytest.raises(ShapeError, match=r"out is \(4,\) of torch.float32"):
        stream.step(torch.randn(3), out=out)
    assert stream.position == 0


def test_a_minus_that_torch_keeps_beside_the_numbers_is_seen() -> None:
    stream = Stream(Recurrent("gru", 3, 4))
    other, x = stream.fork(), torch.randn(4, 3)
    negated = torch._neg_view(x)  # pyright: ignore[reportPrivateImportUsage]
    assert negated.is_neg()
    assert torch.equal(stream.step(negated[0]), other.step(-x[0]))
    assert torch.equal(stream.steps(negated), other.steps(-x))


@pytest.mark.parametrize("x", [3, torch.tensor(3), torch.tensor(3, dtype=torch.int32)], ids=str)
def test_a_token_is_a_number_or_a_tensor(x: Any) -> None:
    stream = Stream(nn.Embedding(5, 3), Recurrent("gru", 3, 4))
    other = stream.fork()
    assert torch.equal(stream.step(x), other.steps([3])[0])
    for wrong in (5, -1, 2**70, -(2**63) - 1, True, 1.0):
        with pytest.raises(ShapeError):
            stream.step(wrong)
    assert stream.position == 1


def test_an_input_without_the_fast_exchange_takes_the_general_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer, x = Recurrent("lstm", 3, 4), torch.randn(6, 3)
    fast, slow = Stream(layer), Stream(layer)
    monkeypatch.setattr(slow, "_step", lambda x, out, slot: None)
    assert torch.equal(
        torch.stack([fast.step(t) for t in x]), torch.stack([slow.step(t) for t in x])
    )
