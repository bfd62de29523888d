from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from headgate.errors import DataError
from headgate.server.problems import ProblemError
from headgate.server.worker import Failed, Job, Kept, Work, Worker, once


class Doubling:
    """Doubles numbers, and remembers what it did together; a negative one is refused."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.kept: list[Any] = []

    def together(self, wanted: Sequence[int]) -> list[Any]:
        assert self.gate.wait(30)
        self.batches.append([*wanted])
        if any(each < 0 for each in wanted):
            raise DataError("a number below zero")
        if any(each > 1000 for each in wanted):
            raise ZeroDivisionError
        return [Failed(ValueError("odd")) if each == 13 else 2 * each for each in wanted]

    def keep(self, jobs: Sequence[Job]) -> None:
        self.kept.append([job.result for job in jobs])


class Noted(Kept):
    pass


def doubled(*numbers: int) -> Work:
    found = []
    for number in numbers:
        found.append((yield number))
    return found


@contextlib.asynccontextmanager
async def working(does: Doubling, queue: int = 99, batch: int = 99) -> AsyncIterator[Worker]:
    around = contextlib.nullcontext()
    worker = Worker("test", does.together, keep=does.keep, around=around, queue=queue, batch=batch)
    try:
        yield worker
    finally:
        does.gate.set()
        await asyncio.to_thread(worker.close)


def test_what_arrives_together_is_done_together() -> None:
    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does) as worker:
            first = worker.submit(doubled(1))
            while worker._arrived:
                await asyncio.sleep(0.001)
            others = [worker.submit(doubled(n, 10 * n)) for n in range(2, 6)]
            does.gate.set()
            assert await first.future == [2]
            assert [await job.future for job in others] == [[2 * n, 20 * n] for n in range(2, 6)]
        assert does.batches == [[1], [2, 3, 4, 5], [20, 30, 40, 50]]

    asyncio.run(run())


def test_a_batch_has_a_bound() -> None:
    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does, batch=2) as worker:
            jobs = [worker.submit(doubled(n)) for n in range(7)]
            does.gate.set()
            assert [await job.future for job in jobs] == [[2 * n] for n in range(7)]
        assert max(map(len, does.batches)) == 2

    asyncio.run(run())


def test_one_that_is_refused_spoils_no_other() -> None:
    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does) as worker:
            jobs = [worker.submit(doubled(n)) for n in (1, -2, 3)]
            does.gate.set()
            assert await jobs[0].future == [2]
            with pytest.raises(DataError):
                await jobs[1].future
            assert await jobs[2].future == [6]

    asyncio.run(run())


def test_one_that_fails_is_not_done_twice_and_nor_are_others() -> None:
    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does) as worker:
            jobs = [worker.submit(doubled(n)) for n in (1, 13, 3)]
            does.gate.set()
            assert [await jobs[0].future, await jobs[2].future] == [[2], [6]]
            with pytest.raises(ValueError, match="odd"):
                await jobs[1].future
        assert sorted(n for batch in does.batches for n in batch) == [1, 3, 13]

    asyncio.run(run())


def test_a_defect_ends_its_batch_and_not_the_worker() -> None:
    async def run() -> None:
        does = Doubling()
        async with working(does) as worker:
            with pytest.raises(ZeroDivisionError):
                await worker.submit(doubled(2000)).future
            assert await worker.submit(doubled(3)).future == [6]

    asyncio.run(run())


def test_work_may_mend_what_went_wrong() -> None:
    def mending() -> Work:
        try:
            yield -1
        except DataError:
            return "mended"

    async def run() -> None:
        async with working(Doubling()) as worker:
            assert await worker.submit(mending()).future == "mended"

    asyncio.run(run())


def test_jobs_of_one_owner_come_one_after_the_other() -> None:
    order: list[tuple[str, int]] = []

    def named(name: str) -> Work:
        for place in range(3):
            order.append((name, place))
            yield place

    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does) as worker:
            jobs = [worker.submit(named(name), owner="x") for name in "abc"]
            jobs.append(worker.submit(named("d"), owner="y"))
            does.gate.set()
            for job in jobs:
                await job.future

    asyncio.run(run())
    of_x = [each for each in order if each[0] != "d"]
    assert of_x == [(name, place) for name in "abc" for place in range(3)]
    assert order.index(("d", 0)) < order.index(("b", 0))  # nobody waits for another's


def test_there_is_a_bound_to_what_waits() -> None:
    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does, queue=3) as worker:
            jobs = [worker.submit(doubled(n), owner="x") for n in range(3)]
            with pytest.raises(ProblemError) as refused:
                worker.submit(doubled(4))
            assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
            does.gate.set()
            for job in jobs:
                await job.future
            assert await worker.submit(doubled(4)).future == [8]

    asyncio.run(run())


def test_what_nobody_waits_for_any_more_is_not_done() -> None:
    done: list[str] = []

    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does) as worker:
            first = worker.submit(doubled(1))
            dropped = worker.submit(once(lambda: done.append("dropped")))
            dropped.future.cancel()
            does.gate.set()
            await first.future
            await worker.submit(once(lambda: done.append("done"))).future
            assert worker.waiting == 0

    asyncio.run(run())
    assert done == ["done"]


def test_a_job_may_be_cancelled_at_any_moment() -> None:
    class Turning:
        said = False

        def cancelled(self) -> bool:
            self.said = not self.said
            return not self.said

        def done(self) -> bool:
            return True

    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does) as worker:
            first = worker.submit(doubled(1), owner="x")
            second = worker.submit(doubled(2), owner="x")
            second.future = Turning()  # type: ignore[assignment]
            does.gate.set()
            assert await first.future == [2]
            assert await worker.submit(doubled(3), owner="x").future == [6]

    asyncio.run(run())


def test_what_is_kept_is_kept_before_it_is_answered() -> None:
    async def run() -> None:
        does = Doubling()
        async with working(does) as worker:
            noted = Noted()
            assert await worker.submit(once(lambda: noted)).future is noted
            assert does.kept == [[noted]]
            assert await worker.submit(once(lambda: "other")).future == "other"
            assert len(does.kept) == 1

    asyncio.run(run())


def test_what_is_to_be_done_soon_is_done_between_rounds_whatever_waits() -> None:
    done: list[int] = []

    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does, queue=1) as worker:
            job = worker.submit(doubled(1, 2), owner="x")
            while worker._arrived:
                await asyncio.sleep(0.001)

            def tidy() -> None:
                done.append(len(does.batches))
                assert worker.busy("x")
                assert not worker.busy("y")

            for _ in range(3):
                worker.soon(tidy)
            does.gate.set()
            assert await job.future == [2, 4]
            worker.soon(lambda: done.append(99))  # with nothing else to do
            while len(done) < 2:
                await asyncio.sleep(0.001)
        assert done == [1, 99]

    asyncio.run(run())


def test_the_end_waits_for_what_was_begun_and_takes_nothing_new() -> None:
    async def run() -> None:
        does = Doubling()
        does.gate.clear()
        async with working(does) as worker:
            jobs = [worker.submit(doubled(n, n, n)) for n in range(3)]
            closing = asyncio.create_task(asyncio.to_thread(worker.close))
            while not worker._closing:
                await asyncio.sleep(0.001)
            with pytest.raises(ProblemError, match="ends"):
                worker.submit(doubled(1))
            does.gate.set()
            assert [await job.future for job in jobs] == [[2 * n] * 3 for n in range(3)]
            await closing

    asyncio.run(run())
