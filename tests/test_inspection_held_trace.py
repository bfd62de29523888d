"""Gates and states while some are held: those of a run by hand, and of what a what-if answers."""

from __future__ import annotations

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.inspection.clamp import Clamp
from headgate.inspection.held_trace import held_trace
from headgate.inspection.trace import Inspection, look
from headgate.layers import Recurrent


def seen(cell: str = "lstm", **how: bool | int) -> Inspection:
    torch.manual_seed(4)
    return look(Recurrent(cell, 3, 5, **how), torch.randn(6, 3))  # type: ignore[arg-type]


def test_an_lstm_by_hand() -> None:
    """With the gates as they come out, c and h follow from the equations alone."""
    found = seen()
    trace = held_trace(found, [Clamp("forget", 0.25, units=[1, 2], steps=[3, 4])])
    c = torch.zeros(5)
    for step in range(6):
        forget = trace["forget"][0, step]
        if step in (2, 3):
            assert forget[1:3].tolist() == [0.25, 0.25]
        c = forget * c + trace["input"][0, step] * trace["candidate"][0, step]
        assert_equal(trace["c"][0, step], c, "output")
        assert_equal(trace["h"][0, step], trace["output"][0, step] * c.tanh(), "output")
    assert_equal(trace["c"][0, :2], found.trace["c"][0, :2], "output")
    assert (trace["c"][0, 2:] != found.trace["c"][0, 2:]).any(1).all()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_it_is_what_a_what_if_answers(cell: str) -> None:
    """Layers that belong to no model answer with their last layer's states."""
    found = seen(cell, num_layers=2, bidirectional=True)
    clamp = Clamp("h", 0.5, layer="1 reverse", units=3, steps=2)
    trace = held_trace(found, [clamp])
    assert_equal(torch.cat([*trace["h"][2:]], -1), found.what_if(clamp).after, "output")
    assert trace["h"][1, 1, 3] == 0.5
    assert_equal(trace["h"][0], found.trace["h"][0], "output")


def test_nothing_held_is_nothing_changed() -> None:
    found = seen()
    trace = held_trace(found, [])
    assert trace.keys() == found.trace.keys()
    assert all(torch.equal(trace[name], found.trace[name]) for name in trace)
