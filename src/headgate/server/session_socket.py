"""A session over a WebSocket: a message for each thing to do, an answer to each, in order."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from headgate.server.desk import Desk
from headgate.server.problems import ProblemError, invalid, problem_of, wrongs
from headgate.server.schemas import (
    Asked,
    ForkRequest,
    RewindRequest,
    StateRequest,
    StepRequest,
)
from headgate.server.session_routes import Acts

_DOES: dict[str, type[Asked]] = {
    "step": StepRequest,
    "rewind": RewindRequest,
    "fork": ForkRequest,
    "place": StateRequest,
}


def session_socket(desk: Desk) -> APIRouter:
    """Make the route of a session's WebSocket.

    Args:
        desk: the sessions.

    Returns:
        The route.
    """
    routes, act = APIRouter(), Acts(desk)

    @routes.websocket("/v1/sessions/{session}/socket")
    async def socket(socket: WebSocket, session: str) -> None:
        desk.session(session)  # before it is accepted: an unknown one is answered by 404
        await socket.accept()
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                said = message.get("text") or message.get("bytes") or b""
                await socket.send_text(await _answered(act, session, said))
        except WebSocketDisconnect:
            return

    return routes


async def _answered(act: Acts, session: str, said: str | bytes) -> str:
    """Answer a message by what it asked for, or by a problem document under "problem"."""
    try:
        return (await _done(act, session, said)).model_dump_json()
    except ValidationError as error:
        errors = error.errors()
        found = [each | {"loc": ("", *each["loc"])} for each in errors]
        return json.dumps({"problem": invalid(errors).document(wrongs(found))})
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        return json.dumps({"problem": problem.document()})


async def _done(act: Acts, session: str, said: str | bytes) -> BaseModel:
    try:
        asked: Any = json.loads(said)
    except (ValueError, RecursionError):
        raise ProblemError(400, "a message is a JSON object") from None
    known = ", ".join([*_DOES, "state"])
    what = asked.pop("do", "step") if isinstance(asked, dict) else None
    if what == "state" and not asked:
        return await act.state(session)
    if not isinstance(what, str) or what not in _DOES:
        raise ProblemError(422, f'a message is a JSON object with "do", one of: {known}')
    return await getattr(act, what)(session, _DOES[what].model_validate(asked))
