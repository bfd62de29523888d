"""A model that is served: its two threads, one that answers and one that steps."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from headgate.errors import StreamError
from headgate.model import Model
from headgate.server.answers import plain
from headgate.server.inputs import taken
from headgate.server.keeping import Touched, keep, tidy
from headgate.server.limits import Limits
from headgate.server.metrics import Metrics
from headgate.server.problems import ProblemError
from headgate.server.sessions import Session, Sessions, position_of
from headgate.server.worker import Failed, Job, Work, Worker
from headgate.streaming import Stream
from headgate.tasks.generate import Generate
from headgate.tasks.kept_stream import KeptStream
from headgate.training.threads import threads_for

AT_ONCE = 256  # steps of one stream, before the others have their turn
_ASKED_AT_ONCE = 16  # requests that are answered together


class Served:
    """A model with what is done for its clients.

    Args:
        name: what clients call it.
        model: the model.
        sessions: all sessions of the server.
        limits: the bounds.
        metrics: what is counted.
        quantize: how the matrices of its streams are kept.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        sessions: Sessions,
        *,
        limits: Limits,
        metrics: Metrics,
        quantize: str | None = None,
    ) -> None:
        self.name, self.model, self.sessions, self.limits = name, model, sessions, limits
        self.metrics = metrics
        self._unheard: deque[Job] = deque()
        self.template: KeptStream | None = None
        self.why = ""
        try:
            self.template = model.stream(rewind=limits.rewind, quantize=quantize)  # type: ignore
        except StreamError as error:
            self.why = str(error)
        self.answering = self._worker("answers", self._answered)
        self.stepping = self._worker("steps", self._stepped)
        metrics.watch(name, lambda: self.answering.waiting + self.stepping.waiting)

    def _worker(self, kind: str, together: Any) -> Worker:
        return Worker(
            f"headgate-{kind}-{self.name}",
            together,
            keep=partial(keep, self.sessions),
            around=_alone(self.model),
            queue=self.limits.queue,
            batch=_ASKED_AT_ONCE if kind == "answers" else self.limits.batch,
        )

    def close(self) -> None:
        """Finish what was begun."""
        self.answering.close()
        self.stepping.close()

    def predict(self, inputs: Sequence[Any]) -> Work:
        """Answer inputs.

        Args:
            inputs: as JSON gives them.

        Returns:
            Work for the worker of answers, which comes to the answers as plain data.
        """
        limits = self.limits
        with taken(self.model, inputs, characters=limits.characters, steps=limits.steps) as ready:
            answers = yield ready
            return [plain(each) for each in answers]

    def _answered(self, wanted: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Answer several requests as one."""
        answers = iter(self.model.predict([each for ready in wanted for each in ready]))
        self.metrics.batched(self.name, "answers", len(wanted))
        return [[next(answers) for _ in ready] for ready in wanted]

    def _stepped(self, wanted: Sequence[Any]) -> list[Any]:
        """Run steps of several streams as one batch, and whatever else is wanted by itself."""
        single = [each for each in wanted if not callable(each)]
        streams, inputs = [each[0] for each in single], [each[1] for each in single]
        together = len(single) > 1
        rows = Stream.step_together(streams, inputs) if together else _each(streams, inputs)
        self.metrics.batched(self.name, "steps", len(single))
        out = iter(rows)
        return [_tried(each) if callable(each) else next(out) for each in wanted]

    def create(self, source: Any, *, durable: bool, state: bytes | None) -> Touched:
        """Begin a session.

        Args:
            source: what it is begun with; None for nothing.
            durable: whether every step that is answered is on disk by then.
            state: of another stream of the model, to go on from; None for the beginning.

        Returns:
            The session, touched.

        Raises:
            ProblemError: the model does not stream.
        """
        self._check_size(source)
        stream = self._begun(source)
        if state is not None:
            stream.state = state
        made = self.sessions.add(self.name, stream, durable=durable, source=source)
        return Touched(made)

    def _begun(self, source: Any) -> KeptStream:
        if self.template is None:
            raise ProblemError(422, f"the model {self.name} has no sessions: {self.why}")
        stream = self.template.fork()
        if source is not None:
            stream.begin(source)
        return stream

    @property
    def completes(self) -> bool:
        """Whether it is a language model of texts."""
        return isinstance(self.model.task, Generate)

    def blank(self) -> Stream:
        """Give a stream of the network at its very beginning.

        Returns:
            The stream.
        """
        assert self.template is not None
        found = self.template.stream.fork()
        found.reset()
        return found

    def _present(self, session: Session) -> KeptStream:
        """Give the stream of a session, from the disk where it is there."""
        if session.gone:
            raise ProblemError(404, "the session was deleted")
        session.used = time.time()
        if session.stream is not None:
            return session.stream
        record = self.sessions.store.get(session.id)
        assert record is not None
        stream = self._begun(record.source)
        try:
            stream.state = record.state
        except StreamError as error:
            raise ProblemError(
                409, f"the session does not go on with the model as it is now: {error}"
            ) from error
        if not session.durable:  # what is on disk will be old, and must not come back
            self.sessions.store.put([], gone=[session.id])
        session.stream, session.position = stream, record.position
        session.stored = record.position if session.durable else None
        self.sessions.arrived()
        return stream

    def step(self, session: Session, input: Any, *, at: int | None, last: bool) -> Work:
        """Take steps of a session: all of them, or none.

        Args:
            session: the session.
            input: a text, or a list of steps.
            at: the position that it has to be at; any where None.
            last: whether the answer after the last step alone is wanted.

        Returns:
            Work for the worker of steps, which comes to the session, touched, with its position
            and the answers as plain data.

        Raises:
            ProblemError: the session is at another position.
        """
        stream = self._present(session)
        self._check(session, at)
        if len(input) == 1 and not isinstance(input, str):
            out = yield stream.stream, stream.given(input[0])
            answers = [stream.said(out)]
        else:
            self._check_size(input)
            stream, answers = stream.fork(), []
            tokens = stream.tokens(input)
            self._check_size(tokens)
            for first in range(0, len(tokens), AT_ONCE):
                answers += yield partial(stream.steps, tokens[first : first + AT_ONCE])
            session.stream = stream
        self.metrics.stepped(self.name, position_of(stream) - session.position)
        session.position = position_of(stream)
        answers = answers[-1:] if last else answers
        return Touched(session, (session.position, [plain(each) for each in answers]))

    def _check_size(self, given: Any) -> None:
        """Refuse what is too long, before it is read."""
        limits = self.limits
        if isinstance(given, str) and len(given) > limits.characters:
            raise ProblemError(413, f"a text has at most {limits.characters} characters")
        if isinstance(given, list) and len(given) > limits.steps:
            raise ProblemError(413, f"one request takes at most {limits.steps} steps")

    def _check(self, session: Session, at: int | None) -> None:
        if at is not None and at != session.position:
            raise ProblemError(
                409,
                f"the session is at position {session.position}, not {at}",
                position=session.position,
            )

    def fork(self, session: Session, *, durable: bool | None) -> Touched:
        """Begin a session that goes on by itself from where another is.

        Args:
            session: the other.
            durable: as in ``create``; as of the other where None.

        Returns:
            The new session, touched.
        """
        stream = self._present(session).fork()
        durable = session.durable if durable is None else durable
        made = self.sessions.add(self.name, stream, durable=durable, source=session.source)
        return Touched(made)

    def rewind(self, session: Session, steps: int) -> Touched:
        """Take back the last steps of a session.

        Args:
            session: the session.
            steps: how many.

        Returns:
            The session, touched.
        """
        stream = self._present(session)
        stream.rewind(steps)
        session.position = position_of(stream)
        return Touched(session)

    def place(self, session: Session, state: bytes | None) -> Touched:
        """Let a session go on from a state.

        Args:
            session: the session.
            state: the state; where None it begins anew.

        Returns:
            The session, touched.
        """
        stream = self._present(session)
        if state is None:
            stream.reset()
        else:
            stream.state = state
        session.position = position_of(stream)
        return Touched(session)

    def state(self, session: Session) -> tuple[int, bytes]:
        """Give the state of a session.

        Args:
            session: the session.

        Returns:
            Its position, and the bytes.
        """
        stream = self._present(session)
        return session.position, stream.state

    def delete(self, session: Session) -> Touched:
        """Forget a session.

        Args:
            session: the session.

        Returns:
            The session, touched.
        """
        if session.gone:
            raise ProblemError(404, "the session was deleted")
        return Touched(session, gone=True)

    def unheard(self, job: Job) -> None:
        """Have the session that a job made, or will have made, forgotten: nobody has its name.

        Args:
            job: a job of the worker of steps, over or cancelled.
        """
        self._unheard.append(job)
        self.tidy_soon()

    def tidy_soon(self) -> None:
        """Have sessions forgotten and put away where it is time, from any thread."""
        self.stepping.soon(self._tidy)

    def _tidy(self) -> None:
        """Forget and put away what is due, a part at a time, so that steps go on between."""
        while self._unheard:
            made = self._unheard.popleft().result
            if isinstance(made, Touched):
                made.session.unheard = True
        if tidy(self.sessions, self.name, busy=self.stepping.busy):
            self.tidy_soon()


def _each(streams: Sequence[Stream], inputs: Sequence[Any]) -> list[Any]:
    return [stream.step(x) for stream, x in zip(streams, inputs, strict=True)]


def _tried(call: Callable[[], Any]) -> Any:
    """Do what is done once: beside it others have taken their steps."""
    try:
        return call()
    except Exception as error:
        return Failed(error)


@contextlib.contextmanager
def _alone(model: Model) -> Iterator[None]:
    """Run a thread without gradients, with as many threads of torch as suit the model."""
    with torch.inference_mode(), threads_for(model.task.network):
        yield
