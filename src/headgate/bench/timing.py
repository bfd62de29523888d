"""Times that can be compared: whoever is compared runs in turn, in one process.

A machine drifts: it warms up, a neighbour wakes. Times of one contestant after the other hold that
drift; times taken in turn share it, and their ratio is free of it.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

PAUSE = 0.005  # seconds: threads of OpenMP that wait spin for about as long before they sleep
UNSTEADY = 0.25  # of the median, between the quartiles
WAKE = 256  # the side of a product that is large enough to be shared among threads


@dataclass(frozen=True)
class Budget:
    """How often a row is measured.

    Args:
        least: rounds of a row at least.
        most: rounds of a row at most.
        seconds: after which a row that has had the least ends.
        slow: seconds of one call from which a contestant has its own number of rounds.
        slow_rounds: that number.
    """

    least: int = 5
    most: int = 15
    seconds: float = 2.0
    slow: float = 1.0
    slow_rounds: int = 3


STANDARD = Budget()
QUICK = Budget(least=2, most=5, seconds=2.0 / 3, slow_rounds=1)


@dataclass(frozen=True)
class Contestant:
    """One of those that a row compares.

    Args:
        name: what it is called in the row's times.
        call: the work.
        threads: torch's threads while it runs.
    """

    name: str
    call: Callable[[], object]
    threads: int = 1

    @property
    def key(self) -> str:
        """Its name with its threads, which no other contestant of a row has."""
        return f"{self.name}@{self.threads}"


@dataclass(frozen=True)
class Times:
    """What one contestant's calls took.

    Args:
        seconds: one for each round.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """How far the quartiles lie apart, as a share of the median; 0 for a single round."""
        if len(self.seconds) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return (high - low) / self.median if self.median else 0.0

    def to_dict(self) -> dict[str, float | int]:
        """Describe the times for a file.

        Returns:
            The median, the least and the most, in milliseconds, the spread and the rounds.
        """
        ms = [1e3 * second for second in self.seconds]
        return {
            "median_ms": 1e3 * self.median,
            "least_ms": min(ms),
            "most_ms": max(ms),
            "spread": self.spread,
            "rounds": len(ms),
        }


def interleave(
    contestants: Sequence[Contestant],
    budget: Budget,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """Call every contestant once a round, round after round.

    The first round is a warm-up and is not counted.

    Args:
        contestants: in the order of each round; those of equal threads stand side by side, since
            a change of threads costs.
        budget: how many rounds.
        clock: tells the time in seconds.

    Returns:
        The times by `Contestant.key`.
    """
    with _quiet(), _threads_kept():
        first = {each.key: _once(each, clock) for each in contestants}
        most = {
            key: budget.slow_rounds if spent > budget.slow else budget.most
            for key, spent in first.items()
        }
        found: dict[str, list[float]] = {key: [] for key in first}
        begin = clock()
        for done in range(budget.most):
            going = [each for each in contestants if len(found[each.key]) < most[each.key]]
            if not going or (done >= budget.least and clock() - begin >= budget.seconds):
                break
            for each in going:
                found[each.key].append(_once(each, clock))
    return {key: Times(tuple(seconds)) for key, seconds in found.items()}


def single(call: Callable[[], object]) -> float:
    """Time a call once on one thread, after one that is not counted.

    Args:
        call: the work.

    Returns:
        Seconds.
    """
    contestant = Contestant("single", call)
    with _quiet(), _threads_kept():
        _once(contestant, time.perf_counter)
        return _once(contestant, time.perf_counter)


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """Divide a rival's time by ours.

    Args:
        theirs: seconds; None where there is none.
        ours: seconds; None where there is none.

    Returns:
        How many times faster ours is; None where one is missing.

    Example:
        >>> ratio(3.0, 2.0), ratio(None, 2.0)
        (1.5, None)
    """
    return None if theirs is None or ours is None else theirs / ours


def geometric_mean(ratios: Sequence[float | None]) -> float | None:
    """Average ratios so that twice as fast and half as fast give one.

    Args:
        ratios: the ratios; None is left out.

    Returns:
        The mean; None where there is no ratio.

    Example:
        >>> geometric_mean([2.0, None, 0.5])
        1.0
    """
    logs = [math.log(each) for each in ratios if each is not None]
    return math.exp(sum(logs) / len(logs)) if logs else None


def best(times: Mapping[str, Times], name: str, threads: int) -> tuple[float, int] | None:
    """Find a contestant's best number of threads up to a limit.

    Args:
        times: what `interleave` gave.
        name: the contestant's.
        threads: the limit.

    Returns:
        Its least median, in seconds, and the threads of it; None where it was not measured.
    """
    found = [
        (taken.median, int(key.rpartition("@")[2]))
        for key, taken in times.items()
        if key.rpartition("@")[0] == name and int(key.rpartition("@")[2]) <= threads
    ]
    return min(found, default=None)


def unsteady(times: Iterable[Times]) -> bool:
    """Say whether a machine was too busy for a row to be relied on.

    Args:
        times: those of the contestants that the row shows.

    Returns:
        Whether the quartiles of one lie further apart than `UNSTEADY`.
    """
    return any(each.spread > UNSTEADY for each in times)


def _once(contestant: Contestant, clock: Callable[[], float]) -> float:
    _ready(contestant.threads)
    start = clock()
    contestant.call()
    return clock() - start


def _ready(threads: int) -> None:
    """Set the number of threads, and have them awake as they are in the midst of a training."""
    if torch.get_num_threads() == threads:
        return
    torch.set_num_threads(threads)
    time.sleep(PAUSE)
    side = torch.ones(WAKE, WAKE)
    torch.mm(side, side)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the garbage collector out of the times."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _threads_kept() -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
