"""Fork, rewind, reset, join and split: where a stream goes from, and back to."""

from __future__ import annotations

import copy
import pickle
import random
from threading import Thread
from typing import Any, cast

import numpy as np
import pytest
import torch
from tests.streams import NAN, batch, draw_input, in_pieces
from tests.tolerances import assert_equal
from torch import Tensor, nn

from headgate.errors import ShapeError, StreamError
from headgate.kernels import chain, native
from headgate.layers import Linear, Recurrent
from headgate.streaming import Stream

ROWS = [None, 3]
EXACT = {True: "bits", False: "output"}  # a row of a batch as alone, by who runs it
every_rows = pytest.mark.parametrize("rows", ROWS)


@pytest.mark.parametrize("quantize", [None, "int8"] if native.available else [None])
def test_what_the_weights_become_later_changes_no_stream(quantize: str | None) -> None:
    modules = [
        nn.Embedding(6, 3),
        Recurrent("lem", 3, 5, initial_state="learned", layer_norm=True),
        Linear(5, 4),
    ]
    x = draw_input(modules, 6, 1)[:, 0]
    stream = Stream(*modules, quantize=quantize)
    other, state = stream.fork(), stream.state
    before = stream.steps(x)
    with torch.no_grad():
        for parameter in nn.ModuleList(modules).parameters():
            parameter.fill_(NAN)
    assert_equal(other.steps(x), before, "bits")
    stream.reset()
    assert stream.state == state
    assert_equal(stream.steps(x), before, "bits")
    assert stream.output_size == 4


@every_rows
def test_a_fork_goes_on_by_itself(rows: int | None) -> None:
    layer = Recurrent("lstm", 3, 5, num_layers=2)
    x = torch.randn(8, *batch(rows), 3)
    stream = Stream(layer, rows=rows, rewind=2)
    stream.steps(x[:3])
    found = [stream.fork(), copy.copy(stream), copy.deepcopy(stream)]
    expected = stream.steps(x[3:])
    for other in found:
        assert other.position == (3 if rows is None else [3] * 3)
        assert_equal(other.steps(x[3:]), expected, "bits")
        other.rewind(2)
        assert_equal(other.steps(x[6:]), expected[3:], "bits")
    assert stream.position == (8 if rows is None else [8] * 3)


