from __future__ import annotations

import math

import pytest
import torch
from tests.music import noise
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.data.frames import pad_frames
from headgate.errors import ShapeError
from headgate.layers import Recurrent
from headgate.models.frame_model import FrameModel


def model(cell: str = "lstm") -> FrameModel:
    torch.manual_seed(1)
    return FrameModel(Recurrent(cell, 88, 9)).eval()


def slow_nats(network: FrameModel, piece: Tensor) -> list[float]:
    """Read a piece a frame at a time, and sum over the keys with plain loops."""
    state, before, found = None, torch.zeros(1, 1, 88), []
    for frame in piece:
        logits, state = network(before, state)
        nats = 0.0
        for logit, key in zip(logits[0, 0].double().tolist(), frame.tolist(), strict=True):
            nats += math.log1p(math.exp(-logit if key else logit))
        found.append(nats)
        before = frame[None, None]
    return found


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_nats_are_those_of_a_slow_loop(cell: str) -> None:
    network, pieces = model(cell), [noise(7, 1), noise(4, 2), noise(1, 3)]
    targets, lengths = pad_frames(pieces)
    read = torch.cat([torch.zeros(3, 1, 88), targets[:, :-1]], 1)
    with torch.no_grad():
        found = network.nats(read, targets, lengths)
        for row, piece in enumerate(pieces):
            wanted = torch.tensor(slow_nats(network, piece))
            assert_equal(found[: len(piece), row], wanted, "output")
    assert bool((found[4:, 1] == 0).all())


def test_what_comes_later_changes_nothing_before() -> None:
    network, piece = model(), noise(8)[None]
    changed = piece.clone()
    changed[0, 5:] = 1 - changed[0, 5:]
    with torch.no_grad():
        assert_equal(network(piece)[0][:5], network(changed)[0][:5], "bits")
        assert not torch.equal(network(piece)[0][5], network(changed)[0][5])


def test_it_begins_with_what_it_is_told() -> None:
    network, logits = model(), torch.linspace(-3, 0, 88)
    network.begin_with(logits)
    assert_equal(network.output.bias.detach(), logits, "bits")


def test_layers_of_another_kind_are_refused() -> None:
    with pytest.raises(ShapeError, match="leave bidirectional=True out"):
        FrameModel(Recurrent("gru", 88, 4, bidirectional=True))
    with pytest.raises(ShapeError, match="leave batch_first=True out"):
        FrameModel(Recurrent("gru", 88, 4, batch_first=True))
