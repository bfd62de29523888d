"""Models kept running: their answers are those to the whole text, however it is cut."""

from __future__ import annotations

import copy
import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.tiny import (
    classifier,
    table_of,
    train_classifier,
    train_translator,
    translator,
    write_norms,
    write_reviews,
)
from tests.tolerances import assert_equal

from headgate.errors import DataError, HeadgateError, ShapeError, StreamError
from headgate.model import Model
from headgate.models.pooling import POOLS
from headgate.tasks.classification import Classification
from headgate.tasks.decoder_stream import DecoderStream, NextToken
from headgate.tasks.protocol import Examples, TaskStream
from headgate.tasks.token_stream import TokenStream

TEXT = "a warm 영화 lovely dull number 7"
WORDS = TEXT.split()


@functools.cache
def reader(**changed: Any) -> Model:
    """A classifier that reads in one direction."""
    with tempfile.TemporaryDirectory() as folder:
        data = write_reviews(Path(folder))
        return train_classifier(data, bidirectional=False, epochs=1, **changed)


def running(**wishes: Any) -> TokenStream[Classification]:
    stream = reader().stream(**wishes)
    assert isinstance(stream, TokenStream)
    return stream


def decoding(source: str | None = "no. 123", **wishes: Any) -> DecoderStream:
    stream = translator().stream(source, **wishes)
    assert isinstance(stream, DecoderStream)
    return stream


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_classifier_answers_after_each_token_as_to_the_text_so_far(cell: str, pool: str) -> None:
    model = reader(cell=cell, pool=pool, num_layers=2)
    answers = model.stream().steps(TEXT)
    assert len(answers) == len(WORDS)
    for count, answer in enumerate(answers, start=1):
        whole = model.predict(" ".join(WORDS[:count]))
        assert (answer.label, answer.probabilities) == (whole.label, whole.probabilities)


@pytest.mark.parametrize("unit", ["character", "byte", "subword"])
def test_every_unit_streams(unit: str) -> None:
    model = reader(unit=unit)
    assert model.stream().steps(TEXT)[-1] == model.predict(TEXT)


def test_cuts_change_nothing() -> None:
    stream, whole = running(), running().steps(TEXT)
    found = [stream.step(word) for word in WORDS[:2]]
    found += stream.steps(WORDS[2:4]) + stream.steps(" ".join(WORDS[4:]))
    assert found == whole
    assert stream.position == len(WORDS)


def test_back_aside_and_anew() -> None:
    stream = running(rewind=2)
    first = stream.steps(WORDS)
    other = stream.fork()
    stream.rewind(2)
    assert stream.steps(WORDS[-2:]) == first[-2:]
    kept = stream.state
    assert other.step("dull") == stream.step("dull")
    stream.reset()
    assert stream.steps(WORDS) == first
    stream.state = kept
    assert stream.step("cold") == running_from(kept).step("cold")


def running_from(state: bytes) -> TokenStream[Classification]:
    stream = running()
    stream.state = state
    return stream


def test_rows_are_joined_and_split() -> None:
    one, two = running(), running()
    one.steps(WORDS[:3])
    batch = TokenStream.join([one, two])
    assert batch.position == [3, 0]
    found = batch.step(["dull", "warm"])
    assert found == [one.step("dull"), two.step("warm")]
    assert (
        batch.steps([["warm", "dull"], ["cold", "fine"]])[-1][0] == one.steps(["warm", "cold"])[-1]
    )
    assert [each.position for each in batch.split()] == [6, 3]
    batch.reset(rows=[1])
    assert batch.position == [6, 0]
    with pytest.raises(StreamError, match="at least one stream"):
        TokenStream.join([])


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("a warm", "takes one token, but 'a warm' is 2: 'a', 'warm'"),
        ("", "is 0: none"),
        (10_000, "an id from 0 to"),
        (-1, "an id from 0 to"),
    ],
)
def test_what_is_no_token_is_refused(token: Any, message: str) -> None:
    stream = running()
    with pytest.raises(DataError, match=message):
        stream.step(token)
    assert stream.position == 0


def test_rows_want_a_token_each() -> None:
    stream = running(rows=2)
    with pytest.raises(DataError, match="there are 2 rows: give a token for each"):
        stream.step("warm")
    with pytest.raises(ShapeError):
        stream.step(["warm"])


def test_a_line_is_answered_for_all_since_the_last_empty_one() -> None:
    stream = running()
    first = list(stream.answer("a warm"))
    assert list(stream.answer("dull 영화")) != first
    assert list(stream.answer("")) == []
    assert list(stream.answer("a warm")) == first
    answer = reader().predict("a warm")
    assert first == [f"{answer.label}\t{answer.probability:.4f}"]


def test_a_bidirectional_model_says_why_and_two_ways_out() -> None:
    with pytest.raises(StreamError, match=r"bidirectional layer.*bidirectional=False.*to predict"):
        classifier().stream()
    with pytest.raises(StreamError, match="has no source"):
        reader().stream("a text")


