"""Where requests are handed in: the models by name, their sessions, and the wait for an answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from headgate.errors import HeadgateError, OutputError
from headgate.model import Model
from headgate.server.deadline import Deadline
from headgate.server.limits import Limits
from headgate.server.metrics import Metrics
from headgate.server.problems import RETRY, ProblemError, tell_failure
from headgate.server.served import Served
from headgate.server.sessions import Session, Sessions
from headgate.server.store import Store
from headgate.server.worker import Job, Work, Worker

_LISTED = 20


class Desk:
    """All that is served.

    Args:
        models: by name.
        store: where sessions are on disk.
        limits: the bounds.
        quantize: how the matrices of streams are kept.
        guarded: whether requests have to show a token.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        store: Store,
        limits: Limits,
        *,
        quantize: str | None = None,
        guarded: bool = False,
    ) -> None:
        self.guarded = guarded
        self.models, self.limits, self.metrics = dict(models), limits, Metrics()
        self.sessions, self._quantize = Sessions(store, limits), quantize
        self.served: dict[str, Served] = {}
        self.began = int(time.time())
        self.ready = False
        self.failed: HeadgateError | None = None  # why it did not begin, or did not end, well
        self.sessions.crowded = self._tidy
        self.metrics.kept(self._resident, lambda: len(self.sessions) - self._resident())

    def _resident(self) -> int:
        return sum(each.stream is not None for each in self.sessions)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve; at the end finish what was begun, and put every session on disk."""
        try:
            for name, model in self.models.items():
                self.served[name] = self._begin(name, model)
        except HeadgateError as error:
            self.failed = error
            raise
        cleaning = asyncio.create_task(self._clean())
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            cleaning.cancel()
            await asyncio.to_thread(self._close)

    def _begin(self, name: str, model: Model) -> Served:
        return Served(
            name,
            model,
            self.sessions,
            limits=self.limits,
            metrics=self.metrics,
            quantize=self._quantize,
        )

    def _close(self) -> None:
        for each in self.served.values():
            each.close()
        held = [each for each in self.sessions if each.stream is not None]
        try:
            self.sessions.keep(held)
        except Exception:  # one may be at fault, or too large for the disk: the others are kept
            self._save(held)
        finally:
            self.sessions.store.close()

    def _save(self, held: Sequence[Session]) -> None:
        """Write sessions one by one, as many as can be."""
        lost = 0
        for each in held:
            try:
                self.sessions.keep([each])
            except Exception as error:
                lost += 1
                why = f"{lost} of {len(held)} sessions could not be kept: {error}"
                self.failed = OutputError(why)

    async def _clean(self) -> None:
        """Put sessions away that nobody uses, and forget others, again and again."""
        while True:
            await asyncio.sleep(max(0.05, min(5.0, self.limits.idle / 4)))
            self._tidy()
            try:
                await asyncio.to_thread(self._forget)
            except OutputError as error:
                tell_failure(error)

    def _tidy(self) -> None:
        for each in self.served.values():
            each.tidy_soon()

    def _forget(self) -> None:
        """Forget sessions of models that are not served, which have no thread of their own."""
        for model in {each.model for each in self.sessions} - self.served.keys():
            self.sessions.keep([], gone=self.sessions.forgotten(model))

    def named(self, name: str | None) -> Served:
        """Find a model.

        Args:
            name: as a request has it.

        Returns:
            The model.

        Raises:
            ProblemError: there is none of that name, or it has to be named.
        """
        known = ", ".join([*self.served][:_LISTED])
        if name is None and len(self.served) > 1:
            raise ProblemError(422, f"several models are served, so name one: {known}")
        found = next(iter(self.served.values())) if name is None else self.served.get(name)
        if found is None:
            raise ProblemError(404, f"no model {name!r:.100} is served; served: {known}")
        return found

    def session(self, name: str) -> tuple[Session, Served]:
        """Find a session with its model.

        Args:
            name: the session's name.

        Returns:
            Both.

        Raises:
            ProblemError: there is no such session, or its model is not served.
        """
        session = self.sessions.named(name)
        served = self.served.get(session.model)
        if served is None:
            raise ProblemError(
                409, f"the session is of the model {session.model!r}, which is not served now"
            )
        return session, served

    async def done(self, worker: Worker, work: Work, *, owner: Session | None = None) -> Any:
        """Have work done, and wait for it.

        Args:
            worker: whose it is.
            work: the work.
            owner: the session that it is on.

        Returns:
            What it gives.

        Raises:
            ProblemError: too much waits, or it took too long.
        """
        return await self.finished(worker.submit(work, owner=owner))

    async def finished(self, job: Job) -> Any:
        """Wait for a job, as long as a request may take.

        Args:
            job: the job.

        Returns:
            Its result.

        Raises:
            ProblemError: it took too long; what had not begun by then is not done.
        """
        try:
            with Deadline(self.limits.seconds):
                return await job.future
        except TimeoutError:
            raise ProblemError(
                503, f"the answer took over {self.limits.seconds:g} seconds", RETRY
            ) from None
