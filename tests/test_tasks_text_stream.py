"""A language model kept running: after each token what the whole run expects."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tests.tiny import generator, verses
from tests.tolerances import assert_equal

from headgate.data.examples import Examples
from headgate.decoding.sampling import Sampling
from headgate.errors import DataError, StreamError
from headgate.tasks.generate import Generate
from headgate.tasks.protocol import TaskStream
from headgate.tasks.text_stream import ExpectedToken, TextStream

WORD = "lovely"


def running(source: str | None = None, **wishes: Any) -> TextStream:
    stream = generator().stream(source, **wishes)
    assert isinstance(stream, TextStream)
    return stream


def whole(task: Any, text: str) -> torch.Tensor:
    ids = torch.tensor([[task.text.start, *task.text.prompt(text)]])
    with torch.inference_mode():
        return task.network.eval()(ids)[0][1:, 0].log_softmax(-1)


def test_it_keeps_the_protocol() -> None:
    with running() as stream:
        assert isinstance(stream, TaskStream)
        assert repr(stream) == "<TextStream at 0, rows=None>"


@pytest.mark.parametrize("settings", [{}, {"cutoffs": [5, 9]}, {"tie": True, "num_layers": 2}])
def test_it_expects_what_the_whole_run_does(settings: dict[str, Any]) -> None:
    small = {"hidden_size": 16, "embedding_size": 8, "unit": "character"}
    task = Generate.learn(Examples([verses()]), small | settings)
    stream = task.stream(rows=None, rewind=0, quantize=None)
    found = [stream.step(WORD[0]), *stream.steps(WORD[1:])]
    for each, wanted in zip(found, whole(task, WORD), strict=True):
        assert_equal(each.log_probabilities, wanted, "output")


def test_a_source_is_read_first() -> None:
    stream = running(WORD[:4])
    assert stream.position == 4
    found = stream.step(WORD[4]).log_probabilities
    assert_equal(found, whole(generator().task, WORD)[4], "output")
    with pytest.raises(StreamError, match="this one has 2 rows: give each row its tokens"):
        running(WORD, rows=2)
    with pytest.raises(DataError, match="has no token"):
        running("")


def test_back_aside_and_anew() -> None:
    stream = running(rewind=3)
    first = [each.log_probabilities for each in stream.steps(WORD)]
    other, kept = stream.fork(), stream.state
    stream.rewind(2)
    again = [each.log_probabilities for each in stream.steps(WORD[-2:])]
    assert_equal(again, first[-2:], "bits")
    assert_equal(other.step("y").log_probabilities, stream.step("y").log_probabilities, "bits")
    stream.reset()
    assert stream.position == 0
    assert_equal([each.log_probabilities for each in stream.steps(WORD)], first, "bits")
    stream.state = kept
    assert stream.position == len(WORD)
    assert copy.copy(stream).position == len(WORD)


def test_the_mark_is_not_taken_back() -> None:
    stream = running(rewind=3)
    with pytest.raises(StreamError, match="0 steps can be taken back"):
        stream.rewind(1)
    stream.step("w")
    stream.rewind(1)
    assert stream.position == 0


def test_rows_step_together_and_begin_anew_one_by_one() -> None:
    one, two = running("wa"), running()
    batch = TextStream.join([one, two])
    assert batch.position == [2, 0]
    found = batch.step(["r", "f"])
    wanted = [one.step("r"), two.step("f")]
    for each, other in zip(found, wanted, strict=True):
        assert_equal(each.log_probabilities, other.log_probabilities, "output")
    batch.reset(rows=[0])
    assert batch.position == [0, 1]
    fresh = running().step("f").log_probabilities
    assert_equal(batch.step(["f", "i"])[0].log_probabilities, fresh, "output")
    assert [each.position for each in batch.split()] == [1, 2]
    assert running(rows=3).position == [0, 0, 0]


def test_what_is_expected_can_be_read() -> None:
    expected = running(WORD).step(7)
    assert isinstance(expected, ExpectedToken)
    best = expected.likeliest(3)
    assert [value for _, value in best] == sorted((v for _, v in best), reverse=True)
    assert best[0][1] == float(expected.log_probabilities.max())
    assert expected.row()["prediction"] == best[0][0]
    assert repr(expected).startswith(f"ExpectedToken({best[0][0]!r} ")
    assert int(expected.log_probabilities.argmax()) == expected.id


def test_a_line_is_read_and_gone_on_with_to_its_end() -> None:
    stream, task = running(), generator().task
    said = "".join(stream.answer("warm is", Sampling(0)))
    assert "\n" not in said
    generate: Any = task
    wanted = "".join(generate.generate("warm is", length=200, sampling=Sampling(0), stop=["\n"]))
    assert said == wanted
    taken = stream.position
    assert taken == len("warm is" + said) + 1  # the line's end is read, too
    assert list(stream.answer("")) == []
    assert stream.position == 0


def test_the_end_of_a_text_begins_the_next() -> None:
    task = Generate.learn(Examples(["ab", "ba"]), {"hidden_size": 16, "embedding_size": 8})
    network: Any = task.network
    with torch.no_grad():
        network.output.bias[task.field.eos] = 50.0
    stream = task.stream(rows=None, rewind=0, quantize=None)
    assert list(stream.answer("ab")) == []
    assert stream.position == 0


def test_what_training_does_later_does_not_change_a_stream() -> None:
    task = Generate.learn(Examples([verses()]), {"hidden_size": 16, "embedding_size": 8})
    stream = task.stream(rows=None, rewind=0, quantize=None)
    wanted = stream.fork().step("w").log_probabilities
    with torch.no_grad():
        for weight in task.network.parameters():
            weight.zero_()
    assert_equal(stream.step("w").log_probabilities, wanted, "bits")


def test_bytes_stream_too() -> None:
    plain, small = running().steps(WORD), running(quantize="int8").steps(WORD)
    for one, other in zip(plain, small, strict=True):
        gap = (one.log_probabilities - other.log_probabilities).abs().max()
        assert 0 < float(gap) < 0.05