def test_bytes_are_judged_beside_the_model(tmp_path: Path) -> None:
    rows = [("a warm lovely film", "good"), ("a dull cold film", "bad")] * 3
    table = table_of(tmp_path, rows, ["review", "label"])
    found = reader().evaluate(table, quantize="int8")
    plain = reader().evaluate(table)
    assert list(found.scores) == list(plain.scores)
    lost = [note for note in found.notes if note.startswith("int8 loses")]
    assert len(lost) == len(found.scores)
    assert all(
        f"for {plain.scores[name].value:.4f}" in note
        for name, note in zip(found.scores, lost, strict=True)
    )
    with pytest.raises(HeadgateError, match="int4"):
        reader().evaluate(table, quantize="int4")


@pytest.mark.parametrize("attention", ["general", None])
def test_a_decoder_expects_what_the_whole_run_does(tmp_path: Path, attention: str | None) -> None:
    model = train_translator(write_norms(tmp_path), attention=attention, num_layers=2)
    task: Any = model.task
    network, ids = task.network, [task.target.bos, *task.target.encode("321!")]
    with torch.inference_mode():
        source = torch.tensor(task.encode(["no. 123"]))
        memory = network.encode(source, torch.tensor([source.shape[1]]))
        features, _, weights = network.decode(torch.tensor([ids]), memory)
        whole = network.logits(features[0]).log_softmax(-1)
    stream = model.stream("no. 123")
    found: list[NextToken] = [stream.step(task.target.bos), *stream.steps(ids[1:])]
    for step, each in enumerate(found):
        assert_equal(each.log_probabilities, whole[step], "output")
        assert (each.attention is None) == (attention is None)
        if weights is not None:
            assert_equal(each.attention, weights[0, step], "output")
    cut = model.stream("no. 123").steps(ids)
    for one, other in zip(found, cut, strict=True):
        assert torch.equal(one.log_probabilities, other.log_probabilities)


def test_a_decoder_goes_back_aside_and_anew() -> None:
    stream = decoding(rewind=3)
    first = stream.step()
    ids = [first.id, *(stream.step("1").id for _ in range(2))]
    kept, other = stream.state, stream.fork()
    assert stream.position == other.position == 3
    assert other.step("2").id == stream.step("2").id
    stream.rewind(3)
    assert [stream.step("1").id, stream.step("1").id] == ids[1:]
    stream.reset()
    assert torch.equal(stream.step().log_probabilities, first.log_probabilities)
    again = decoding()
    again.state = kept
    assert torch.equal(again.step("2").log_probabilities, _after(kept))
    with pytest.raises(StreamError, match="another source"):
        decoding("no. 124").state = kept


def _after(state: bytes) -> torch.Tensor:
    stream = decoding()
    stream.state = state
    return stream.step("2").log_probabilities


def test_a_translator_needs_its_source_first() -> None:
    stream = decoding(None)
    for call in (stream.step, lambda: stream.steps([1]), stream.reset):
        with pytest.raises(StreamError, match="reads its source before its first step"):
            call()
    with pytest.raises(DataError, match="the source is empty"):
        stream.begin("  ")
    with pytest.raises(StreamError, match="has no rows"):
        decoding(rows=2)
    with pytest.raises(StreamError, match="not quantized"):
        decoding(quantize="int8")
    with pytest.raises(StreamError, match="not quantized"):
        translator().task.evaluate(Examples(["no. 1"], ["1!"]), None, quantize="int8")


def test_a_line_is_translated_in_pieces() -> None:
    stream = decoding(None)
    model = copy.copy(translator())
    greedy: Any = copy.copy(model.task)
    greedy.settings = copy.copy(greedy.settings)
    greedy.settings.beam_width = 1
    assert "".join(stream.answer("no. 123")) == greedy.predict(["no. 123"])[0].text
    assert list(stream.answer("")) == []


@pytest.mark.parametrize("make", [running, decoding])
def test_the_streams_keep_the_protocol(make: Any) -> None:
    with make() as stream:
        assert isinstance(stream, TaskStream)


def test_lines_are_parted_by_a_space() -> None:
    model = reader(unit="character")
    stream: Any = model.stream()
    list(stream.answer("warm film"))
    answer = model.predict("warm film cold film")
    assert list(stream.answer("cold film")) == [f"{answer.label}\t{answer.probability:.4f}"]


def test_a_long_line_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(running().answer(TEXT))
    monkeypatch.setattr("headgate.tasks.token_stream._AT_ONCE", 2)
    assert list(running().answer(TEXT)) == whole


def test_what_training_does_later_does_not_change_a_decoder(tmp_path: Path) -> None:
    model = train_translator(write_norms(tmp_path))
    stream: Any = model.stream("no. 123")
    other, kept = stream.fork(), stream.state
    wanted = stream.step().log_probabilities
    network: Any = model.task.network
    with torch.no_grad():
        network.combine.weight.zero_()
    network.train()
    assert torch.equal(other.step().log_probabilities, wanted)
    with pytest.raises(StreamError, match="other weights"):
        model.stream("no. 123").state = kept


@pytest.mark.parametrize("make", [running, decoding])
def test_a_copy_goes_on_by_itself(make: Any) -> None:
    stream = make()
    other = copy.copy(stream)
    stream.steps([5])
    assert (stream.position, other.position) == (1, 0)
    assert repr(stream)


def test_a_token_of_numpy_is_an_id(unchecked: None) -> None:
    token: Any = np.int64(5)
    assert running().step(token) == running().step(5)
    assert repr(decoding().step()).startswith("NextToken(id=")
