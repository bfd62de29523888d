"""The page on which a model is looked into, and the files that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse

from headgate.server.desk import Desk
from headgate.server.look_routes import look_routes
from headgate.server.problems import ProblemError

PAGE = Path(__file__).parent / "page"
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    # plotly writes styles into the page, and shows a heat map as a picture that is given as data
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_routes(desk: Desk) -> APIRouter:
    """Make the routes of the page, and those that it asks.

    Args:
        desk: the models.

    Returns:
        The routes.
    """
    routes = APIRouter()
    routes.include_router(look_routes(desk))
    for path in PAGE.iterdir():
        if path.suffix in _KINDS:
            routes.get(f"/page/{path.name}", include_in_schema=False)(_giving(path))

    @routes.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        """Give the page."""
        return _file(PAGE / "index.html")

    @routes.get("/page/plotly.min.js", include_in_schema=False)
    async def plotly() -> FileResponse:
        """Give the library that draws, as it is installed."""
        found = _file(plotly_file())
        found.headers["Cache-Control"] = "private, max-age=86400"  # five megabytes
        return found

    return routes


def _giving(path: Path) -> Callable[[], FileResponse]:
    async def give() -> FileResponse:
        return _file(path)

    return give  # type: ignore[return-value]


def _file(path: Path) -> FileResponse:
    kind = f"{_KINDS[path.suffix]}; charset=utf-8"
    return FileResponse(path, media_type=kind, headers=_HEADERS)


def plotly_file() -> Path:
    """Find plotly's script, without importing plotly.

    Returns:
        The file.

    Raises:
        ProblemError: plotly is not installed.
    """
    found = find_spec("plotly")
    places = (found.submodule_search_locations or []) if found is not None else []
    for place in places:
        path = Path(place) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path
    raise ProblemError(404, "the page draws with plotly: pip install 'headgate[plot]'")
