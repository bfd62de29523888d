"""The short way of the one request that is asked thousands of times a second: a step.

FastAPI's way to a route costs more than a step of a small model and all that is around it; so a
step goes past it, to the same function that the route calls.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from headgate.server.desk import Desk
from headgate.server.problems import invalid, problem_of, wrongs
from headgate.server.schemas import StepRequest
from headgate.server.session_routes import Acts

_PATH = re.compile(r"/v1/sessions/([^/]+)/step")


class Shortcut:
    """Answers steps, and leaves all else to an application.

    Args:
        app: the application, which has the route of steps, too.
        desk: the sessions.
    """

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self.app, self._act = app, Acts(desk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a step that is JSON by its header; hand on what is anything else."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "POST" or not _is_json(scope["headers"]):
            await self.app(scope, receive, send)
            return
        scope["route"] = _STEP
        try:
            asked = StepRequest.model_validate_json(await _body(receive))
            answer = await self._act.step(found[1], asked)
        except ValidationError as error:
            errors = [each | {"loc": ("body", *each["loc"])} for each in error.errors()]
            await invalid(errors).response(wrongs(errors))(scope, receive, send)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            await problem.response()(scope, receive, send)
        else:
            await _say(send, answer.model_dump_json().encode())


class _Route:
    """What the log calls the path."""

    path = "/v1/sessions/{session}/step"


_STEP = _Route()


def _is_json(headers: Any) -> bool:
    kinds = [value for name, value in headers if name == b"content-type"]
    return len(kinds) == 1 and kinds[0].split(b";")[0].strip().lower() == b"application/json"


async def _body(receive: Receive) -> bytes:
    """Give the body, which is there as a whole."""
    message = await receive()
    assert not message.get("more_body", False)
    return message.get("body", b"")


async def _say(send: Send, body: bytes) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-length", length), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
