"""The measure of streams: whoever steps gives torch.nn's whole run, and the figures agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.bench import onnx_runtime, stream, stream_field, stream_limit, stream_onnx
from headgate.bench import stream_steps as steps
from headgate.bench.columns import heading
from headgate.bench.peak import product
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import Problem, inference, problem
from headgate.bench.sizes import Sizes
from headgate.bench.stream_limit import Limit, Reader, limit_of, matrix_entries, readers
from headgate.bench.stream_steps import Steps, timed_steps
from headgate.bench.timing import Budget, Contestant, Times
from headgate.kernels import native

ONCE = Budget(least=1, most=1, seconds=0.0)
SMALL = (Sizes(4, 1, 2, 6), Sizes(4, 3, 2, 6))
WAYS: dict[str, Callable[[Problem], Steps]] = {
    "ours": steps.ours,
    "cells": steps.cells,
    "layer": steps.layer,
    "run": stream_onnx.run,
    "bound": stream_onnx.bound,
}


@pytest.fixture(autouse=True)
def _small_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.bench.peak.SIDE", 16)
    monkeypatch.setattr(stream_limit, "_ENTRIES", 2**10)
    monkeypatch.setattr(steps, "MOST", steps.LEAST)


def _need_onnx() -> None:
    for package in onnx_runtime.NEEDS:
        pytest.importorskip(package, reason=f"{package} is not installed")


@pytest.mark.parametrize("cell", stream.CELLS)
@pytest.mark.parametrize("layers", stream.LAYERS)
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_step_is_the_whole_run(way: str, rows: int, layers: int, cell: str) -> None:
    if way in stream_field.WAYS["onnx"]:
        _need_onnx()
    given = problem(cell, Sizes(4, rows, 2, 6), layers)
    made = WAYS[way](given)
    # the second time the inputs come again, and the state goes on
    found = torch.cat([made.outputs((4, rows, 6)), made.outputs((4, rows, 6))])
    assert_equal(found, inference(given.theirs, given.x.repeat(2, 1, 1))(), "output")


@pytest.mark.parametrize("way", WAYS)
def test_a_timed_call_leaves_the_state_of_so_many_steps(way: str) -> None:
    if way in stream_field.WAYS["onnx"]:
        _need_onnx()
    given = problem("lstm", SMALL[1], 2)
    made = WAYS[way](given)
    made.call(6)()  # all four inputs, and two of them again
    x = torch.cat([given.x, given.x[:2], given.x])
    assert_equal(made.outputs((4, 3, 6)), inference(given.theirs, x)()[6:], "output")


def test_a_chunk_is_the_whole_run_and_counts_its_steps() -> None:
    given = problem("gru", SMALL[1])
    assert stream_field.chunks(given, 192) == 48
    assert stream_field.chunks(given, 3) == 1
    _, output = stream_field._chunk(given, 8, (3, 3, 6))
    assert_equal(output, inference(given.theirs, given.x[:3])(), "output")


def test_a_single_stream_has_no_axis_of_rows() -> None:
    for sizes, shape in zip(SMALL, [(4, 2), (4, 3, 2)], strict=True):
        given = problem("rnn", sizes)
        assert steps.taken(given).shape == shape
        y = steps.open_stream(given).step(steps.taken(given)[0])
        assert y.shape == (*shape[1:-1], 6)


def test_steps_of_a_call_are_many_where_they_are_short() -> None:
    found = [timed_steps(2**power) for power in range(10, 40)]
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (steps.MOST, steps.LEAST)


def test_entries_of_the_weights_by_hand() -> None:
    theirs = problem("lstm", SMALL[0], 2).theirs
    # four gates of six units: of two inputs and six units, then of six and six
    assert matrix_entries(theirs) == 4 * 6 * (2 + 6) + 4 * 6 * (6 + 6)


@pytest.mark.parametrize(
    ("entries", "passes", "held", "times"), [(35, 3, 64, 16), (64, 20, 64, 20), (2000, 3, 2048, 3)]
)
def test_a_reader_reads_the_whole_buffer_at_every_pass(
    entries: int, passes: int, held: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = torch.rand(held)
    drawn = []
    monkeypatch.setattr(torch, "rand", lambda size: drawn.append(size) or buffer)
    made = {each.contestant.name: each for each in readers(entries, passes)}
    assert drawn == [held]
    assert {each.read for each in made.values()} == {4 * held * times}
    doubles, octets = buffer.view(torch.float64), buffer.view(torch.uint8)
    wanted = {"sum": buffer.sum(), "sum64": doubles.sum(), "maximum": octets.max()}
    for name, value in wanted.items():
        assert_equal(made[name].contestant.call(), value.expand(times), "output")


def test_a_repeated_read_holds_the_buffer_once() -> None:
    seen = []

    def spy(rows: Tensor, axis: int, *, out: Tensor) -> Tensor:
        seen.append(rows)
        return torch.sum(rows, axis, out=out)

    stream_limit._reduction(spy, torch.rand(8), 1000)()
    assert (seen[0].shape, seen[0].stride()) == ((1000, 8), (0, 1))
    assert seen[0].untyped_storage().nbytes() == 4 * 8


def test_the_product_that_reads_takes_every_entry_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(torch, "mv", lambda matrix, vector, out: seen.append(matrix))
    stream_limit._mv(torch.arange(256.0), 3)()
    assert len(seen) == 3
    assert torch.equal(seen[0].flatten().sort().values, torch.arange(256.0))
    assert seen[0].stride() == (1, 4)


@pytest.mark.parametrize(("rows", "limit"), [(1, 0.5), (64, 6.4)])
def test_the_limit_is_the_greater_of_reading_and_arithmetic(rows: int, limit: float) -> None:
    ways = [Reader(Contestant(name, lambda: None), 10**6) for name in ("sum", "mv")]
    made = product("product", (10, 10, 10), 1)
    bounds = Limit(4000, 2 * rows * 1000, tuple(ways), (made,))
    # 8 bytes and 20 operations a nanosecond
    seconds = {"sum": (2e-4, 2e-4, 2e-4), "mv": (3e-4, 3e-4, 1.25e-4), "product": (1e-7,)}
    times = {f"{name}@1": Times(taken) for name, taken in seconds.items()}
    found = bounds.compare(times)
    assert found["read_by"] == "mv"
    assert found["read_gbytes"] == pytest.approx(8.0)
    assert found["peak_gflops"] == pytest.approx(20.0)
    assert found["reading_us"] == pytest.approx(0.5)
    assert found["arithmetic_us"] == pytest.approx(0.1 * rows)
    assert found["limit_us"] == pytest.approx(limit)


def test_the_limit_of_a_row_counts_every_layer() -> None:
    bounds = limit_of("gru", problem("gru", SMALL[1], 2).theirs, SMALL[1], 100)
    entries = 3 * 6 * (2 + 6) + 3 * 6 * (6 + 6)
    assert (bounds.size, bounds.flops) == (4 * entries, 2 * 3 * entries)
    # the product of the first layer: three rows of eight, eighteen columns
    assert [each.flops for each in bounds.made] == [2 * 16**3, 2 * 3 * 8 * 18]
    # entries are read as 64 · 6; as often as a call steps
    assert {each.read for each in bounds.readers} == {4 * 384 * 100}
    assert len(bounds.contestants) == len(bounds.readers) + len(bounds.made)


def test_a_rivals_better_way_stands_beside_ours() -> None:
    seconds = {"ours": 2e-3, "chunk": 1e-3, "int8": 1e-3, "cells": 8e-3, "layer": 6e-3}
    times = {f"{name}@1": Times((taken,)) for name, taken in seconds.items()}
    found = stream.compare(times, 100, 64, 4.0)
    assert found["ours_us"] == pytest.approx(20.0)
    assert found["chunk_us"] == pytest.approx(1000 / 64)
    assert (found["torch_us"], found["torch_way"]) == (pytest.approx(60.0), "layer")
    assert found["cells_us"] == pytest.approx(80.0)
    assert found["torch_ratio"] == pytest.approx(3.0)
    assert found["ours_limits"] == pytest.approx(5.0)
    assert found["chunk_limits"] == pytest.approx(1000 / 64 / 4)
    assert found["int8_ratio"] == pytest.approx(2.0)
    for name in ("onnx_us", "onnx_way", "onnx_ratio", "run_us", "bound_us"):
        assert found[name] is None


def test_only_who_is_shown_can_be_unsteady() -> None:
    steady, torn = Times((1.0, 1.0, 1.0)), Times((2.0, 4.0, 9.0))
    times = {f"{name}@1": steady for name in ("ours", "chunk", "int8", "cells")}
    assert not stream.compare(times | {"layer@1": torn}, 1, 1, 1.0)["unsteady"]
    assert stream.compare(times | {"chunk@1": torn}, 1, 1, 1.0)["unsteady"]


def test_means_are_geometric_for_each_cell_and_number_of_layers() -> None:
    def row(cell: str, layers: int, value: float | None) -> Record:
        return {"cell": cell, "layers": layers} | dict.fromkeys(stream.RATIOS, value)

    records = [row("gru", 1, 2.0), row("gru", 1, 8.0), row("gru", 2, 3.0), row("rnn", 1, None)]
    records.append({"cell": "rnn", "layers": 2, "skipped": "too slow"})
    found = stream.means(records)
    names = [(mean["cell"], mean["layers"], mean["shape"]) for mean in found]
    assert names == [("gru", 1, "mean of 2"), ("gru", 2, "mean of 1"), ("rnn", 1, "mean of 1")]
    for name in stream.RATIOS:
        assert [mean[name] for mean in found] == [pytest.approx(4.0), pytest.approx(3.0), None]
        assert [mean[f"{name}_count"] for mean in found] == [2, 1, 0]


def test_there_is_a_record_for_each_cell_row_and_number_of_layers() -> None:
    records = list(stream.measure(Plan(budget=ONCE), SMALL))
    names = [(record["cell"], record["layers"], record["rows"]) for record in records]
    wanted = [(cell, layers, rows) for cell in stream.CELLS for layers in (1, 2) for rows in (1, 3)]
    assert names == wanted
    for record in records:
        _fits(record)


def _fits(record: Record) -> None:
    """The figures of a row follow from its times."""
    times = {key: each["median_ms"] for key, each in record["times"].items()}
    wanted = {"ours@1", "chunk@1", "cells@1", "layer@1", "product@1", "sum@1"}
    assert wanted | ({"int8@1"} if native.available else set()) <= set(times)
    assert set(record["absent"]) <= ({"onnx"} if native.available else {"onnx", "int8"})
    ours = 1e3 * times["ours@1"] / record["timed_steps"]
    assert record["ours_us"] == pytest.approx(ours)
    chunked = record["timed_chunks"] * record["steps"]
    assert record["chunk_us"] == pytest.approx(1e3 * times["chunk@1"] / chunked)
    theirs = 1e3 * min(times["cells@1"], times["layer@1"]) / record["timed_steps"]
    assert record["torch_ratio"] == pytest.approx(theirs / ours)
    assert record["ours_limits"] == pytest.approx(ours / record["limit_us"])
    assert record["limit_us"] == max(record["reading_us"], record["arithmetic_us"])


def test_who_disagrees_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    given = problem("lstm", SMALL[1])
    with torch.no_grad():
        given.ours.get_parameter("bias_ih_l0")[0] += 1.0
    made = stream_field.stream_field(given, 4)
    for name in ("ours", "chunk", *(["int8"] if native.available else [])):
        assert "its output differs from torch.nn's by" in made.absent[name]
    assert {each.name for each in made.contestants} >= {"cells", "layer"}
    assert not {each.name for each in made.contestants} & {"ours", "chunk"}


def test_an_absent_rival_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runtime, "NEEDS", ("no_such_package",))
    made = stream_field.stream_field(problem("rnn", SMALL[0]), 4)
    assert made.absent["onnx"] == "not installed: no_such_package"
    assert not set(made.absent) & set(stream_field.WAYS["onnx"])
    assert not {each.name for each in made.contestants} & set(stream_field.WAYS["onnx"])


def test_a_row_over_the_limit_is_left_out_with_its_time() -> None:
    plan = Plan(cells=frozenset({"gru"}), budget=ONCE, limit=0.0)
    records: list[dict[str, Any]] = list(stream.measure(plan, SMALL))
    assert [record["layers"] for record in records] == [1, 1, 2, 2]
    for record in records:
        assert record["skipped"].endswith("ms, more than 0 ms")
        assert "times" not in record


def test_lines_fit_a_terminal_of_a_hundred() -> None:
    for section in stream.SECTIONS.values():
        for text in (*section.explained, heading(section.columns), section.title):
            assert len(text) <= 100
        assert sum(column.width + 1 for column in section.columns) <= 101
        assert [each.width for each in section.means] == [each.width for each in section.columns]
