from __future__ import annotations

import pytest
import torch

from headgate.data.frames import Frames, pad_frames
from headgate.errors import ShapeError


def test_rows_are_read_when_they_are_asked_for() -> None:
    asked: list[int] = []

    def read(row: int) -> torch.Tensor:
        asked.append(row)
        return torch.full((row + 1, 2), float(row))

    frames = Frames([1, 2, 3], read)
    assert len(frames) == 3
    assert asked == []
    assert frames[-1].shape == (3, 2)
    assert [len(each) for each in frames[:2]] == [1, 2]
    assert asked == [2, 0, 1]
    with pytest.raises(IndexError):
        frames[3]


def test_rows_in_memory_know_their_lengths() -> None:
    frames = Frames.of([torch.zeros(4, 1), torch.ones(2, 1)])
    assert frames.lengths == [4, 2]
    assert torch.equal(frames[1], torch.ones(2, 1))


@pytest.mark.parametrize("shape", [(3,), (3, 4), (2, 3, 4)])
def test_a_batch_is_zero_past_the_ends(shape: tuple[int, ...]) -> None:
    rows = [torch.randn(length, *shape) for length in (5, 1, 3)]
    batch, lengths = pad_frames(rows)
    assert batch.shape == (3, 5, *shape)
    assert lengths.tolist() == [5, 1, 3]
    for row, (found, wanted) in enumerate(zip(batch, rows, strict=True)):
        assert torch.equal(found[: len(wanted)], wanted), row
        assert not found[len(wanted) :].any(), row


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least one row"):
        pad_frames([])
