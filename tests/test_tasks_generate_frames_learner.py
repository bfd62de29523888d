from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from tests.music import SMALL, frames, noise
from tests.tolerances import assert_equal
from torch.nn import functional

from headgate.data.examples import Examples
from headgate.tasks.generate_frames import GenerateFrames
from headgate.tasks.generate_frames_learner import (
    Excerpt,
    GenerateFramesLearner,
    piece_nats,
    shifted,
    transposed,
)
from headgate.training import Learner, Plan, fit


def learner(pieces: list[torch.Tensor], **settings: Any) -> GenerateFramesLearner:
    task = GenerateFrames.learn(Examples(pieces), SMALL | {"dropout": 0.0} | settings)
    plan = Plan(batch_size=3, seed=1, epochs=2, learning_rate=0.01)
    return task.learner(Examples(pieces), Examples(pieces[:2]), plan)


def rows_of(batches: list[Excerpt]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [
        (batch.frames[row, :length], batch.targets[row, :length])
        for batch in batches
        for row, length in enumerate(batch.lengths.tolist())
    ]


def test_a_silent_frame_stands_before_the_first() -> None:
    piece = noise(4)
    read, targets = shifted(piece)
    assert_equal(read[0], torch.zeros(88), "bits")
    assert_equal(read[1:], piece[:-1], "bits")
    assert_equal(targets, piece, "bits")


@pytest.mark.parametrize("length", [1, 7, 8, 9, 31])
def test_each_step_is_in_one_window_with_the_frame_before_it(length: int) -> None:
    piece = noise(length)
    own = learner([piece], transpose=0, bptt=8)
    assert isinstance(own, Learner)
    wanted = sorted((a.tolist(), b.tolist()) for a, b in zip(*shifted(piece), strict=True))
    for epoch in (1, 2, 3):
        rows = rows_of(own.batches(epoch))
        assert max(len(read) for read, _ in rows) <= 8
        found = sorted(
            (a.tolist(), b.tolist()) for pair in rows for a, b in zip(*pair, strict=True)
        )
        assert found == wanted


def test_an_epoch_is_the_same_for_the_same_number() -> None:
    own, again = learner(frames()), learner(frames())
    one, two, other = own.batches(3), again.batches(3), own.batches(4)
    for first, second in zip(one, two, strict=True):
        assert_equal(first.frames, second.frames, "bits")
        assert_equal(first.targets, second.targets, "bits")
    sums = [sorted(float(batch.targets.sum(1).argmax()) for batch in each) for each in (one, other)]
    assert sums[0] != sums[1]


def test_a_piece_is_moved_and_stays_on_the_keys() -> None:
    piece, chance = torch.zeros(3, 88), random.Random(1)
    piece[0, 2], piece[2, 84] = 1, 1
    moves = set()
    for _ in range(200):
        found = transposed(piece, 5, chance)
        move = int(found[0].argmax()) - 2
        assert_equal(found, piece.roll(move, 1), "bits")
        moves.add(move)
    assert moves == {-2, -1, 0, 1, 2, 3}
    assert_equal(transposed(torch.zeros(2, 88), 5, chance), torch.zeros(2, 88), "bits")
    assert_equal(transposed(piece, 0, chance), piece, "bits")


def test_the_loss_is_that_of_each_row_alone() -> None:
    own = learner(frames(7), transpose=0, bptt=100)
    batch = own.batches(1)[0]
    total, count = 0.0, 0
    for read, targets in rows_of([batch]):
        logits, _ = own.task.network(read[None])
        each = functional.binary_cross_entropy_with_logits(logits[:, 0], targets, reduction="sum")
        total, count = total + float(each.detach()), count + len(read) * 88
    assert_equal(own.loss(batch).detach(), torch.tensor(total / count), "output")


def test_pieces_are_judged_alone_as_together() -> None:
    own, pieces = learner(frames()), [noise(9), noise(2, 1), noise(5, 2)]
    network: Any = own.network
    with torch.no_grad():
        together = piece_nats(network, pieces)
        for piece, nats in zip(pieces, together, strict=True):
            assert_equal(nats.float(), piece_nats(network, [piece])[0].float(), "output")
        found = own.validate(own.network)
        mean = torch.cat(piece_nats(network, frames()[:2])).mean()
    assert found.score == -float(mean)
    assert found.values == {"valid_nll": float(mean)}


def test_a_training_repeats_to_the_bit() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        own = learner(frames(9), dropout=0.3)
        fit(own, own.plan)
        weights.append(own.network.state_dict())
    assert_equal(weights[0], weights[1], "bits")
