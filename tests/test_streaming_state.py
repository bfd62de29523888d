"""The state as bytes: taken back whole by the network that it came from, and by no other."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from tests.streams import batch
from tests.tolerances import assert_equal
from torch import Tensor, nn

from headgate.errors import StreamError
from headgate.kernels import chain, native
from headgate.layers import Linear, Recurrent
from headgate.models.pooling import Pool
from headgate.streaming import Stream
from headgate.streaming.state import from_bytes

MUTATIONS = 10_000
every_rows = pytest.mark.parametrize("rows", [None, 3])


def _modules() -> list[nn.Module]:
    return [Recurrent("lstm", 3, 5, num_layers=2), Pool("mean+max"), Linear(10, 4)]


def _steps(count: int, rows: int | None) -> Tensor:
    return torch.randn(count, *batch(rows), 3)


@every_rows
@pytest.mark.parametrize("slow", [False, True], ids=["native", "twin"])
def test_a_stream_goes_on_from_its_bytes(
    rows: int | None, slow: bool, monkeypatch: pytest.MonkeyPatch, unchecked: None
) -> None:
    if slow:
        monkeypatch.setattr(chain, "serves", lambda links: False)
    modules, x = _modules(), _steps(9, rows)
    stream = Stream(*modules, rows=rows, rewind=2)
    stream.steps(x[:5])
    data, expected = stream.state, stream.steps(x[5:])
    other = Stream(*modules, rows=rows)
    other.steps(x[:2])
    for given in (data, bytearray(data), memoryview(data)):
        other.state = given  # type: ignore[assignment]
        assert other.state == data
        assert other.position == (5 if rows is None else [5] * 3)
        assert_equal(other.steps(x[5:]), expected, "bits")


def test_the_native_part_and_its_twin_read_each_others_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules, x = _modules(), _steps(9, 3)
    stream = Stream(*modules, rows=3)
    stream.steps(x[:5])
    data, expected = stream.state, stream.steps(x[5:])
    monkeypatch.setattr(chain, "serves", lambda links: False)
    twin = Stream(*modules, rows=3)
    twin.state = data
    assert twin.state == data
    assert_equal(twin.steps(x[5:]), expected, "output")


@every_rows
def test_equal_states_have_equal_bytes(rows: int | None) -> None:
    modules, x = _modules(), _steps(9, rows)
    one, other = Stream(*modules, rows=rows), Stream(*modules, rows=rows, rewind=4)
    start = one.state
    assert other.state == start
    one.steps(x)
    assert one.state != start
    for step in x:
        other.step(step)
    if native.available:
        assert one.state == other.state
    assert one.fork().state == one.state
    assert len(one.state) == len(other.state)
    one.reset()
    assert one.state == start


def test_the_position_is_part_of_a_state() -> None:
    stream = Stream(Linear(3, 2), rows=3)
    before = stream.state
    stream.steps(_steps(4, 3))
    stream.reset([1])
    assert stream.state != before
    other = Stream(Linear(3, 2), rows=3)
    with pytest.raises(StreamError, match="of other weights"):
        other.state = stream.state
    again = stream.fork()
    again.reset()
    again.state = stream.state
    assert again.position == [4, 0, 4]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_states_of_any_type_of_number(dtype: torch.dtype) -> None:
    layer = Recurrent("gru", 3, 4).to(dtype)
    stream = Stream(layer, rows=2)
    x = torch.randn(4, 2, 3).to(dtype)
    stream.steps(x[:2])
    data, expected = stream.state, stream.steps(x[2:])
    stream.state = data
    assert_equal(stream.steps(x[2:]), expected, "bits")


def test_states_that_are_no_numbers_are_kept() -> None:
    stream = Stream(Recurrent("lstm", 3, 5), rows=3)
    x = _steps(1, 3)[0]
    x[1] = float("nan")
    x[2] = float("inf")
    stream.step(x)
    data = stream.state
    stream.reset()
    stream.state = data
    assert stream.state == data


Mutation = Callable[[bytes, random.Random], bytes]


def _truncate(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def _flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 9])):
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _replace(data: bytes, draw: random.Random) -> bytes:
    at, size = draw.randrange(len(data)), draw.randint(1, 9)
    return data[:at] + draw.randbytes(size) + data[at + size :]


def _insert(data: bytes, draw: random.Random) -> bytes:
    at = draw.choice([0, 8, len(data), draw.randrange(len(data))])
    return data[:at] + draw.randbytes(draw.randint(1, 9)) + data[at:]


def _remove(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.randint(1, 9) :]


def _exchange(data: bytes, draw: random.Random) -> bytes:
    a, b, c, d = sorted(draw.randint(0, len(data)) for _ in range(4))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _header(data: bytes) -> tuple[dict[str, Any], bytes]:
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def _with_header(header: Any, rest: bytes) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + rest


ODDITIES = [None, True, 0, 1, -1, 2, 2**70, 1.5, "", "x", [], [0], [[0]], {}, {"a": 1}, "\ud800"]


def _edit_header(data: bytes, draw: random.Random) -> bytes:
    """Any place of the header's tree becomes something else; the text stays JSON."""
    header, rest = _header(data)
    place: Any = header
    while True:
        key = draw.choice(sorted(place) if isinstance(place, dict) else range(len(place)))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or draw.random() < 0.2:
            break
        place = inner
    _change(place, key, draw)
    return _with_header(header, rest)


