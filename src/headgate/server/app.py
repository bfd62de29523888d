"""The application: its routes by room, and the errors of them all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from headgate import __version__
from headgate.server import problems
from headgate.server.completion_routes import completion_routes
from headgate.server.desk import Desk
from headgate.server.model_routes import model_routes
from headgate.server.openapi import document
from headgate.server.page_routes import page_routes
from headgate.server.session_routes import session_routes
from headgate.server.session_socket import session_socket

_ABOUT = """\
Models of headgate behind HTTP. Errors are problem documents (RFC 9457). A request that finds too \
much work waiting is answered by 429, and says in Retry-After when to come again."""


def create_app(desk: Desk) -> FastAPI:
    """Make the application.

    Args:
        desk: the models with what is done for clients.

    Returns:
        The application; its models begin to work when it starts.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with desk.open():
            yield

    app = FastAPI(
        title="headgate",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # the pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    for routes in (model_routes, session_routes, completion_routes, session_socket):
        app.include_router(routes(desk))
    app.include_router(page_routes(desk))
    app.openapi = document(app, desk)
    problems.install(app)
    return app
