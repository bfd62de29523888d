"""Every section on small rows: what its records hold, and that the figures fit together."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import nn

from headgate.bench import cells, grid, own, ragged, trace, variants
from headgate.bench.columns import Column, heading, line
from headgate.bench.layers import SECTIONS
from headgate.bench.peak import product
from headgate.bench.plan import Plan, Record
from headgate.bench.rivals import problem
from headgate.bench.section import over
from headgate.bench.sizes import Sizes
from headgate.bench.timing import Budget, Contestant, Times
from headgate.equations import CELLS, Equation, equation
from headgate.layers import stack
from headgate.program import Program, eager
from headgate.program import trace as trace_equation
from headgate.program.identity import match

ONCE = Budget(least=1, most=1, seconds=0.0)
PLAN = Plan(budget=ONCE)
SMALL = (Sizes(4, 3, 2, 6),)


@pytest.fixture(autouse=True)
def _small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.bench.peak.SIDE", 16)


def _fits(record: Record) -> None:
    """The figures of a row follow from its times."""
    ours = record["times"][f"ours@{record['threads']}"]["median_ms"]
    assert record["ours_ms"] == pytest.approx(ours)
    assert record["torch_ratio"] == pytest.approx(record["torch_ms"] / record["ours_ms"])
    assert record["gflops"] == pytest.approx(record["flops"] / record["ours_ms"] / 1e6)
    assert record["share"] == pytest.approx(record["gflops"] / record["peak_gflops"])


@pytest.mark.parametrize("train", [True, False])
def test_the_grid_has_a_record_for_each_cell_row_and_number_of_threads(train: bool) -> None:
    plan = Plan(budget=ONCE, threads=(1, 2))
    records = list(grid.measure(plan, SMALL, train=train))
    names = [(record["cell"], record["threads"]) for record in records]
    assert names == [(cell, count) for cell in ("lstm", "gru", "rnn") for count in (1, 2)]
    for record in records:
        _fits(record)
        gates = {"lstm": 4, "gru": 3, "rnn": 1}[record["cell"]]
        assert record["flops"] == SMALL[0].flops(gates, training=train)
        measured = {key.partition("@")[0] for key in record["times"]}
        assert measured >= {"torch", "ours", "product", "projection"}
        assert ("loop" in measured) is train


def test_a_rivals_best_is_among_as_many_threads_or_fewer() -> None:
    times = {"ours@1": Times((4.0,)), "ours@2": Times((2.0,))}
    times |= {"torch@1": Times((3.0,)), "torch@2": Times((5.0,))}
    one, two = (grid.compare(times, ("torch", "loop"), threads) for threads in (1, 2))
    assert (one["torch_ratio"], two["torch_ratio"]) == (0.75, 1.5)
    assert (two["torch_ms"], two["torch_threads"]) == (3000.0, 1)
    assert one["loop_ratio"] is one["loop_ms"] is None


def test_a_row_without_ours_shows_dashes() -> None:
    found = grid.compare({"torch@1": Times((3.0,))}, ("torch",), 1)
    assert found["ours_ms"] is found["torch_ratio"] is None
    made = [product("product", (10, 10, 10), 1)]
    speed = grid._speed({"product@1": Times((1e-6,))}, made, 5000, 1)
    assert speed == {"gflops": None, "peak_gflops": pytest.approx(2.0), "share": None}


@pytest.mark.parametrize(("wide", "busy"), [(0.5, False), (2.0, True)])
def test_more_threads_without_a_higher_peak_are_unsteady(
    wide: float, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {1: 1.0, 2: wide}

    def timed(contestants: list[Contestant], budget: Budget) -> dict[str, Times]:
        return {each.key: Times((seconds[each.threads],) * 3) for each in contestants}

    monkeypatch.setattr(grid, "interleave", timed)
    plan = Plan(cells=frozenset({"rnn"}), threads=(1, 2))
    one, two = grid.measure(plan, SMALL, train=False)
    assert (one["unsteady"], two["unsteady"]) == (False, busy)


def test_means_are_geometric_for_each_cell_and_number_of_threads() -> None:
    def row(cell: str, threads: int, value: float | None) -> Record:
        return {"cell": cell, "threads": threads, "torch_ratio": value}

    records = [row("lstm", 1, 2.0), row("lstm", 1, 8.0), row("lstm", 2, 3.0), row("gru", 1, None)]
    records.append({"cell": "rnn", "skipped": "too slow"})
    found = grid.means(records, rivals=("torch",))
    assert [(mean["cell"], mean["threads"]) for mean in found] == [
        ("lstm", 1),
        ("lstm", 2),
        ("gru", 1),
    ]
    assert [mean["torch_ratio"] for mean in found] == [pytest.approx(4.0), pytest.approx(3.0), None]
    assert [mean["torch_count"] for mean in found] == [2, 1, 0]


def test_every_option_of_every_cell_has_a_variant() -> None:
    known = {cell: set(function.__kwdefaults__ or {}) for cell, function in CELLS.items()}
    assert {cell: set(options) for cell, options in variants.OPTIONS.items()} == known
    for cell, options in variants.OPTIONS.items():
        defaults = CELLS[cell].__kwdefaults__ or {}
        assert all(defaults[name] not in values for name, values in options.items())


def test_every_variant_is_measured_beside_the_plain_lstm() -> None:
    records = list(variants.measure(PLAN, (Sizes(2, 2, 2, 4),)))
    names = [record["variant"] for record in records]
    assert names == [str(each) for cell in variants.OPTIONS for each in variants.variants(cell)]
    assert {"lstm", "lstm projection=half", "mgu", "jordan", "rnn activation=relu"} < set(names)
    for record in records:
        assert record["relative"] == pytest.approx(record["ours_ms"] / record["lstm_ms"])


@pytest.mark.parametrize(
    ("name", "work"),
    # in units of N · (M + N), with M = 2 and N = 6; an LSTM has four such blocks
    [("gru", 3 / 4), ("rnn", 1 / 4), ("mgu", 2 / 4), ("jordan", (6 * 8 + 6 * 6) / (4 * 6 * 8))],
)
def test_work_is_in_matrix_products_of_an_lstm(name: str, work: float) -> None:
    lstm, other = (variants.Variant(each).layer(SMALL[0]) for each in ("lstm", name))
    assert variants.matrix_entries(other) / variants.matrix_entries(lstm) == pytest.approx(work)


def test_half_is_half_of_the_units() -> None:
    layer = variants.Variant("lstm", {"projection": variants.HALF}).layer(SMALL[0])
    assert layer.output_size == 3


def test_every_cell_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "_record", lambda plan, each, sizes: {"variant": str(each)})
    names = [record["variant"] for record in cells.measure(PLAN, SMALL)]
    assert names == [str(each) for cell in CELLS for each in cells.modified(cell)]
    assert {"lstm", "gru zoneout", "lstm layer_norm recurrent_dropout", "mgu"} < set(names)


def test_cells_are_measured_beside_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MODIFIED", ("gru",))
    records = list(cells.measure(Plan(cells=frozenset({"gru", "mgu"}), budget=ONCE), SMALL))
    assert {"mgu", "gru", "gru layer_norm zoneout"} < {record["variant"] for record in records}
    for record in records:
        assert record["loop_ratio"] == pytest.approx(record["loop_ms"] / record["ours_ms"])
        assert record["loop_ms"] == pytest.approx(record["times"]["loop@1"]["median_ms"])
        modified = " " in record["variant"]
        assert record["loop"] == ("reference" if modified else "eager")
        if modified:
            plain = record["times"]["plain@1"]["median_ms"]
            assert record["relative"] == pytest.approx(record["ours_ms"] / plain)
        else:
            assert record["relative"] is None


def test_modifiers_stand_alone_and_in_pairs() -> None:
    found = cells.modified("gru")
    count = len(cells.MODIFIERS)
    assert len(found) == 1 + count + count * (count - 1) // 2
    assert len({str(each) for each in found}) == len(found)
    assert [str(each) for each in cells.modified("rnn")] == ["rnn"]
    for each in found:
        shown = repr(each.layer(SMALL[0]))
        assert all(label in shown for label in each.labels)


def test_the_loop_is_the_equations_own_python(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(*arguments: Any, **options: Any) -> Any:
        seen.append(1)
        return step(*arguments, **options)

    step = eager.step
    monkeypatch.setattr(eager, "step", spy)
    ours, loop = cells._contestants(cells.Modified("gru"), SMALL[0])
    ours.call()
    assert not seen
    loop.call()
    assert len(seen) == SMALL[0].steps


@pytest.mark.parametrize("each", own.OWN_CELLS, ids=[each.name for each in own.OWN_CELLS])
def test_an_own_cell_has_the_equations_that_it_says(each: own.Own) -> None:
    model = trace_equation(equation(each.cell))
    found = match(trace_equation(Equation(each.step)), model)
    assert (found is not None) is each.same
    if found is not None:
        assert not set(found) & set(found.values())


def test_own_cells_are_measured_beside_the_built_in_ones() -> None:
    records = list(own.measure(PLAN, SMALL))
    assert [record["own"] for record in records] == [each.name for each in own.OWN_CELLS]
    for record in records:
        assert record["relative"] == pytest.approx(record["ours_ms"] / record["builtin_ms"])
        assert record["first_ms"] > 0
        if record["same"]:
            assert record["work"] == 1.0
    # in units of N · M and N · N with M = 2 and N = 6: four and five blocks beside four and four
    assert records[-1]["work"] == pytest.approx((4 * 12 + 5 * 36) / (4 * 12 + 4 * 36))


def test_a_first_call_finds_everything_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = []

    def spy(program: Program, *arguments: Any, **options: Any) -> Any:
        programs.append(program)
        return run(program, *arguments, **options)

    run = stack.scan
    monkeypatch.setattr(stack, "scan", spy)
    x = torch.ones(4, 3, 2, requires_grad=True)
    for _ in range(2):
        assert own.first_call(own.OWN_CELLS[0], SMALL[0], x, torch.ones(4, 3, 6)) > 0
    assert len(programs) == 2
    assert programs[0] is not programs[1]


def test_lengths_are_from_a_quarter_to_all_steps_and_repeat() -> None:
    sizes = Sizes(100, 4000, 1, 1)
    lengths = ragged.draw_lengths(sizes)
    assert torch.equal(lengths, ragged.draw_lengths(sizes))
    assert (int(lengths.min()), int(lengths.max())) == (25, 100)
    assert float(lengths.double().mean()) == pytest.approx(62.5, abs=2.0)


def test_ragged_figures_are_for_a_valid_step() -> None:
    for record in ragged.measure(PLAN, SMALL):
        steps = sum(record["lengths"])
        ours = record["times"]["ours@1"]["median_ms"]
        assert record["ours_ns"] == pytest.approx(1e6 * ours / steps)
        full = record["times"]["full@1"]["median_ms"]
        assert record["full_ns"] == pytest.approx(1e6 * full / (4 * 3))
        assert record["relative"] == pytest.approx(record["ours_ns"] / record["full_ns"])
        theirs = record["times"]["torch@1"]["median_ms"]
        assert record["torch_ratio"] == pytest.approx(theirs / ours)
        assert record["valid_share"] == steps / (4 * 3)


def test_a_packed_sequence_trains_as_the_padded_batch_does() -> None:
    given, lengths = problem("gru", SMALL[0]), torch.tensor([4, 2, 3])
    gradient = torch.ones(9, 6)
    packed = ragged.packed(given.theirs, given.x, lengths, gradient)()
    mask = (torch.arange(4)[:, None] < lengths)[..., None].float().expand(4, 3, 6)
    y = given.ours(given.x, lengths=lengths)[0]
    wanted = torch.autograd.grad(y, [given.x, *given.ours.parameters()], mask)
    assert_equal(packed, wanted, "gradient")


def test_ragged_rows_that_disagree_are_left_out() -> None:
    given, lengths = problem("rnn", SMALL[0]), torch.tensor([4, 2, 3])
    assert ragged._disagreement(given, lengths) is None
    nn.init.zeros_(given.ours.get_parameter("weight_hh_l0"))
    assert ragged._disagreement(given, lengths) is not None


def test_trace_has_both_times_and_the_memory_of_each() -> None:
    for record in trace.measure(PLAN, SMALL):
        assert record["relative"] == pytest.approx(record["traced_ms"] / record["ours_ms"])
        # at least the outputs, [T, B, N] of four bytes
        assert record["torch_bytes"] >= 4 * 3 * 6 * 4
        assert record["ours_bytes"] >= 4 * 3 * 6 * 4


@pytest.mark.parametrize(
    "measure",
    [
        lambda plan, rows: grid.measure(plan, rows, train=True),
        variants.measure,
        cells.measure,
        own.measure,
        ragged.measure,
        trace.measure,
    ],
)
def test_a_row_over_the_limit_is_left_out_with_its_time(measure: Any) -> None:
    plan = Plan(cells=frozenset({"gru"}), budget=ONCE, limit=0.0)
    records = list(measure(plan, SMALL))
    assert records
    for record in records:
        assert record["cell"] == "gru"
        assert record["skipped"].endswith("ms, more than 0 ms")
        assert "times" not in record


def test_without_a_limit_nothing_is_tried_before() -> None:
    assert over(None, pytest.fail) is None
    assert over(60.0, lambda: None) is None


def test_lines_fit_a_terminal_of_a_hundred() -> None:
    for section in SECTIONS.values():
        for text in (*section.explained, heading(section.columns), section.title):
            assert len(text) <= 100
        assert sum(column.width + 1 for column in section.columns) <= 101


def test_a_missing_value_is_a_dash() -> None:
    columns = (Column("a", "a", 4, left=True), Column("b", "b", 3), Column("c", "", 2, absent=""))
    assert heading(columns) == "a      b"
    assert line(columns, {"a": "x", "b": None}) == "x      -"
    assert line(columns, {"a": "x", "b": 12, "c": 3}) == "x     12  3"
