"""Routes of sessions."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from headgate.server.desk import Desk
from headgate.server.keeping import Touched
from headgate.server.problems import ProblemError
from headgate.server.schemas import (
    ForkRequest,
    RewindRequest,
    SessionCard,
    SessionRequest,
    StateAnswer,
    StateRequest,
    StepAnswer,
    StepRequest,
)
from headgate.server.served import Served
from headgate.server.sessions import Session
from headgate.server.worker import once


def session_routes(desk: Desk) -> APIRouter:
    """Make the routes of sessions.

    Args:
        desk: the sessions.

    Returns:
        The routes.
    """
    # Long: each route of a session is a function of its own.
    routes = APIRouter(prefix="/v1/sessions", tags=["sessions"])
    act = Acts(desk)

    @routes.post("", status_code=201)
    async def create(asked: SessionRequest, response: Response) -> SessionCard:
        """Begin a session: a stream of the model that the server keeps."""
        made = await act.create(asked)
        response.headers["Location"] = f"/v1/sessions/{made.id}"
        return made

    @routes.get("/{session}")
    async def card(session: str) -> SessionCard:
        """Describe a session."""
        return act.card(desk.session(session)[0])

    @routes.delete("/{session}", status_code=204, response_class=Response)
    async def delete(session: str) -> Response:
        """Forget a session."""
        await act.delete(session)
        return Response(status_code=204)

    @routes.post("/{session}/step")
    async def step(session: str, asked: StepRequest) -> StepAnswer:
        """Take steps, all of them or none. Sessions that step at the same time step together."""
        return await act.step(session, asked)

    @routes.post("/{session}/fork", status_code=201)
    async def fork(session: str, asked: ForkRequest, response: Response) -> SessionCard:
        """Begin a session that goes on by itself from where this one is."""
        made = await act.fork(session, asked)
        response.headers["Location"] = f"/v1/sessions/{made.id}"
        return made

    @routes.post("/{session}/rewind")
    async def rewind(session: str, asked: RewindRequest) -> SessionCard:
        """Take back the last steps."""
        return await act.rewind(session, asked)

    @routes.get("/{session}/state")
    async def state(session: str) -> StateAnswer:
        """Give the state, which the same model takes back, here or elsewhere."""
        return await act.state(session)

    @routes.put("/{session}/state")
    async def place(session: str, asked: StateRequest) -> SessionCard:
        """Go on from a state, or anew. What was before cannot be rewound to."""
        return await act.place(session, asked)

    return routes


class Acts:
    """What can be done to sessions, over HTTP and over a WebSocket alike.

    Args:
        desk: the sessions.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def card(self, session: Session) -> SessionCard:
        """Describe a session."""
        return SessionCard(
            id=session.id,
            model=session.model,
            durable=session.durable,
            position=session.position,
            rewind=self.desk.limits.rewind,
        )

    async def create(self, asked: SessionRequest) -> SessionCard:
        """Begin a session."""
        served = self.desk.named(asked.model)
        state = None if asked.state is None else _decoded(asked.state)
        call = partial(served.create, asked.source, durable=asked.durable, state=state)
        return await self._made(served, call)

    async def step(self, name: str, asked: StepRequest) -> StepAnswer:
        """Take steps."""
        session, served = self.desk.session(name)
        work = served.step(session, asked.input, at=asked.at, last=asked.last)
        touched: Touched = await self.desk.done(served.stepping, work, owner=session)
        position, answers = touched.answer
        return StepAnswer(position=position, answers=answers)

    async def fork(self, name: str, asked: ForkRequest) -> SessionCard:
        """Begin a session from where another is."""
        session, served = self.desk.session(name)
        return await self._made(
            served, partial(served.fork, session, durable=asked.durable), owner=session
        )

    async def _made(
        self, served: Served, call: Callable[[], Touched], owner: Session | None = None
    ) -> SessionCard:
        """Have a session made; where nobody waits for its name any more it is forgotten."""
        job = served.stepping.submit(once(call), owner=owner)
        try:
            touched: Touched = await self.desk.finished(job)
        except BaseException:
            if job.error is None:
                served.unheard(job)
            raise
        return self.card(touched.session)

    async def rewind(self, name: str, asked: RewindRequest) -> SessionCard:
        """Take back steps."""
        touched = await self._done(name, "rewind", asked.steps)
        return self.card(touched.session)

    async def state(self, name: str) -> StateAnswer:
        """Give the state."""
        position, data = await self._done(name, "state")
        return StateAnswer(position=position, state=base64.b64encode(data).decode())

    async def place(self, name: str, asked: StateRequest) -> SessionCard:
        """Go on from a state."""
        data = None if asked.state is None else _decoded(asked.state)
        touched = await self._done(name, "place", data)
        return self.card(touched.session)

    async def delete(self, name: str) -> None:
        """Forget a session, also one of a model that is not served."""
        sessions = self.desk.sessions
        session = sessions.named(name)
        if session.model in self.desk.served:
            await self._done(name, "delete")
        else:
            await asyncio.to_thread(sessions.keep, [], gone=[session])

    async def _done(self, name: str, what: str, *given: Any, **how: Any) -> Any:
        session, served = self.desk.session(name)
        call = partial(getattr(served, what), session, *given, **how)
        return await self.desk.done(served.stepping, once(call), owner=session)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProblemError(422, "a state comes in base64, as GET …/state gives it") from None
