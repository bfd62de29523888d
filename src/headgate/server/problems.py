"""Errors as problem documents (RFC 9457): what was wanted, what came, what to do; never a trace."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from headgate.errors import HeadgateError, OutputError, StreamError

MEDIA = "application/problem+json"
_PARAMETER = re.compile(r"\{\w+\}")  # of a path
_LONGEST = 1000  # characters of a detail
RETRY = {"Retry-After": "1"}


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(description="Where in the request, as a JSON pointer.")
    detail: str = Field(description="What is wrong there.")


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 writes it."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What was wanted, what came, and what to do.")
    position: int | None = Field(None, description="Of the session, where it is another.")
    message: str | None = Field(None, description="Of completions: what is wrong, in words.")
    errors: list[Wrong] | None = Field(None, description="Each thing that is wrong.")


DOCUMENTED = {
    400: "The body cannot be read.",
    401: "A token is wanted.",
    403: "The server answers its own machine alone.",
    404: "There is no such thing.",
    405: "Another method is wanted here.",
    408: "The body came too slowly.",
    409: "It is at odds with how the session is.",
    413: "It is more than one request may have.",
    415: "The body is no JSON by its header.",
    422: "It cannot be done with these values.",
    431: "The first line and the headers are too long.",
    429: "Too much waits: come again.",
    500: "A defect of the server.",
    503: "It could not be done now.",
}
"""The errors that any route may answer with, and when."""


class ProblemError(Exception):
    """What ends a request early.

    Args:
        status: of the answer.
        detail: what was wanted, what came, and what to do.
        headers: of the answer.
        position: of the session, where the request was for another one.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        position: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})
        self.position = position
        self.message: str | None = None

    def document(self, errors: Sequence[Wrong] = ()) -> dict[str, Any]:
        """Give it as plain data.

        Args:
            errors: each thing that is wrong.

        Returns:
            The members of the problem document.
        """
        found = ProblemDocument(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail[:_LONGEST],
            position=self.position,
            message=self.message,
            errors=list(errors) or None,
        )
        return found.model_dump(exclude_none=True)

    def response(self, errors: Sequence[Wrong] = ()) -> Response:
        """Give it as an answer.

        Args:
            errors: each thing that is wrong.

        Returns:
            The answer; in ASCII, since what a client sent may be no text at all.
        """
        content = json.dumps(self.document(errors))
        return Response(content, self.status, self.headers, media_type=MEDIA)


DEFECT = ProblemError(500, "something went wrong that is not the request's fault")


def problem_of(error: Exception) -> ProblemError | None:
    """Turn an error into the problem that it is for a client.

    Args:
        error: the error.

    Returns:
        The problem; None for an error that is not the request's fault.
    """
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, OutputError):  # its text has a path of the server's
        tell_failure(error)
        why = "the server cannot write to its disk or read from it now, so this was not done"
        return ProblemError(503, f"{why}: come again", RETRY)
    if isinstance(error, StreamError):  # it has no such steps to take back, or is of other weights
        return ProblemError(409, str(error))
    return ProblemError(422, str(error)) if isinstance(error, HeadgateError) else None


def tell_failure(error: Exception) -> None:
    """Tell whoever runs the server of what it could not do.

    Args:
        error: why; of one that is not of the disk its kind alone, since its text may be a user's.
    """
    said = str(error) if isinstance(error, OutputError) else type(error).__name__
    logging.getLogger("headgate.server").error(json.dumps({"error": said}))


def install(app: FastAPI) -> None:
    """Have every error of an application answered by a problem document.

    Args:
        app: the application.
    """
    for kind in (ProblemError, HeadgateError):
        app.add_exception_handler(kind, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


async def _problem(request: HTTPConnection, error: Any) -> Response:
    found = problem_of(error)
    assert found is not None
    return _told(request, found)


async def _invalid(request: Request, error: Any) -> Response:
    return _told(request, invalid(error.errors()), wrongs(error.errors()))


def _told(request: HTTPConnection, problem: ProblemError, errors: Sequence[Wrong] = ()) -> Response:
    """Answer with a problem; to completions also in the member where OpenAI's clients look."""
    if request.url.path == "/v1/completions":
        said = "; ".join(f"{each.pointer}: {each.detail}" for each in errors)
        problem.message = said or problem.detail
    return problem.response(errors)


async def _defect(request: Request, error: Exception) -> Response:
    return DEFECT.response()


def invalid(errors: Sequence[Any]) -> ProblemError:
    """Give the problem of a request that does not fit its schema.

    Args:
        errors: what pydantic says of it.

    Returns:
        The problem.
    """
    if any(each["type"] == "json_invalid" for each in errors):
        return ProblemError(400, "the body is no JSON")
    return ProblemError(422, "the request does not fit its schema: see errors")


def wrongs(errors: Sequence[Any]) -> list[Wrong]:
    """Name each thing that is wrong with a request.

    Args:
        errors: what pydantic says of it.

    Returns:
        The places with what is wrong there, ten at most.
    """
    return [
        Wrong(
            pointer="".join(f"/{part}" for part in each["loc"][1:])[:_LONGEST],
            detail=each["msg"][:_LONGEST],
        )
        for each in errors[:10]
    ]


async def _http(request: Request, error: Any) -> Response:
    details = {
        404: "there is nothing at this path: see /openapi.json",
        405: f"{request.method} is not for this path",
        400: "the body cannot be read as JSON in UTF-8",
        415: "the body has to be JSON: send the header Content-Type: application/json",
    }
    detail, headers = details.get(error.status_code, str(error.detail)), error.headers
    if error.status_code == 405:  # a path with several methods has a route for each
        found = _methods_of(request.app.openapi()["paths"], request.url.path)
        headers = {"Allow": ", ".join(found)}
    return ProblemError(error.status_code, detail, headers).response()


def _methods_of(paths: dict[str, Any], path: str) -> list[str]:
    """Tell which methods a path of the document has, in capitals."""
    for template, operations in paths.items():
        parts = [re.escape(part) for part in _PARAMETER.split(template)]
        if re.fullmatch("[^/]+".join(parts), path):
            return sorted(method.upper() for method in operations)
    return []
