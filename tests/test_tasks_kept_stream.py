"""What holds for the streams of all tasks; each kind of them stands in ``tests/kept.py``."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kept import KINDS, Kind, bits

from headgate.errors import HeadgateError, ShapeError, StreamError
from headgate.tasks.kept_stream import step_together
from headgate.tasks.protocol import TaskStream

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
sourced = [each for each in KINDS if KINDS[each].sources]
every_source = pytest.mark.parametrize("kind", [KINDS[each] for each in sourced], ids=sourced)


def test_every_kind_of_stream_is_in_the_table() -> None:
    def kinds(of: type) -> set[type]:
        return {each for kind in of.__subclasses__() for each in {kind, *kinds(kind)}}

    from headgate.tasks.kept_stream import KeptStream, RowStream

    assert {type(each.template()) for each in KINDS.values()} == kinds(KeptStream) - {RowStream}


@every_kind
def test_it_keeps_the_protocol(kind: Kind) -> None:
    stream = kind.begun()
    assert isinstance(stream, TaskStream)
    one, other = stream.fork(), stream.fork()
    wanted = [one.step(token) for token in kind.tokens]
    for token, each in zip(kind.tokens, wanted, strict=True):
        said = other.said(other.stream.step(other.given(token)))
        assert bits(said) == bits(each)
    before: Any = stream.position
    assert one.position == other.position == before + len(kind.tokens)


@every_kind
def test_several_steps_are_as_many_single_ones(kind: Kind) -> None:
    one, other = kind.begun(), kind.begun()
    said = one.steps(kind.tokens)
    assert len(said) == len([other.step(token) for token in kind.tokens])
    assert (one.position, one.state) == (other.position, other.state)


def at_places(kind: Kind, count: int = 5) -> list[Any]:
    """Streams of one template, each over its own source and at its own position."""
    streams = [kind.begun(number) for number in range(count)]
    for number, stream in enumerate(streams):
        for step in range(number):
            stream.step(token_of(kind, number, step))
    return streams


def token_of(kind: Kind, stream: int, step: int) -> Any:
    return kind.tokens[(stream * 2 + step) % len(kind.tokens)]


@every_kind
def test_streams_step_together_as_each_does_alone(kind: Kind) -> None:
    streams = at_places(kind)
    alone = [each.fork() for each in streams]
    for step in range(6):
        chosen = [n for n in range(len(streams)) if (n + step) % 3]
        tokens = [token_of(kind, n, step) for n in chosen]
        found = step_together([streams[n] for n in chosen], tokens)
        for n, token, said in zip(chosen, tokens, found, strict=True):
            assert bits(said) == bits(alone[n].step(token))
    for n, (one, other) in enumerate(zip(streams, alone, strict=True)):
        assert (one.position, one.state) == (other.position, other.state)
        one.rewind(2)
        other.rewind(2)
        assert (one.position, one.state) == (other.position, other.state)
        fork, token = one.fork(), token_of(kind, n, 0)
        [said] = step_together([fork], [token])
        assert bits(said) == bits(other.step(token)) == bits(one.step(token))
        for each in (one, other):
            each.reset()
        assert bits(step_together([one], [token])) == bits([other.step(token)])


@every_kind
def test_a_wrong_token_stops_all(kind: Kind, unchecked: None) -> None:
    streams = at_places(kind, 3)
    before = [(each.position, each.state) for each in streams]
    good = kind.tokens[0]
    for wrong in (object(), {"x": 1}, [[[[]]]], True):
        with pytest.raises(HeadgateError):
            step_together(streams, [good, good, wrong])
    with pytest.raises(StreamError, match="came twice"):
        step_together([streams[0], streams[0]], [good, good])
    with pytest.raises(ShapeError, match="give a token for each"):
        step_together(streams, [good])
    assert [(each.position, each.state) for each in streams] == before


@every_source
def test_a_fork_begins_and_the_other_goes_on(kind: Kind) -> None:
    first, wanted = kind.begun(0), kind.begun(0)
    token = kind.tokens[0]
    for each in (first, wanted):
        each.step(token)
    fork = first.fork()
    fork.begin(kind.sources[1])
    assert bits(fork.step(token)) == bits(kind.begun(1).step(token))
    assert (first.position, first.state) == (wanted.position, wanted.state)
    assert bits(first.step(token)) == bits(wanted.step(token))
    assert fork.stream._engine is first.stream._engine
    assert getattr(fork, "network", None) is getattr(first, "network", None)


@every_source
def test_what_is_no_source_leaves_a_stream_as_it_was(kind: Kind, unchecked: None) -> None:
    stream = kind.begun()
    stream.step(kind.tokens[0])
    before = stream.position, stream.state
    for wrong in ("", "\ud800", 7, {"a": 1}, [["x"]], [float("inf")], object()):
        with pytest.raises(HeadgateError):
            stream.begin(wrong)
        assert (stream.position, stream.state) == before


@pytest.mark.parametrize("name", [each for each in KINDS if not KINDS[each].sources])
def test_a_stream_without_a_source_says_so(name: str) -> None:
    stream = KINDS[name].begun()
    with pytest.raises(StreamError, match="has no source"):
        stream.begin("a text")


@every_kind
def test_steps_are_taken_whole_or_not_at_all(kind: Kind, unchecked: None) -> None:
    stream = kind.begun()
    stream.step(kind.tokens[0])
    before = stream.position, stream.state
    for wrong in (object(), {"x": 1}, [[[[]]]], "\ud800", 10**400):
        with pytest.raises(HeadgateError):
            stream.steps([*kind.tokens[:3], wrong])
        assert (stream.position, stream.state) == before
    assert stream.steps([]) == []


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([10**400, -(10**400), 2**63, -1, 0, 60, 1e300, float("nan"), float("inf")]),
    st.integers(-3, 200),
    st.floats(),
    st.sampled_from(["", " ", "\ud800", "\0", "a", "9999-12-31 23:00", "<eos>", "a" * 99, "강0"]),
    st.text(st.characters(), max_size=4),
)
KEYS = st.one_of(st.sampled_from(["values", "stamp"]), st.text(max_size=3))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=2)),
    max_leaves=12,
)


@every_kind
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_json_can_say_is_taken_or_refused(
    kind: Kind, data: st.DataObject, unchecked: None
) -> None:
    """Nothing else than an error of headgate's, and then nothing has changed."""
    plain = [each for each in kind.tokens if not hasattr(each, "shape")]
    near = st.one_of(JSON, st.sampled_from(plain), st.lists(st.sampled_from(plain), max_size=3))
    came = data.draw(st.one_of(near, st.lists(near, max_size=3)))
    for take in ("given", "steps", "begin"):
        stream = kind.begun()
        stream.step(plain[0])
        before = stream.position, stream.state
        with contextlib.suppress(HeadgateError):
            getattr(stream, take)(came)
            if take != "given":
                continue
        assert (stream.position, stream.state) == before


def test_deep_and_large_things_are_refused(unchecked: None) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    for kind in KINDS.values():
        for take in ("given", "steps", "begin"):
            for came in (deep, {"values": deep}, 10**5000, [10**5000]):
                with pytest.raises(HeadgateError):
                    getattr(kind.begun(), take)(came)
