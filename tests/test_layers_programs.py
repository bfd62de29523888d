"""Layers made alike share a program for as long as one of them lives, and no others do."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor

import headgate as hg
from headgate.equations import CELLS, Equation, equation
from headgate.layers import Recurrent
from headgate.program import trace
from headgate.program.portable import to_text


def _plain(x: Any, W: Any, h: Tensor) -> Tensor:
    return torch.tanh(x.new + W.new(h))


@pytest.mark.parametrize("changed", [{}, {"layer_norm": True}, {"beta": 0.5}, {"bias": False}])
def test_layers_made_alike_share_a_program(changed: dict[str, Any]) -> None:
    layer = Recurrent("janet", 3, 4, **changed)
    others = [
        Recurrent("janet", 5, 6, bidirectional=True, **changed),
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
    ]
    for other in others:
        assert other.program is layer.program
        assert other.cell is layer.cell


def test_a_shared_program_is_what_the_cell_is_traced_to() -> None:
    for cell in CELLS:
        first, second = (Recurrent(cell, 3, 4).program for _ in range(2))
        assert first is second
        assert to_text(first) == to_text(trace(equation(cell)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"beta": 0.0}, {"beta": 0.5}),
        ({"beta": 0.5}, {"bias": False, "beta": 0.5}),
        ({"beta": 1}, {"beta": 1.0}),  # equal, and another number on the page
        ({}, {"layer_norm": True}),
    ],
)
def test_layers_made_differently_do_not(first: dict[str, Any], second: dict[str, Any]) -> None:
    layers = [Recurrent("janet", 3, 4, **changed) for changed in (first, second)]
    assert layers[0].program is not layers[1].program


def test_a_function_as_an_option_is_not_taken_for_another() -> None:
    first, second = (Recurrent("gru", 3, 4, activation=torch.tanh) for _ in range(2))
    assert first.program is not second.program


def test_a_cell_of_a_user_is_traced_for_each_layer() -> None:
    own = Equation(_plain)
    assert Recurrent(own, 3, 4).program is not Recurrent(own, 3, 4).program
    hg.cell(name="shared_once")(_plain)
    layers = [Recurrent("shared_once", 3, 4) for _ in range(2)]
    assert layers[0].program is not layers[1].program


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_what_is_made_of_a_program_is_shared_by_those_with_the_same_modifiers(
    training: bool, resets: bool
) -> None:
    alike = [Recurrent("janet", 3, 4, zoneout=0.2).train(training) for _ in range(2)]
    first, second = (layer._program(resets=resets) for layer in alike)
    assert first is second
    changed: list[dict[str, Any]] = [
        {},
        {"recurrent_dropout": 0.2},
        {"zoneout": 0.2, "recurrent_dropout": 0.2},
        {"zoneout": 0.2, "initial_state": "learned"},
    ]
    # a rate stands in the program of evaluation, a mask in that of training
    changed += [] if training else [{"zoneout": 0.3}]
    texts = {to_text(first)}
    for change in changed:
        other = Recurrent("janet", 3, 4, **change).train(training)._program(resets=resets)
        own = Recurrent(trace(equation("janet")), 3, 4, **change).train(training)
        assert to_text(other) == to_text(own._program(resets=resets)), change
        texts.add(to_text(other))
    same = (0 if training else 2) + (not resets)  # no mask in evaluation; nothing begins anew
    assert len(texts) == 1 + len(changed) - same


def test_no_program_outlives_its_layers() -> None:
    layer = Recurrent("janet", 3, 4, beta=0.37, layer_norm=True, zoneout=0.1)
    layer(torch.zeros(2, 1, 3))[0].sum().backward()
    seen = [weakref.ref(p) for p in (layer._traced, layer.program, layer._program(resets=True))]
    other = Recurrent("janet", 3, 4, beta=0.37)
    del layer
    gc.collect()
    assert [found() is None for found in seen] == [False, False, False]
    del other
    gc.collect()
    assert [found() is None for found in seen] == [True, True, True]
