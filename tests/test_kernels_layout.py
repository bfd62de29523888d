"""Packed rows against loops over every row and step."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.kernels.layout import Layout, Span

UNITS = 2
LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=6).filter(any)
ROWS = [[4], [3, 3, 3], [1, 5, 0, 2], [0, 0, 2], [6, 1]]


def _layout(lengths: list[int], *, reverse: bool, padding: int = 0) -> Layout:
    steps = max(lengths) + padding
    return Layout.of(steps, len(lengths), lengths=torch.tensor(lengths), reverse=reverse)


def _dense(steps: int, rows: int, *, reverse: bool) -> Layout:
    return Layout.of(steps, rows, lengths=None, reverse=reverse)


def _padded(layout: Layout) -> Tensor:
    """A batch in which every number is another one."""
    count = layout.steps * layout.rows * UNITS
    return torch.arange(1.0, 1.0 + count).view(layout.steps, layout.rows, UNITS)


def _places(lengths: list[int], *, reverse: bool) -> list[list[tuple[int, int]]]:
    """For each step of a run the padded places (t, b) of its rows, the longest first."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    return [
        [(lengths[b] - 1 - t if reverse else t, b) for b in order if lengths[b] > t]
        for t in range(max(lengths))
    ]


def _pack(layout: Layout, padded: Tensor) -> Tensor:
    return Span(layout, 0, layout.run).pack(padded)


@given(lengths=LENGTHS, reverse=st.booleans(), padding=st.integers(0, 2))
def test_packing_goes_through_the_rows_step_by_step(
    lengths: list[int], reverse: bool, padding: int
) -> None:
    layout = _layout(lengths, reverse=reverse, padding=padding)
    padded, places = _padded(layout), _places(lengths, reverse=reverse)
    expected = torch.stack([padded[place] for step in places for place in step])
    assert_equal(_pack(layout, padded), expected, "bits")
    assert layout.run == max(lengths)
    sizes = [len(step) for step in places]
    assert layout.places == [sum(sizes[:t]) for t in range(len(sizes) + 1)]


@given(lengths=LENGTHS, reverse=st.booleans(), padding=st.integers(0, 2))
def test_padding_puts_every_row_back_and_zeros_past_its_end(
    lengths: list[int], reverse: bool, padding: int
) -> None:
    layout = _layout(lengths, reverse=reverse, padding=padding)
    padded = _padded(layout)
    expected = padded.clone()
    for row, length in enumerate(lengths):
        expected[length:, row] = 0
    assert_equal(layout.pad(_pack(layout, padded)), expected, "bits")


@given(steps=st.integers(1, 5), rows=st.integers(1, 4), reverse=st.booleans())
def test_a_dense_batch_stays_where_it_is(steps: int, rows: int, reverse: bool) -> None:
    layout = _dense(steps, rows, reverse=reverse)
    padded = _padded(layout)
    packed = _pack(layout, padded)
    assert packed.data_ptr() == padded.data_ptr()
    assert_equal(layout.pad(packed), padded, "bits")
    state = padded[0]
    assert_equal(layout.unsort(layout.sort(state)), state, "bits")


@given(lengths=LENGTHS)
def test_sorting_brings_the_longest_row_first_and_back(lengths: list[int]) -> None:
    layout = _layout(lengths, reverse=False)
    state = torch.tensor(lengths)[:, None] + torch.zeros(UNITS)
    ordered = layout.sort(state)
    assert ordered[:, 0].tolist() == sorted(lengths, reverse=True)
    assert_equal(layout.unsort(ordered), state, "bits")


@given(lengths=LENGTHS, count=st.integers(1, 8), dense=st.booleans(), reverse=st.booleans())
def test_spans_cover_every_step_once_in_the_order_of_the_run(
    lengths: list[int], count: int, dense: bool, reverse: bool
) -> None:
    ragged = _layout(lengths, reverse=reverse)
    layout = _dense(max(lengths), len(lengths), reverse=reverse) if dense else ragged
    spans = layout.spans(count)
    sizes = [span.end - span.begin for span in spans]
    assert len(spans) == min(count, layout.run)
    assert max(sizes) - min(sizes) <= 1
    ordered = spans[::-1] if layout.reverse else spans
    steps = [t for span in ordered for t in range(span.begin, span.end)]
    assert steps == list(range(layout.run))
    rows = [i for span in ordered for i in range(layout.places[-1])[span.slice]]
    assert rows == list(range(layout.places[-1]))
    for span in spans:
        assert span.offsets.tolist() == [
            layout.places[t] - span.slice.start for t in range(span.begin, span.end + 1)
        ]
        assert span.active == span.offsets[1]


def _run(layout: Layout, initial: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Number the state of every row and step of a run by a loop.

    Returns:
        The states after each step, packed; before each step, packed; and after so many steps of
        the run, in the order of the packed rows.
    """
    series = torch.zeros(layout.places[-1], UNITS)
    before = torch.zeros_like(series)
    state, states = initial.clone(), [initial.clone()]
    steps = range(layout.run)
    for t in reversed(steps) if layout.reverse else steps:
        for row in range(layout.places[t + 1] - layout.places[t]):
            place = layout.places[t] + row
            before[place] = state[row]
            state[row] = series[place] = 100.0 * (t + 1) + row
        states.append(state.clone())
    return series, before, states


def _check_states(layout: Layout, count: int) -> None:
    initial = -torch.arange(1.0, 1.0 + layout.rows)[:, None] + torch.zeros(UNITS)
    series, before, states = _run(layout, initial)
    done = 0
    for span in layout.spans(count):
        start, own = states[done], series[span.slice]
        given = span.before(series, initial)
        assert_equal(given[: span.active], start[: span.active], "bits")
        found = torch.full_like(own, float("nan"))
        for rows, operand in span.previous(own, given):
            found[rows] = operand[: rows.stop - rows.start]
        assert_equal(found, before[span.slice], "bits")
        done += span.end - span.begin
        last = span.last(own, start)
        assert_equal(last, states[done], "bits")
        assert last.untyped_storage().data_ptr() != own.untyped_storage().data_ptr()


@given(lengths=LENGTHS, reverse=st.booleans(), count=st.integers(1, 7))
def test_the_states_around_a_span_are_those_of_a_loop(
    lengths: list[int], reverse: bool, count: int
) -> None:
    _check_states(_layout(lengths, reverse=reverse), count)


@given(
    steps=st.integers(1, 6), rows=st.integers(1, 4), reverse=st.booleans(), count=st.integers(1, 7)
)
def test_the_states_around_a_dense_span_are_those_of_a_loop(
    steps: int, rows: int, reverse: bool, count: int
) -> None:
    _check_states(_dense(steps, rows, reverse=reverse), count)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", ROWS, ids=str)
def test_the_state_before_a_span_lies_in_the_series(lengths: list[int], reverse: bool) -> None:
    for count in (1, 2, 3):
        _check_states(_layout(lengths, reverse=reverse), count)
        _check_states(_dense(max(lengths), len(lengths), reverse=reverse), count)


@pytest.mark.parametrize("dense", [False, True])
def test_room_is_a_view_of_the_padded_batch_only_where_that_is_dense(dense: bool) -> None:
    layout = _dense(3, 2, reverse=False) if dense else _layout([3, 1], reverse=False)
    padded, rows = layout.room(UNITS, like=torch.zeros(1))
    assert rows.shape == (6 if dense else 4, UNITS)
    assert (padded is not None) == dense
    if padded is not None:
        assert padded.data_ptr() == rows.data_ptr()
