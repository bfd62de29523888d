"""A model of frames kept running: after each frame what the whole run expects."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tests.music import frames, noise, player
from tests.tolerances import assert_equal

from headgate.data.piano import Piece, frames_of
from headgate.errors import DataError, ShapeError, StreamError
from headgate.tasks.generate_frames_stream import ExpectedFrame, PieceStream, names_of
from headgate.tasks.protocol import TaskStream


def running(source: Any = None, **wishes: Any) -> PieceStream:
    how: dict[str, Any] = {"rows": None, "rewind": 0, "quantize": None} | wishes
    stream = player().stream(**how)
    if source is not None:
        stream.begin(source)
    return stream


def whole(piece: torch.Tensor) -> torch.Tensor:
    read = torch.cat([torch.zeros(1, 88), piece])[None]
    with torch.inference_mode():
        return player().network.eval()(read)[0][1:, 0].sigmoid()


def probabilities(found: list[ExpectedFrame]) -> torch.Tensor:
    return torch.stack([each.probabilities for each in found])


def test_it_keeps_the_protocol() -> None:
    with running() as stream:
        assert isinstance(stream, TaskStream)
        assert repr(stream) == "<PieceStream at 0, rows=None>"


@pytest.mark.parametrize("piece", [noise(9), frames(1, 8)[0]])
def test_it_expects_what_the_whole_run_does(piece: torch.Tensor) -> None:
    stream = running()
    found = [stream.step(piece[0]), *stream.steps(piece[1:])]
    assert_equal(probabilities(found), whole(piece), "output")
    assert stream.position == len(piece)


def test_pitches_are_frames() -> None:
    steps = [[60, 36], [], [62, 62]]
    one, two = running().steps(steps), running().steps(frames_of(steps))
    assert_equal(probabilities(one), probabilities(two), "bits")
    assert running().steps([]) == []


def test_a_source_is_read_first() -> None:
    piece = noise(6)
    for source in (piece[:4], Piece(piece[:4])):
        stream = running(source)
        assert stream.position == 4
        assert_equal(stream.step(piece[4]).probabilities, whole(piece)[4], "output")
    with pytest.raises(StreamError, match="this one has 2 rows: give each row its frames"):
        running(piece, rows=2)


def test_back_aside_and_anew() -> None:
    stream, piece = running(rewind=3), noise(5)
    first = probabilities(stream.steps(piece))
    other, kept = stream.fork(), stream.state
    stream.rewind(2)
    assert_equal(probabilities(stream.steps(piece[-2:])), first[-2:], "bits")
    one, two = other.step([60]), stream.step([60])
    assert_equal(one.probabilities, two.probabilities, "bits")
    stream.reset()
    assert stream.position == 0
    assert_equal(probabilities(stream.steps(piece)), first, "bits")
    stream.state = kept
    assert stream.position == 5
    assert copy.copy(stream).position == 5


def test_the_first_silence_is_not_taken_back() -> None:
    stream = running(rewind=3)
    with pytest.raises(StreamError, match="0 steps can be taken back"):
        stream.rewind(1)


def test_rows_step_together_and_begin_anew_one_by_one() -> None:
    one, two, piece = running(noise(2)), running(), noise(3, seed=8)
    batch = PieceStream.join([one, two])
    assert batch.position == [2, 0]
    found = batch.step([piece[0], [60, 64]])
    wanted = [one.step(piece[0]), two.step([60, 64])]
    assert_equal(probabilities(found), probabilities(wanted), "output")
    batch.reset(rows=[0])
    assert batch.position == [0, 1]
    again = batch.steps([[piece[0], piece[1]]])[0][0]
    assert_equal(again.probabilities, running().step(piece[0]).probabilities, "output")
    assert [each.position for each in batch.split()] == [1, 2]
    assert running(rows=3).position == [0, 0, 0]
    with pytest.raises(ShapeError, match="there are 2 rows: give a frame for each"):
        batch.step([piece[0]])


def test_lines_are_answered() -> None:
    stream = running()
    [said] = stream.answer("60 36")
    pitches, shares = said.split("\t")
    expected = running().step([60, 36])
    assert pitches == " ".join(str(pitch) for pitch, _ in expected.likeliest())
    assert len(shares.split()) == 5
    assert len(list(stream.answer("-"))) == 1
    assert list(stream.answer("")) == []
    assert stream.position == 0
    for line, message in (("c4", "with spaces between"), ("300", "from 21 to 108, not 300")):
        with pytest.raises(DataError, match=message):
            list(stream.answer(line))


def test_what_is_expected_can_be_read() -> None:
    expected = running().step([60, 36])
    best = expected.likeliest(3)
    assert [value for _, value in best] == sorted((v for _, v in best), reverse=True)
    assert best[0][1] == float(expected.probabilities.max())
    assert expected.row()["prediction"].startswith(f"{best[0][0]} ")
    assert repr(expected).startswith("ExpectedFrame(")
    assert names_of(frames_of([[60, 37]])[0]) == "C#2 C4"
    assert names_of(torch.zeros(88)) == "-"


@pytest.mark.parametrize(
    ("frame", "kind", "message"),
    [
        (torch.zeros(87), ShapeError, r"a frame is \[88\], not \(87,\)"),
        (torch.full((88,), 0.5), DataError, "a key is 1 where it sounds, else 0, not 0.5"),
        ([20], DataError, "a pitch is from 21 to 108, not 20"),
        ([60.0], DataError, "a pitch is from 21 to 108, not 60.0"),
        ([True], DataError, "not True"),
    ],
)
def test_what_is_no_frame_is_refused(frame: Any, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        running().step(frame)


def test_bytes_stream_too() -> None:
    piece = noise(6)
    plain, small = running().steps(piece), running(quantize="int8").steps(piece)
    gap = (probabilities(plain) - probabilities(small)).abs().max()
    assert 0 < float(gap) < 0.05
