from __future__ import annotations

import gc

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headgate.bench.timing import (
    Budget,
    Contestant,
    Times,
    best,
    geometric_mean,
    interleave,
    ratio,
    single,
    unsteady,
)


class Stage:
    """Contestants that record their calls, on a clock that only they move."""

    def __init__(self) -> None:
        self.now, self.log = 0.0, ""

    def clock(self) -> float:
        return self.now

    def contestant(self, name: str, *seconds: float) -> Contestant:
        """One whose calls take so long; the last time is for all calls that follow."""
        left = list(seconds)

        def call() -> None:
            self.log += name
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return Contestant(name, call)


def test_contestants_run_in_turn_and_the_first_round_is_not_counted() -> None:
    stage = Stage()
    each = [stage.contestant("a", 50.0, 1.0, 3.0, 2.0), stage.contestant("b", 0.5)]
    budget = Budget(least=3, most=3, seconds=0.0, slow=99.0)
    times = interleave(each, budget, clock=stage.clock)
    assert stage.log == "abababab"
    assert times["a@1"] == Times((1.0, 3.0, 2.0))
    assert times["b@1"] == Times((0.5, 0.5, 0.5))
    assert times["a@1"].median == 2.0


@pytest.mark.parametrize(
    ("seconds", "rounds"),
    [
        (0.01, 15),  # quick: the most
        (0.25, 8),  # until two seconds are over
        (0.9, 5),  # the least, whatever it takes
    ],
)
def test_rounds_adapt_to_what_a_row_takes(seconds: float, rounds: int) -> None:
    stage = Stage()
    times = interleave([stage.contestant("a", seconds)], Budget(), clock=stage.clock)
    assert len(times["a@1"].seconds) == rounds


def test_a_slow_contestant_has_fewer_rounds_than_its_rivals() -> None:
    stage = Stage()
    each = [stage.contestant("s", 1.5), stage.contestant("q", 0.1)]
    times = interleave(each, Budget(), clock=stage.clock)
    assert stage.log == "sq" + "sqsqsq" + "qq"
    assert [len(each.seconds) for each in times.values()] == [3, 5]


def test_each_contestant_has_its_threads_and_no_garbage_collector() -> None:
    seen: list[tuple[int, bool]] = []

    def look() -> None:
        seen.append((torch.get_num_threads(), gc.isenabled()))

    before = torch.get_num_threads()
    each = [Contestant("a", look, 1), Contestant("a", look, 2)]
    times = interleave(each, Budget(least=1, most=1))
    assert seen == [(1, False), (2, False)] * 2
    assert list(times) == ["a@1", "a@2"]
    assert (torch.get_num_threads(), gc.isenabled()) == (before, True)


def test_an_error_leaves_threads_and_collector_as_they_were() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        interleave([Contestant("a", fail, before + 1)], Budget())
    assert (torch.get_num_threads(), gc.isenabled()) == (before, True)


def test_single_calls_twice_and_counts_once() -> None:
    calls: list[int] = []
    assert single(lambda: calls.append(1)) >= 0
    assert len(calls) == 2


def test_best_is_the_least_median_on_as_many_threads_or_fewer() -> None:
    times = {"torch@1": Times((3.0,)), "torch@2": Times((2.0,)), "ours@1": Times((1.0,))}
    assert best(times, "torch", 1) == (3.0, 1)
    assert best(times, "torch", 2) == (2.0, 2)
    assert best({**times, "torch@2": Times((4.0,))}, "torch", 2) == (3.0, 1)
    assert best(times, "loop", 2) is None


def test_a_ratio_above_one_is_in_our_favour() -> None:
    assert ratio(3.0, 1.5) == 2.0
    assert ratio(3.0, None) is ratio(None, 1.0) is None


def test_the_spread_is_between_the_quartiles() -> None:
    assert Times((1.0, 2.0, 3.0, 4.0, 5.0)).spread == pytest.approx((4.0 - 2.0) / 3.0)
    assert Times((7.0,)).spread == 0.0
    steady, torn = Times((1.0, 1.01, 1.02)), Times((1.0, 1.1, 9.0))
    assert not unsteady([steady, steady])
    assert unsteady([steady, torn])


def test_times_are_written_in_milliseconds() -> None:
    found = Times((0.001, 0.003, 0.002)).to_dict()
    assert found == pytest.approx(
        {"median_ms": 2.0, "least_ms": 1.0, "most_ms": 3.0, "spread": 0.5, "rounds": 3}
    )


positive = st.floats(0.01, 100.0)


@given(st.lists(positive, min_size=1))
def test_the_geometric_mean_of_inverses_is_the_inverse(ratios: list[float]) -> None:
    mean, inverse = geometric_mean(ratios), geometric_mean([1 / each for each in ratios])
    assert mean is not None
    assert inverse is not None
    assert mean * inverse == pytest.approx(1.0)


@given(positive, st.integers(1, 5))
def test_the_geometric_mean_of_equals_is_they(value: float, count: int) -> None:
    given: list[float | None] = [None, *[value] * count]
    assert geometric_mean(given) == pytest.approx(value)
    assert geometric_mean([None]) is None
