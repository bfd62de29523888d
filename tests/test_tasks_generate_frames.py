"""The task ``generate`` of music: a model of frames."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.music import SMALL, frames, noise, player, rounds, table_of, write_rounds
from tests.tolerances import assert_equal
from torch.nn import functional

from headgate.data.columns import Table
from headgate.data.examples import Examples
from headgate.data.piano import Piece, frames_of
from headgate.data.pieces import read_pieces
from headgate.errors import DataError, HeadgateError, ModelDirectoryError, ShapeError
from headgate.tasks.generate import Generate
from headgate.tasks.generate_frames import GenerateFrames
from headgate.tasks.protocol import Prediction, Task
from headgate.training import Plan


def fresh(pieces: list[torch.Tensor] | None = None, **settings: Any) -> GenerateFrames:
    found = Generate.learn(Examples(pieces or frames()), {**SMALL, **settings})
    assert isinstance(found, GenerateFrames)
    return found


def test_it_is_a_task_that_generate_hands_over_to(tmp_path: Path) -> None:
    table = read_pieces(write_rounds(tmp_path, train=9))["train"]
    examples = Generate.read(table, "frames", None)
    assert len(examples) == 9
    parts = Generate.divide(examples, valid=0.2, test=0.2, seed=1)
    assert sum(map(len, parts.values())) == 9
    task = Generate.learn(parts["train"], SMALL)
    assert isinstance(task, GenerateFrames)
    assert isinstance(task, Task)
    again = Generate.restore(task.saved_settings(), task.files())
    assert isinstance(again, GenerateFrames)


def test_it_learns_what_counts_cannot_tell() -> None:
    found = player().evaluate(Examples(frames(12, 7)), None)
    nll, accuracy = found.scores["nll"], found.scores["accuracy"]
    assert nll.low <= nll.value <= nll.high
    assert nll.baseline is not None
    assert nll.value < 0.5 * nll.baseline  # the first of five places is left to chance
    assert accuracy.value > 0.8
    assert found.baselines.keys() == {"key frequencies", "last frame"}


def test_the_score_is_that_of_a_frame_at_a_time() -> None:
    pieces, task = frames(3, 9), player()
    total, count = 0.0, 0
    for piece in pieces:
        state, before = None, torch.zeros(1, 1, 88)
        for frame in piece:
            with torch.no_grad():
                logits, state = task.network.eval()(before, state)
            lost = functional.binary_cross_entropy(logits[0, 0].sigmoid(), frame, reduction="sum")
            total, count, before = total + float(lost), count + 1, frame[None, None]
    found = task.evaluate(Examples(pieces), None).scores["nll"].value
    assert_equal(torch.tensor(found), torch.tensor(total / count), "output")


def test_bytes_are_judged_as_a_stream() -> None:
    found = player().evaluate(Examples(frames(3, 9)), None, quantize="int8")
    assert any(note.startswith("int8 loses ") for note in found.notes)


def test_a_piece_goes_on() -> None:
    prompt = frames_of(rounds(1, 5)[0][:4])
    whole = player().generate(prompt, steps=6, temperature=0)
    assert isinstance(whole, Piece)
    assert_equal(whole.frames[:4], prompt, "bits")
    scale = [60, 62, 64, 67, 69]
    begun = scale.index(whole.pitches()[0][1])
    wanted = [[scale[(begun + n) % 5] - 24, scale[(begun + n) % 5]] for n in range(10)]
    assert whole.pitches() == wanted


def test_a_seed_gives_the_same_piece() -> None:
    task = player()
    one, two, other = (task.generate(steps=40, seed=seed).frames for seed in (3, 3, 4))
    assert_equal(one, two, "bits")
    assert not torch.equal(one, other)
    assert not torch.equal(task.generate(steps=40).frames, task.generate(steps=40).frames)
    assert len(task.generate(steps=0)) == 0


def test_less_temperature_is_less_chance() -> None:
    task = player()
    calm, wild = (float(task.generate(steps=60, temperature=t, seed=1).frames.sum())
                  for t in (0.5, 3.0))  # fmt: skip
    assert calm < wild  # nearly all keys are silent nearly always
    cold = [task.generate(steps=9, temperature=0, seed=seed).frames for seed in (1, 2)]
    assert_equal(cold[0], cold[1], "bits")


def test_a_prompt_is_a_piece_frames_or_a_file(tmp_path: Path) -> None:
    task, prompt = player(), frames(1, 3)[0]
    Piece(prompt, task.settings.step).save(tmp_path / "a.mid")
    given = prompt, Piece(prompt), tmp_path / "a.mid", str(tmp_path / "a.mid")
    first, *rest = (task.generate(each, steps=5, seed=1).frames for each in given)
    for each in rest:
        assert_equal(each, first, "bits")


def test_what_cannot_be_gone_on_with_is_refused() -> None:
    task = player()
    with pytest.raises(ShapeError, match="88 keys"):
        task.generate(torch.zeros(2, 3))
    with pytest.raises(HeadgateError, match="temperature is a number of 0 or more, not -1"):
        task.generate(temperature=-1)
    with pytest.raises(HeadgateError, match="seed"):
        task.generate(seed=2**70)
    with pytest.raises(ShapeError, match="steps is how many frames follow, 0 or more, not -1"):
        task.generate(steps=-1)


def test_answers_are_what_comes_after() -> None:
    pieces = frames(2, 3)
    one, two = player().predict(pieces), player().predict(pieces)
    assert [len(each) for each in one] == [200, 200]
    assert isinstance(one[0], Prediction)
    for each, other in zip(one, two, strict=True):
        assert_equal(each.frames, other.frames, "bits")


def test_what_is_seen_has_a_name_for_each_step() -> None:
    piece, task = frames(1, 3)[0], player()
    found = task.inspect(piece)
    assert len(found.tokens) == len(piece)
    assert found.tokens[0] in {"C2 C4", "D2 D4", "E2 E4", "G2 G4", "A2 A4"}
    assert {"forget", "input", "output"} <= found.trace.keys()
    assert found.trace["forget"].shape == (1, len(piece), 12)
    nll = task.evaluate(Examples([piece]), None).scores["nll"].value
    assert found.surprise is not None
    nats = found.surprise.double().mean() * math.log(2)
    assert_equal(nats.float(), torch.tensor(nll), "output")


def test_saved_is_loaded() -> None:
    task = player()
    again = Generate.restore(task.saved_settings(), task.files())
    again.network.load_state_dict(task.network.state_dict())
    assert isinstance(again, GenerateFrames)
    one, two = (each.evaluate(Examples(frames(3, 9)), None) for each in (task, again))
    assert one == two
    files = {"keys.json": json.dumps([[1, 2]])}
    with pytest.raises(ModelDirectoryError, match=r"shape \(1, 2\), not \(88, 2, 2\)"):
        Generate.restore(task.saved_settings(), files)


def test_equal_pieces_stay_on_one_side() -> None:
    pieces = frames(6)
    examples = GenerateFrames.read(table_of(pieces * 5), "frames", None)
    parts = GenerateFrames.divide(examples, valid=0.3, test=0.3, seed=2)
    sides = [{row % 6 for row in part.rows} for part in parts.values()]
    assert sum(map(len, sides)) == 6
    assert all(sides)


def test_one_piece_is_cut_in_its_order() -> None:
    piece = noise(20)
    examples = GenerateFrames.read(table_of([piece]), "frames", None)
    parts = Generate.divide(examples, valid=0.2, test=0.1, seed=1)
    assert {name: len(part.inputs[0]) for name, part in parts.items()} == {
        "train": 14,
        "valid": 4,
        "test": 2,
    }
    assert_equal(torch.cat([part.inputs[0] for part in parts.values()]), piece, "bits")
    assert len(Generate.divide(examples, valid=0.2, test=0, seed=1)["test"]) == 0
    with pytest.raises(DataError, match="20 steps is too short to be cut in parts"):
        Generate.divide(examples, valid=0.001, test=0.1, seed=1)
    with pytest.raises(DataError, match="leave nothing to learn from"):
        Generate.divide(examples, valid=0.6, test=0.4, seed=1)


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (torch.zeros(3, 80), r"row 2, column 'frames': frames are \[steps, 88 keys\], not \(3, 80"),
        (torch.full((3, 88), 2.0), "row 2, .*: step 1, pitch 21: a key is 1 where it sounds"),
        (torch.zeros(0, 88), "row 2, .*: the piece has no step"),
        ("text", "row 2, .*: a piece of music as frames was wanted, and a text came"),
    ],
)
def test_a_row_that_is_no_piece_is_refused(piece: Any, message: str) -> None:
    table = table_of([noise(3), piece])
    with pytest.raises(DataError, match=message):
        Generate.read(table, "frames", None)


def test_a_target_is_refused_and_texts_are_texts() -> None:
    table = Table("a", ("frames", "name"), [[noise(3), "x"]], [1], False)
    with pytest.raises(DataError, match="a model of frames reads one column, and 'name' came"):
        Generate.read(table, "frames", "name")
    with pytest.raises(DataError, match="a piece of music as frames was wanted, and a text came"):
        player().read(table, "name", None)


def test_a_saved_model_goes_on_to_learn() -> None:
    task = player()
    grown = Generate.learn(Examples(frames(4, 2)), {"dropout": 0.1}, task)
    assert isinstance(grown, GenerateFrames)
    assert (grown.settings.hidden_size, grown.settings.dropout) == (12, 0.1)
    with pytest.raises(HeadgateError, match="hidden_size is 12 in the saved model"):
        Generate.learn(Examples(frames(4, 2)), {"hidden_size": 5}, task)
    texts = Generate.learn(Examples(["ab", "ba"]), {"hidden_size": 4, "embedding_size": 4})
    with pytest.raises(HeadgateError, match="goes on with texts and not with music"):
        Generate.learn(Examples(frames(4, 2)), {}, texts)
    with pytest.raises(HeadgateError, match="goes on with music and not with texts"):
        Generate.learn(Examples(["ab", "ba"]), {}, task)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"transpose": -1}, "transpose is from 0 to 87 semitones, not -1"),
        ({"transpose": 88}, "not 88"),
        ({"step": 0.0}, "a step is from"),
        ({"bptt": 0}, "bptt"),
        ({"dropout": 2.0}, "dropout"),
        ({"embedding_size": 3}, "unknown setting 'embedding_size'"),
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(HeadgateError, match=message):
        fresh(**wrong)


def test_limits_grow_with_the_pieces_and_not_beyond() -> None:
    few, many = fresh().plan(Examples(frames(3))), fresh().plan(Examples(frames(400)))
    assert few.batch_size < many.batch_size
    assert few.epochs > many.epochs >= 1
    assert isinstance(few, Plan)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_any_cell_will_do(cell: str) -> None:
    task = fresh(cell=cell, num_layers=2)
    assert task.evaluate(Examples(frames(2)), None).scores["nll"].value > 0
    assert task.notes()[0].startswith("frames of 88 keys: ")
