"""The slow twin, held to the native part and to the laws of a stream."""

from __future__ import annotations

import pytest
import torch
from tests.cases import Case, every_cell, every_dtype, every_option
from tests.streams import NAN, draw_input, drawn_pool, in_pieces, whole
from tests.tolerances import assert_equal
from torch import nn

from headgate.kernels import chain, native
from headgate.layers import LSTM, Linear, Output, Recurrent
from headgate.models.pooling import POOLS
from headgate.streaming import Stream


def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "serves", lambda links: False)


@every_option
def test_it_gives_what_the_native_part_gives(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = case.layer(num_layers=2, residual=True, initial_state="learned").eval()
    x = draw_input([layer], 5, 3)
    expected = Stream(layer, rows=3).steps(x)
    _slow(monkeypatch)
    together, alone = Stream(layer, rows=3), Stream(layer)
    assert not together._engine.native
    assert_equal(in_pieces(together, x), expected, "output")
    assert_equal(in_pieces(alone, x[:, 1]), expected[:, 1], "output")


@every_dtype
@pytest.mark.parametrize("pool", POOLS)
def test_chains_with_pools_and_heads(
    pool: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = 5 * POOLS[pool].width
    modules = [
        nn.Embedding(9, 3),
        LSTM(3, 5),
        drawn_pool(pool, 5),
        Output(width, 4, activation="tanh"),
    ]
    modules = [module.to(dtype) for module in modules]
    x = draw_input(modules, 9, 3)
    expected = Stream(*modules, rows=3).steps(x)
    assert_equal(expected, whole(modules, x), "output")
    _slow(monkeypatch)
    found = in_pieces(Stream(*modules, rows=3), x)
    assert_equal(found, expected, "output")
    assert_equal(in_pieces(Stream(*modules), x[:, 2]), expected[:, 2], "output")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@every_cell
def test_types_of_number_that_the_native_part_does_not_know(case: Case, dtype: torch.dtype) -> None:
    layer = case.layer(dtype=torch.float32)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(parameter.bfloat16())  # the same weights in every type
    x = draw_input([layer], 6, 3).bfloat16()
    expected = Stream(layer, rows=3).steps(x.float())
    stream = Stream(layer.to(dtype), rows=3, rewind=2)
    assert not stream._engine.native
    found = in_pieces(stream, x.to(dtype))
    assert found.dtype == dtype
    assert_equal(found.bfloat16(), expected.bfloat16(), "output")
    stream.rewind(2)
    assert_equal(stream.fork().steps(x[4:].to(dtype)), found[4:], "bits")
    again = Stream(layer, rows=3)
    again.state = stream.state
    assert_equal(again.steps(x[4:].to(dtype)), found[4:], "bits")


def test_features_as_many_as_steps_are_no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    _slow(monkeypatch)
    for features in (1, 2, 4):
        layer = Recurrent("gru", features, 2)
        x = draw_input([layer], 4, 1)
        found = Stream(layer).steps(x[:, 0])
        assert_equal(found, whole([layer], x)[:, 0], "output")
        assert_equal(Stream(layer).step(x[0, 0]), found[0], "bits")


def test_nan_and_the_gradient_are_as_in_the_native_part(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, head = Recurrent("lem", 3, 4), Linear(4, 2)
    x = draw_input([layer], 5, 2)
    x[2, 1, 0] = NAN
    expected = Stream(layer, head, rows=2).steps(x)
    _slow(monkeypatch)
    found = Stream(layer, head, rows=2).steps(x.requires_grad_())
    assert_equal(found, expected, "output")
    assert not found.requires_grad
    assert not found.is_inference()


def test_the_twin_serves_where_there_is_no_native_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "available", False)
    layer = Recurrent("gru", 3, 4)
    stream = Stream(layer)
    assert not stream._engine.native
    x = draw_input([layer], 4, 1)
    assert_equal(stream.steps(x[:, 0]), whole([layer], x)[:, 0], "output")


def test_what_the_weights_become_later_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _slow(monkeypatch)
    modules = [nn.Embedding(5, 3), Recurrent("gru", 3, 4, initial_state="learned"), Linear(4, 2)]
    x = draw_input(modules, 4, 1)[:, 0]
    stream = Stream(*modules)
    expected = stream.steps(x)
    with torch.no_grad():
        for parameter in nn.ModuleList(modules).parameters():
            parameter.fill_(NAN)
    stream.reset()
    assert_equal(stream.steps(x), expected, "bits")