def test_two_threads_step_two_forks_as_alone() -> None:
    modules = [nn.Embedding(9, 16), Recurrent("gru", 16, 33, layer_norm=True), Linear(33, 9)]
    x = draw_input(modules, 1500, 2)
    streams = [Stream(*modules)]
    streams.append(streams[0].fork())
    expected = [stream.fork().steps(x[:, i]) for i, stream in enumerate(streams)]
    found: list[Tensor] = [torch.empty(0)] * 2

    def run(i: int) -> None:
        found[i] = in_pieces(streams[i], x[:1000, i])
        found[i] = torch.cat([found[i], *(streams[i].step(id)[None] for id in x[1000:, i])])

    threads = [Thread(target=run, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_equal(found, expected, "bits")


def test_pickle_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(StreamError, match=r"keep stream\.state"):
        pickle.dumps(Stream(Linear(2, 2)))


@pytest.fixture(params=[False, True], ids=["native", "twin"])
def _both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with the native part where it is, once without."""
    if request.param:
        monkeypatch.setattr(chain, "serves", lambda links: False)


def _layer() -> Recurrent:
    return Recurrent("lstm", 3, 5, num_layers=2, initial_state="learned")


def _steps(count: int, rows: int | None) -> Tensor:
    return torch.randn(count, *batch(rows), 3)


@pytest.mark.usefixtures("_both")
@pytest.mark.parametrize("depth", [1, 2, 5])
@every_rows
def test_rewind_takes_back_up_to_its_depth(rows: int | None, depth: int) -> None:
    x = _steps(9, rows)
    stream = Stream(_layer(), rows=rows, rewind=depth)
    start = stream.fork()
    for taken in (1, 2, 7):
        for back in range(min(depth, taken) + 1):
            now = start.fork()
            expected = torch.cat([now.steps(x[:taken]), start.fork().steps(x)[taken:]])
            now.rewind(back)
            left = taken - back
            assert now.position == (left if rows is None else [left] * 3)
            assert now.state == _after(start, x[:left])
            assert_equal(now.steps(x[left:]), start.fork().steps(x)[left:], "bits")
            assert len(expected) == len(x)


def _after(stream: Stream, x: Tensor) -> bytes:
    stream = stream.fork()
    stream.steps(x)
    return stream.state


@pytest.mark.usefixtures("_both")
@pytest.mark.parametrize("depth", [0, 1, 3, 4])
def test_any_walk_forth_and_back_is_a_straight_one(depth: int) -> None:
    draw, x = random.Random(depth), _steps(60, None)
    stream = Stream(_layer(), rewind=depth)
    states = [stream.state]
    for step in x:
        probe = stream.fork()
        probe.step(step)
        states.append(_after(stream, step[None]))
        stream = probe
    stream.reset()
    position = kept = 0
    for _ in range(120):
        back = draw.randint(0, depth + 2)
        if draw.random() < 0.5 and back > kept:
            with pytest.raises(StreamError, match=f"^{kept} steps can be taken back, not {back}"):
                stream.rewind(back)
        elif draw.random() < 0.5:
            back = min(back, kept)
            stream.rewind(back)
            position, kept = position - back, kept - back
        else:
            forth = min(draw.randint(0, 3), len(x) - position)
            stream.steps(x[position : position + forth])
            position, kept = position + forth, min(depth, kept + forth)
        assert stream.position == position
        assert stream.state == states[position]


@pytest.mark.parametrize("bad", [-1, 1.0, "1", None])
def test_rewind_takes_a_number_of_steps(bad: Any, unchecked: None) -> None:
    stream = Stream(_layer(), rewind=3)
    stream.steps(_steps(4, None))
    with pytest.raises(StreamError, match=r"^3 steps can be taken back.*rewind=3"):
        stream.rewind(bad)


def _set(stream: Stream) -> Stream:
    stream.state = stream.state
    return stream


def _reset(stream: Stream) -> Stream:
    stream.reset([0])
    return stream


@pytest.mark.parametrize("begin", [_set, _reset], ids=["set", "reset"])
def test_nothing_before_a_beginning_is_taken_back(begin: Any) -> None:
    stream = Stream(_layer(), rows=3, rewind=3)
    stream.steps(_steps(5, 3))
    stream = begin(stream)
    with pytest.raises(StreamError, match=r"^0 steps can be taken back, not 1"):
        stream.rewind(1)
    stream.rewind(0)
    before = stream.state
    stream.step(_steps(1, 3)[0])
    stream.rewind(1)
    assert stream.state == before


@pytest.mark.usefixtures("_both")
def test_reset_rows_begin_anew_and_the_others_go_on() -> None:
    layer, x = _layer(), _steps(8, 3)
    stream = Stream(layer, rows=3)
    stream.steps(x[:4])
    stream.reset([2, 0])
    assert stream.position == [0, 4, 0]
    found = stream.steps(x[4:])
    assert stream.position == [4, 8, 4]
    for row, begun in enumerate([4, 0, 4]):
        alone = Stream(layer).steps(x[begun:, row])
        assert_equal(found[:, row], alone[4 - begun :], EXACT[stream._engine.native])
    stream.reset()
    assert stream.position == [0, 0, 0]
    assert_equal(stream.steps(x), Stream(layer, rows=3).steps(x), "bits")


@pytest.mark.parametrize("bad", [3, -1, 1.0, "0", True])
def test_reset_of_no_row_changes_nothing(bad: Any, unchecked: None) -> None:
    stream = Stream(_layer(), rows=3, rewind=2)
    stream.steps(_steps(4, 3))
    before = stream.state
    with pytest.raises(ShapeError, match="rows 0 to 2, not"):
        stream.reset([0, bad])
    assert stream.state == before
    stream.rewind(2)


@pytest.mark.usefixtures("_both")
def test_joined_streams_go_on_as_alone() -> None:
    layer = _layer()
    three, one, deep = (
        Stream(layer, rows=3, rewind=2), Stream(layer, rewind=4), Stream(layer, rewind=3)
    )  # fmt: skip
    three.steps(_steps(5, 3))
    one.steps(_steps(2, None))
    deep.steps(_steps(11, None))
    parts = [three, one, deep, deep.fork()]
    before = [part.state for part in parts]
    joined = Stream.join(parts)
    assert joined.rows == 6
    assert joined.position == [5, 5, 5, 2, 11, 11]
    x = _steps(4, 6)
    state, found = joined.state, joined.steps(x)
    assert [part.state for part in parts] == before
    joined.rewind(2)
    joined.rewind(0)
    assert_equal(joined.steps(x[2:]), found[2:], "bits")
    expected = [parts[0].steps(x[:, :3]), *(p.steps(x[:, 3 + i]) for i, p in enumerate(parts[1:]))]
    exact = EXACT[joined._engine.native]
    assert_equal(found[:, :3], expected[0], exact)
    for i in range(3):
        assert_equal(found[:, 3 + i], expected[1 + i], exact)
    again = Stream(layer, rows=6)
    again.state = state
    assert_equal(again.steps(x), found, "bits")


def test_a_joined_stream_takes_back_what_all_parts_can() -> None:
    layer, x = _layer(), _steps(9, None)
    long, short = Stream(layer, rewind=4), Stream(layer, rewind=3)
    long.steps(x)
    short.steps(x[:2])
    joined = Stream.join([long, short])
    with pytest.raises(StreamError, match=r"^2 steps can be taken back, not 3"):
        joined.rewind(3)
    joined.rewind(2)
    assert joined.position == [7, 0]
    long.rewind(2)
    short.rewind(2)
    assert [part.state for part in joined.split()] == [long.state, short.state]


@pytest.mark.usefixtures("_both")
def test_split_and_join_are_each_other_undone() -> None:
    stream = Stream(_layer(), rows=3, rewind=2)
    stream.steps(_steps(4, 3))
    stream.reset([1])
    stream.steps(_steps(3, 3))
    parts = stream.split()
    assert [part.rows for part in parts] == [None] * 3
    assert [part.position for part in parts] == [7, 3, 7]
    assert Stream.join(parts).state == stream.state
    before = [part.state for part in parts]
    stream.rewind(2)
    stream.steps(_steps(2, 3))
    assert [part.state for part in parts] == before
    for part in parts:
        part.rewind(2)
    assert [part.position for part in parts] == [5, 1, 5]
    assert Stream(_layer(), rows=1).split()[0].rows is None


def test_one_stream_joined_has_rows() -> None:
    stream = Stream(_layer())
    stream.steps(_steps(3, None))
    joined = Stream.join([stream])
    assert joined.rows == 1
    x = _steps(2, None)
    assert_equal(joined.steps(x[:, None])[:, 0], stream.steps(x), "bits")


def test_streams_of_several_networks_are_not_joined() -> None:
    streams = [Stream(_layer()), Stream(_layer())]
    with pytest.raises(StreamError, match="of one network are joined"):
        Stream.join(streams)
    with pytest.raises(StreamError, match="at least one stream"):
        Stream.join([])


def test_streams_made_apart_from_the_same_weights_are_joined() -> None:
    layer = _layer()
    joined = Stream.join([Stream(layer), Stream(copy.deepcopy(layer))])
    assert joined.rows == 2


def test_rows_and_steps_may_be_numbers_of_numpy(unchecked: None) -> None:
    one, two, three = (cast(Any, np.int64(n)) for n in (1, 2, 3))
    stream = Stream(_layer(), rows=three, rewind=two)
    stream.steps(_steps(4, 3))
    stream.rewind(one)
    stream.reset([one])
    assert stream.position == [3, 0, 3]


@pytest.mark.parametrize("streams", [[], ["a"], [None]], ids=str)
def test_what_is_no_stream_is_not_joined(streams: Any, unchecked: None) -> None:
    with pytest.raises(StreamError, match="at least one stream is joined, in a list"):
        Stream.join(streams)


def test_the_depth_of_a_join_is_the_greatest() -> None:
    layer = _layer()
    deep, flat = Stream(layer, rewind=5), Stream(layer, rewind=1)
    for streams in ([deep, flat], [flat, deep]):
        joined = Stream.join(each for each in streams)
        joined.steps(_steps(5, 2))
        joined.rewind(5)
        assert joined.position == [0, 0]