def _change(place: Any, key: Any, draw: random.Random) -> None:
    how = draw.randrange(3)
    if how == 0:
        del place[key]
    elif how == 1 and isinstance(place, dict):
        place[f"{key}x"] = place.pop(key)
    else:
        place[key] = draw.choice(ODDITIES)


def _edit_said(data: bytes, draw: random.Random) -> bytes:
    """The text inside the metadata becomes another, which stays JSON."""
    header, rest = _header(data)
    said = json.loads(header["__metadata__"]["headgate"])
    _change(said, draw.choice(sorted(said)), draw)
    header["__metadata__"]["headgate"] = json.dumps(said, sort_keys=draw.random() < 0.5)
    return _with_header(header, rest)


def _spaces(data: bytes, draw: random.Random) -> bytes:
    header, rest = _header(data)
    text = json.dumps(header, indent=draw.choice([0, 1, 2])).encode()
    return len(text).to_bytes(8, "little") + text + rest


EVERY_MUTATION = [
    _truncate, _flip, _replace, _insert, _remove, _exchange, _edit_header, _edit_said, _spaces
]  # fmt: skip


@every_rows
@pytest.mark.parametrize("mutate", EVERY_MUTATION, ids=lambda m: m.__name__.strip("_"))
def test_whatever_is_changed_is_refused(mutate: Mutation, rows: int | None) -> None:
    draw = random.Random(mutate.__name__)
    stream = Stream(Recurrent("lstm", 3, 2), Pool("mean"), rows=rows)
    stream.steps(_steps(3, rows))
    data = stream.state
    for _ in range(MUTATIONS // (2 * len(EVERY_MUTATION)) + 1):
        changed = mutate(data, draw)
        if changed != data:
            with pytest.raises(StreamError):
                stream.state = changed
    assert stream.state == data


@pytest.mark.parametrize("junk", [b"", b"\0" * 8, b"{}", b"[" * 100_000, b"\xff" * 100])
def test_what_is_no_state_says_so(junk: bytes) -> None:
    for data in (junk, len(junk).to_bytes(8, "little") + junk):
        with pytest.raises(StreamError, match="no whole state of a stream"):
            from_bytes(data)


@pytest.mark.parametrize("bad", [None, "text", 3, [1], torch.zeros(3)])
def test_a_state_is_bytes(bad: Any, unchecked: None) -> None:
    with pytest.raises(StreamError, match=f"state is bytes, not {type(bad).__name__}"):
        Stream(Linear(2, 2)).state = bad


def test_another_version_names_both() -> None:
    header, rest = _header(Stream(Linear(2, 2)).state)
    said = json.loads(header["__metadata__"]["headgate"])
    header["__metadata__"]["headgate"] = json.dumps(said | {"version": 2})
    with pytest.raises(StreamError, match="version 2, and this release reads 1"):
        from_bytes(_with_header(header, rest))


def _refused(stream: Stream, data: bytes, message: str) -> None:
    before = stream.state
    with pytest.raises(StreamError, match=message):
        stream.state = data
    assert stream.state == before


def test_a_state_of_another_network_is_refused() -> None:
    layer = Recurrent("gru", 3, 4)
    data = Stream(layer).state
    another = "another network, with other states"
    _refused(Stream(Recurrent("lstm", 3, 4)), data, another)
    _refused(Stream(Recurrent("gru", 3, 5)), data, another)
    _refused(Stream(Recurrent("gru", 3, 4, num_layers=2)), data, another)
    _refused(Stream(nn.Embedding(3, 3), layer), data, another)
    weights = "of other weights"
    _refused(Stream(Recurrent("gru", 3, 4)), data, weights)
    _refused(Stream(Recurrent("gru", 2, 4)), data, weights)
    _refused(Stream(layer, Linear(4, 2)), data, weights)
    zoneout = Recurrent("gru", 3, 4, zoneout=0.5)
    zoneout.load_state_dict(layer.state_dict())
    _refused(Stream(zoneout), data, weights)
    with torch.no_grad():
        next(layer.parameters())[0, 0] += 1e-6
    _refused(Stream(layer), data, weights)
    _refused(Stream(layer.double()), data, weights)


@pytest.mark.skipif(not native.available, reason="bytes need the native part")
def test_a_state_of_another_quantization_is_refused() -> None:
    layer = Recurrent("gru", 3, 4)
    floats, small = Stream(layer), Stream(layer, quantize="int8")
    _refused(floats, small.state, "quantize='int8', but this one has quantize=None")
    _refused(small, floats.state, "quantize=None, but this one has quantize='int8'")


def test_a_state_of_other_rows_is_refused() -> None:
    layer = Recurrent("gru", 3, 4)
    none, one, three = (Stream(layer, rows=rows) for rows in (None, 1, 3))
    _refused(none, one.state, "rows=1, but the stream rows=None")
    _refused(one, none.state, "rows=None, but the stream rows=1")
    _refused(three, one.state, "rows=1, but the stream rows=3")


def _forged(data: bytes, tensors: dict[str, Tensor], **changed: Any) -> bytes:
    """Bytes whose checksum fits what they say."""
    said = json.loads(_header(data)[0]["__metadata__"]["headgate"]) | changed
    del said["sha256"]
    bare = save(tensors, {"headgate": json.dumps(said, sort_keys=True)})
    said["sha256"] = hashlib.sha256(bare).hexdigest()
    return save(tensors, {"headgate": json.dumps(said, sort_keys=True)})


def test_what_contradicts_itself_is_refused_whatever_its_checksum(unchecked: None) -> None:
    stream = Stream(Recurrent("lstm", 3, 4), rows=2)
    stream.steps(_steps(2, 2))
    data = stream.state
    tensors = load(data)
    assert _forged(data, tensors) == data
    name = next(iter(tensors))
    for positions in (
        [2],
        [2, 2, 2],
        [2, "2"],
        [2, 2.0],
        [2, True],
        [2, None],
        [2, [2]],
        [2, -1],
        [2, 2**62],
    ):
        _refused(stream, _forged(data, tensors, positions=positions), "made up")
    for other in (tensors[name][:1], tensors[name].double(), tensors[name][None]):
        _refused(stream, _forged(data, tensors | {name: other.clone()}), "made up")
    _refused(stream, _forged(data, {name: tensors[name]}), "other states")
    _refused(stream, _forged(data, tensors | {"x": torch.zeros(2, 1)}), "other states")
    _refused(stream, _forged(data, {k: v[0, 0] for k, v in tensors.items()}), "other states")
    for model in (None, 1, "x", ["x"]):
        _refused(stream, _forged(data, tensors, model=model), "of other weights")
    for rows in ("2", 2.5, [2], True):
        _refused(stream, _forged(data, tensors, rows=rows), "rows")
    bare = Stream(Linear(3, 4))
    _refused(bare, _forged(bare.state, {}, positions=[1, 2]), "made up")
