"""Streams of one network step together: each as it does alone, to the bit."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from tests.cases import Case, every_cell
from tests.streams import NAN, draw_input
from tests.tolerances import assert_equal
from torch import Tensor, nn

from headgate.errors import HeadgateError, ShapeError, StreamError
from headgate.kernels import chain, native
from headgate.layers import GRU, LSTM, Linear, Recurrent
from headgate.models.pooling import Pool
from headgate.streaming import Stream, together

Together = Stream.step_together


def spread(first: Stream, x: Tensor) -> list[Stream]:
    """Forks of a stream, each at its own position."""
    streams = [first.fork() for _ in range(x.shape[1])]
    for number, stream in enumerate(streams):
        stream.steps(x[:number, number])
    return streams


def keeps_the_law(first: Stream, x: Tensor) -> None:
    """Step, in companies that change, as each stream does alone; then go back and aside."""
    streams = spread(first, x)
    alone = [each.fork() for each in streams]
    for step in range(6):
        chosen = [n for n in range(len(streams)) if (n + step) % 4]
        out = Together([streams[n] for n in chosen], [x[step, n] for n in chosen])
        for row, n in zip(out, chosen, strict=True):
            assert_equal(row, alone[n].step(x[step, n]), "bits")
    for n, (one, other) in enumerate(zip(streams, alone, strict=True)):
        assert (one.position, one.state) == (other.position, other.state)
        for back in (1, 2):
            one.rewind(back)
            other.rewind(back)
            assert (one.position, one.state) == (other.position, other.state)
        assert_equal(one.fork().step(x[0, n]), other.step(x[0, n]), "bits")
        with pytest.raises(StreamError, match="0 steps can be taken back"):
            one.rewind(1)


@every_cell
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_cell_steps_together_as_alone(case: Case, dtype: torch.dtype) -> None:
    layer = case.layer(num_layers=2).to(dtype)
    keeps_the_law(Stream(layer, rewind=3), draw_input([layer], 8, 6))


CHAINS = {
    "ids": [nn.Embedding(50, 9), LSTM(9, 33, num_layers=2), Linear(33, 7)],
    "pool": [Recurrent("gru", 5, 17), Pool("mean", 17), Linear(17, 3)],
    "no state": [Linear(4, 3)],
    "one state": [GRU(1, 1)],
}


@pytest.mark.parametrize("quantize", [None, "int8"])
@pytest.mark.parametrize("modules", CHAINS.values(), ids=CHAINS)
def test_chains_step_together_as_alone(modules: list[nn.Module], quantize: str | None) -> None:
    if quantize and not native.available:
        pytest.skip("the native part is not here")
    keeps_the_law(Stream(*modules, rewind=3, quantize=quantize), draw_input(modules, 8, 6))


def test_so_does_the_slow_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "serves", lambda links: False)
    for modules in CHAINS.values():
        first = Stream(*modules, rewind=3)
        assert not first._engine.native
        keeps_the_law(first, draw_input(modules, 8, 6))


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 130, 300])
def test_any_number_of_them(count: int) -> None:
    first = Stream(GRU(3, 5), Linear(5, 2))
    x = torch.randn(2, count, 3)
    streams, alone = ([first.fork() for _ in range(count)] for _ in range(2))
    for step in x:
        found = Together(streams, list(step))
        wanted = torch.stack([s.step(row) for s, row in zip(alone, step, strict=True)])
        assert_equal(found, wanted, "bits")


def test_nan_stays_in_its_stream() -> None:
    first = Stream(GRU(2, 5))
    streams, alone = ([first.fork() for _ in range(3)] for _ in range(2))
    inputs = [[1.0, 2.0], [NAN, 0.0], [0.5, 0.5]]
    for _ in range(2):
        found = Together(streams, inputs)
        assert found[[0, 2]].isfinite().all()
        assert found[1].isnan().all()
        for one, x, row in zip(alone, inputs, found, strict=True):
            assert_equal(row, one.step(x), "bits")


FEATURES: list[Any] = [
    torch.randn(2, 3)[:, 0],  # with gaps
    torch.randn(2),
    [0.5, -1],
    np.array([1.0, 2.0]),
    torch.randn(2, requires_grad=True),
    torch.randn(2, dtype=torch.complex64).conj().imag,  # with a minus sign beside the numbers
    nn.Parameter(torch.randn(2)),
]
IDS: list[Any] = [3, np.int64(3), torch.tensor(4), torch.tensor(5, dtype=torch.int32), np.array(6)]


@pytest.mark.parametrize("several", [FEATURES, IDS, FEATURES[:2], FEATURES[1:2] * 3, IDS[:1] * 3])
def test_each_input_is_read_as_a_step_reads_it(several: list[Any]) -> None:
    first = Stream(GRU(2, 5)) if several[0] is not IDS[0] else Stream(nn.Embedding(9, 2), GRU(2, 5))
    streams, alone = ([first.fork() for _ in several] for _ in range(2))
    found = Together(streams, several)
    assert not found.requires_grad
    for row, one, x in zip(found, alone, several, strict=True):
        assert_equal(row, one.step(x), "bits")


WRONG: list[Any] = [
    torch.zeros(3), torch.zeros(2, dtype=torch.float64), [1.0], "x", None, [[1.0, 2.0]], 10**400,
    torch.zeros(2).to_sparse(), torch.zeros(2, device="meta"), [10**400, 1],
]  # fmt: skip
NO_ID: list[Any] = [9, -1, 10**400, 2**63, 1.5, True, None, "x", [1], torch.tensor(9), 2**62]


@pytest.mark.parametrize("wrong", [*WRONG, *NO_ID], ids=str)
def test_a_wrong_input_stops_all_as_a_step_does(wrong: Any) -> None:
    ids = any(wrong is each for each in NO_ID)
    first = Stream(nn.Embedding(9, 2), GRU(2, 5)) if ids else Stream(GRU(2, 5))
    good: Any = 1 if ids else torch.ones(2)
    streams = [first.fork() for _ in range(3)]
    streams[0].step(good)
    before = [(each.position, each.state) for each in streams]
    with pytest.raises(HeadgateError) as alone:
        first.step(wrong)
    with pytest.raises(HeadgateError) as found:
        Together(streams, [good, wrong, good])
    assert (type(found.value), str(found.value)) == (type(alone.value), str(alone.value))
    assert [(each.position, each.state) for each in streams] == before
    Together(streams, [good] * 3)


def test_what_cannot_step_together(unchecked: None) -> None:
    first, other = Stream(GRU(2, 5)), Stream(GRU(2, 5))
    x = torch.ones(2)
    refused: list[tuple[Any, str]] = [
        ([], "at least one stream"),
        ([first, first], "one came twice"),
        ([first, other], "are of several networks"),
        ([first, first._like(2)], "have no rows, and one has 2"),
        ([first, "x"], "streams step together, in a list"),
    ]
    for streams, message in refused:
        with pytest.raises(StreamError, match=message):
            Together(streams, [x] * len(streams))
    for inputs in ([x], [x] * 3, []):
        with pytest.raises(ShapeError, match="there are 2 streams: give an input for each"):
            Together([first, first.fork()], inputs)
    assert first.position == 0


def test_the_memory_of_batches_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    if not native.available:
        pytest.skip("the slow twin has no batches")
    monkeypatch.setattr(together, "MOST_ROWS", 10)
    first = Stream(GRU(2, 5))
    streams = [first.fork() for _ in range(12)]
    for count in (1, 2, 3, 4, 2, 5, 12):
        Together(streams[:count], [torch.ones(2)] * count)
        kept = list(first._engine.batches._kept)
        assert kept[-1] == count
        assert sum(kept) <= max(10, count)
    assert kept == [12]


def test_threads_do_not_disturb_each_other() -> None:
    first = Stream(nn.Embedding(50, 16), LSTM(16, 32), Linear(32, 5))
    ids = torch.randint(50, (200, 3, 4)).tolist()
    streams = [[first.fork() for _ in range(4)] for _ in range(3)]
    found: list[list[Tensor]] = [[], [], []]

    def run(mine: int) -> None:
        for step in ids:
            found[mine].append(Together(streams[mine], step[mine]))

    threads = [threading.Thread(target=run, args=(mine,)) for mine in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for mine in range(3):
        for number in range(4):
            alone = first.fork().steps([step[mine][number] for step in ids])
            assert_equal(torch.stack(found[mine])[:, number], alone, "bits")


def test_inference_mode_leaves_streams_usable() -> None:
    first = Stream(GRU(2, 5))
    streams, alone = ([first.fork() for _ in range(2)] for _ in range(2))
    with torch.inference_mode():
        Together(streams, [torch.ones(2)] * 2)
    found = Together(streams, [torch.ones(2)] * 2)
    for one, row in zip(alone, found, strict=True):
        one.step(torch.ones(2))
        assert_equal(row, one.step(torch.ones(2)), "bits")
