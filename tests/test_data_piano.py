from __future__ import annotations

import pytest
import torch
from tests.music import noise
from tests.tolerances import assert_equal

from headgate.data.piano import Piece, check_step, frames_of, held
from headgate.errors import DataError, ShapeError


def test_pitches_and_frames_are_each_others_inverse() -> None:
    steps = [[21, 60, 108], [], [60]]
    assert Piece(frames_of(steps)).pitches() == steps
    assert_equal(frames_of([[60, 60]]), frames_of([[60]]), "bits")


def test_held_notes_are_found_as_a_loop_finds_them() -> None:
    piece = noise(40, seed=4)
    wanted = []
    for key in range(88):
        begun = None
        for step in range(41):
            sounds = step < 40 and bool(piece[step, key])
            if sounds and begun is None:
                begun = step
            elif not sounds and begun is not None:
                wanted.append((key + 21, begun, step))
                begun = None
    assert held(piece.bool()) == wanted


@pytest.mark.parametrize(
    ("frames", "kind", "message"),
    [
        (torch.zeros(3, 87), ShapeError, r"frames are \[steps, 88 keys\], not \(3, 87\)"),
        (torch.zeros(3, 2), ShapeError, r"not \(3, 2\)"),
        (torch.full((2, 88), 0.5), DataError, "step 1, pitch 21: a key is 1 where .* not 0.5"),
        (torch.full((2, 88), float("nan")), DataError, "not nan"),
    ],
)
def test_what_is_no_piece_is_refused(frames: torch.Tensor, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        Piece(frames)


@pytest.mark.parametrize("step", [0.0, -1.0, 65.0, float("nan")])
def test_a_step_has_a_length(step: float) -> None:
    with pytest.raises(DataError, match=r"a step is from 0\.0625 to 64 quarter notes"):
        check_step(step)


def test_a_piece_is_a_row_of_a_table() -> None:
    piece = Piece(frames_of([[60, 64], [], [62]]))
    assert piece.row() == {"prediction": "60 64; ; 62"}
    assert repr(piece) == "<Piece of 3 steps, 0.25 quarter notes each>"
    assert len(piece) == 3
