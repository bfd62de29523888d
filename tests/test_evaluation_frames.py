from __future__ import annotations

import math

import pytest
import torch
from tests.music import noise
from tests.tolerances import assert_equal

from headgate.errors import DataError, ShapeError
from headgate.evaluation.frames import KeyCounts, frame_scores


def test_the_scores_are_those_of_a_loop() -> None:
    pieces = [noise(7, 1), noise(3, 2)]
    chance = torch.Generator().manual_seed(5)
    logits = [torch.randn(each.shape, generator=chance) - 1 for each in pieces]
    nats, right, either = 0.0, 0, 0
    for piece, scores in zip(pieces, logits, strict=True):
        for frame, row in zip(piece.tolist(), scores.double().tolist(), strict=True):
            for key, logit in zip(frame, row, strict=True):
                on = 1 / (1 + math.exp(-logit))
                nats -= math.log(on if key else 1 - on)
                right += bool(key) and on > 0.5
                either += bool(key) or on > 0.5
    found = frame_scores(pieces, logits)
    assert found["nll"].value == pytest.approx(nats / 10)
    assert found["accuracy"].value == pytest.approx(right / either)
    for score in found.values():
        assert score.low <= score.value <= score.high


def test_silence_that_is_foretold_is_right() -> None:
    assert frame_scores([torch.zeros(2, 3)], [torch.full((2, 3), -9.0)])["accuracy"].value == 1.0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="logits of its own shape"):
        frame_scores([noise(2)], [noise(3)])
    with pytest.raises(DataError, match="at least one frame"):
        frame_scores([], [])


def test_keys_are_counted_as_a_loop_counts_them() -> None:
    pieces = [noise(9, 1), noise(4, 2)]
    wanted = torch.zeros(88, 2, 2, dtype=torch.int64)
    for piece in pieces:
        before = [0] * 88
        for frame in piece.int().tolist():
            for key in range(88):
                wanted[key, before[key], frame[key]] += 1
            before = frame
    counts = KeyCounts.of(pieces)
    assert_equal(counts.counts, wanted, "bits")
    seen = wanted[3].sum(0).tolist()
    share = (seen[1] + 1) / (sum(seen) + 2)
    assert float(counts.frequencies(pieces[0])[5, 3].sigmoid()) == pytest.approx(share)


def test_the_last_frame_is_repeated_with_the_shares_that_were_learned() -> None:
    piece = torch.zeros(4, 2)
    piece[1:3, 0] = 1
    found = KeyCounts.of([piece]).after_last(piece).sigmoid()
    # key 0: silent before twice, of which it came once; sounding before twice, and stayed once
    assert found[:, 0].tolist() == pytest.approx([0.5] * 4)
    assert found[:, 1].tolist() == pytest.approx([1 / 6] * 4)
