"""A thread of a model: work that arrives together is done together.

Work is a generator. It yields what it wants of the network and is sent what comes out; what
several want at once is run as one batch, and each gets the same bits as alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from headgate.errors import HeadgateError
from headgate.server.problems import RETRY, ProblemError

Work = Generator[Any, Any, Any]
Together = Callable[[Sequence[Any]], Sequence[Any]]


class Kept:
    """The result of work that has to be kept before it is answered."""


@dataclass(frozen=True)
class Failed:
    """What comes out for a job alone that went wrong, while others beside it did not.

    Args:
        error: what went wrong.
    """

    error: Exception


@dataclass(eq=False)
class Job:
    """Work with who waits for it.

    Args:
        work: what is done.
        loop: where it is waited for.
        owner: jobs of one owner are done one after the other; None for one by itself.
    """

    work: Work
    loop: asyncio.AbstractEventLoop
    owner: Hashable = None
    wants: Any = None
    result: Any = None
    error: BaseException | None = None
    future: asyncio.Future[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.future = self.loop.create_future()

    def go(self, came: Any) -> bool:
        """Go on with what came out.

        Args:
            came: what it had wanted; None at the beginning.

        Returns:
            Whether it wants more.
        """
        try:
            self.wants = self.work.send(came)
        except StopIteration as end:
            self.result = end.value
            return False
        except BaseException as error:
            self.error = error
            return False
        return True

    def fail(self, error: Exception) -> bool:
        """Let it know that what it wanted could not be had.

        Args:
            error: why.

        Returns:
            False: it is over.
        """
        try:
            self.work.throw(error)
        except StopIteration as end:
            self.result = end.value
        except BaseException as told:
            self.error = told
        return False

    def settle(self) -> None:
        """Tell who waits, in the thread of the loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Worker:
    """Does the work of one model, in the order in which it came.

    Args:
        name: of the thread.
        together: runs what several jobs want at once, and gives what comes out for each, or
            ``Failed``. Where it raises a ``HeadgateError`` nothing was done; then each is run by
            itself, and the one at fault has it.
        keep: keeps what jobs did whose result is ``Kept``, before they are answered.
        around: what the thread runs in.
        queue: jobs that may be there at once.
        batch: jobs that are run as one batch.
    """

    def __init__(
        self,
        name: str,
        together: Together,
        *,
        keep: Callable[[Sequence[Job]], None],
        around: AbstractContextManager[Any],
        queue: int,
        batch: int,
    ) -> None:
        self._together, self._keep, self._around = together, keep, around
        self._queue, self._batch = queue, batch
        self._arrived: deque[Job] = deque()
        self._active: list[Job] = []
        self._behind: dict[Hashable, deque[Job]] = {}  # by owner, where one of its jobs is active
        self._changed = threading.Condition()
        self._soon: Callable[[], None] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The jobs that are not over."""
        behind = sum(map(len, [*self._behind.values()]))
        return len(self._arrived) + len(self._active) + behind

    def submit(self, work: Work, *, owner: Hashable = None) -> Job:
        """Have work done.

        Args:
            work: the work.
            owner: whose it is.

        Returns:
            The job, whose future has the result.

        Raises:
            ProblemError: as much waits as may, or the server ends.
        """
        with self._changed:
            if self._closing:
                raise ProblemError(503, "the server ends: come again when it is back", RETRY)
            if self.waiting >= self._queue:
                raise ProblemError(429, "too many requests wait for the model: come again", RETRY)
            job = Job(work, asyncio.get_running_loop(), owner)
            self._arrived.append(job)
            self._changed.notify()
        return job

    def soon(self, call: Callable[[], None]) -> None:
        """Have something done between two rounds, whatever else waits; in its end, too.

        Args:
            call: does it, once where it was asked for several times; it raises nothing.
        """
        with self._changed:
            self._soon = call
            self._changed.notify()

    def busy(self, owner: Hashable) -> bool:
        """Tell, in the worker's own thread, whether a job of an owner is under way.

        Args:
            owner: whose it would be.

        Returns:
            Whether one is.
        """
        return owner in self._behind

    def close(self) -> None:
        """Finish what was begun, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        with self._around:
            while self._take():
                self._finish(self._round())
                call, self._soon = self._soon, None
                if call is not None:
                    call()

    def _take(self) -> bool:
        """Take what has arrived, and wait for it where there is nothing else to do."""
        with self._changed:
            self._changed.wait_for(self._awaited)
            arrived = [self._arrived.popleft() for _ in range(len(self._arrived))]
        for job in arrived:
            if job.owner is not None and job.owner in self._behind:
                self._behind[job.owner].append(job)
            else:
                self._begin(job)
        return bool(self._active or self._soon) or not self._closing

    def _awaited(self) -> bool:
        return bool(self._arrived or self._active or self._soon or self._closing)

    def _begin(self, job: Job) -> None:
        if job.owner is not None:
            self._behind.setdefault(job.owner, deque())
        self._active.append(job)

    def _round(self) -> list[Job]:
        """Go one step further with every job; give those that are over."""
        going, over = list[Job](), list[Job]()
        for job in self._active:  # it may be cancelled at any moment: each is asked once
            (over if job.future.cancelled() else going).append(job)
        for job in over:
            job.work.close()
        fresh = [job for job in going if job.wants is None and not job.go(None)]
        wanting = [job for job in going if job.wants is not None]
        over += fresh
        for first in range(0, len(wanting), self._batch):
            over += self._satisfied(wanting[first : first + self._batch])
        gone = set(map(id, over))
        self._active = [job for job in self._active if id(job) not in gone]
        return over

    def _satisfied(self, jobs: list[Job]) -> list[Job]:
        """Run what jobs want as one batch; give those that are over then."""
        try:
            found = [*self._together([job.wants for job in jobs])]
        except HeadgateError as error:
            if len(jobs) > 1:
                return [over for job in jobs for over in self._satisfied([job])]
            return jobs if not jobs[0].fail(error) else []
        except Exception as error:  # a defect of ours ends these jobs, and no others
            return [job for job in jobs if not job.fail(error)]
        return [job for job, came in zip(jobs, found, strict=True) if not _went_on(job, came)]

    def _finish(self, over: list[Job]) -> None:
        """Keep what has to be kept, then answer, and go on with who waited behind."""
        kept = [job for job in over if isinstance(job.result, Kept)]
        self._answer([job for job in over if not isinstance(job.result, Kept)])
        if kept:
            try:
                self._keep(kept)
            except Exception as error:  # a defect of ours ends these jobs, and no others
                for job in kept:
                    job.error = error
            self._answer(kept)
        for job in over:
            if job.owner is None:
                continue
            behind = self._behind[job.owner]
            if behind:
                self._begin(behind.popleft())
            else:
                del self._behind[job.owner]

    def _answer(self, over: list[Job]) -> None:
        for loop in {job.loop for job in over}:
            mine = [job for job in over if job.loop is loop]
            try:
                loop.call_soon_threadsafe(_settle, mine)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return


def once(call: Callable[[], Any]) -> Work:
    """Make work of what is done at once.

    Args:
        call: does it.

    Returns:
        Work that wants nothing of the network, and comes to what the call returns.
    """

    def work() -> Work:
        return call()
        yield

    return work()


def _went_on(job: Job, came: Any) -> bool:
    return job.fail(came.error) if isinstance(came, Failed) else job.go(came)


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()
