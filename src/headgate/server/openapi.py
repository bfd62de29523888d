"""The OpenAPI document: what FastAPI finds, made exact by the models that are served."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from headgate.server.desk import Desk
from headgate.server.examples import input_of, source_of, step_of
from headgate.server.limits import Limits
from headgate.server.problems import DOCUMENTED, MEDIA, ProblemDocument
from headgate.server.served import Served

_REF = "#/components/schemas/"
_LINK = re.compile(r"\W+")


def document(app: FastAPI, desk: Desk) -> Callable[[], dict[str, Any]]:
    """Give what describes an application.

    Args:
        app: the application, with all its routes.
        desk: the models.

    Returns:
        Gives the document; it is made once.
    """
    made: dict[str, Any] = {}

    def give() -> dict[str, Any]:
        if not made:
            made.update(_made(app, desk))
        return made

    return give


def _made(app: FastAPI, desk: Desk) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = found["components"]["schemas"]
    problem = ProblemDocument.model_json_schema(ref_template=_REF + "{model}")
    schemas |= problem.pop("$defs") | {"ProblemDocument": problem}
    for operations in found["paths"].values():
        for operation in operations.values():
            _with_problems(operation)
    served = [*desk.served.values()]
    _name_models(schemas, served)
    _bound(schemas, desk.limits)
    _show(schemas, served)
    _link(found["paths"])
    found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}] if desk.guarded else []
    for open_path in ("/healthz", "/readyz"):
        found["paths"][open_path]["get"]["security"] = []
    return found


def _with_problems(operation: dict[str, Any]) -> None:
    """Document the errors that an operation may answer with."""
    content = {MEDIA: {"schema": {"$ref": f"{_REF}ProblemDocument"}}}
    for status, when in DOCUMENTED.items():
        operation["responses"][str(status)] = {"description": when, "content": content}


def _name_models(schemas: dict[str, Any], served: list[Served]) -> None:
    """Say which models there are, and that one of several has to be named."""
    names = {
        "PredictRequest": [each.name for each in served],
        "LookRequest": [each.name for each in served],
        "SessionRequest": [each.name for each in served if each.template is not None],
        "CompletionRequest": [each.name for each in served if each.completes],
    }
    for schema, fit in names.items():
        place = schemas[schema]
        about = place["properties"]["model"]["description"]
        only = [None] if len(served) == 1 else []
        place["properties"]["model"] = {"enum": [*fit, *only], "description": about}
        if not only:
            place["required"] = ["model", *place.get("required", [])]


def _bound(schemas: dict[str, Any], limits: Limits) -> None:
    """Say how much one request may have."""
    of = {name: schemas[f"{name}Request"]["properties"] for name in ("Predict", "Step")}
    asked = schemas["CompletionRequest"]["properties"]
    of["Predict"]["inputs"]["maxItems"] = limits.inputs
    text, steps = of["Step"]["input"]["anyOf"]
    text["maxLength"], steps["maxItems"] = limits.characters, limits.steps
    text, texts, ids, several = asked["prompt"]["anyOf"]
    for each in (text, texts["items"]):
        each["maxLength"] = limits.characters
    for each in (ids, several["items"]):
        each["maxItems"] = limits.characters
    texts["maxItems"] = several["maxItems"] = limits.texts
    for name, most in (("max_tokens", limits.tokens), ("n", limits.texts)):
        asked[name]["anyOf"][0]["maximum"] = most


def _show(schemas: dict[str, Any], served: list[Served]) -> None:
    """Give examples that these models answer."""
    several = len(served) > 1

    def named(each: Served, rest: dict[str, Any]) -> dict[str, Any]:
        return {"model": each.name, **rest} if several else rest

    asked = [(each, input_of(each.model)) for each in served]
    begun = [each for each in served if each.template is not None]
    steps = [step for step in map(step_of, (each.model for each in begun)) if step is not None]
    shown = {
        "PredictRequest": [named(each, {"inputs": [it]}) for each, it in asked if it is not None],
        "LookRequest": [named(each, {"input": it}) for each, it in asked if it is not None],
        "SessionRequest": [named(each, _begin(each)) for each in begun],
        "StepRequest": [{"input": step} for step in steps],
        "CompletionRequest": [
            named(each, {"prompt": it, "max_tokens": 8, "seed": 1})
            for each, it in asked
            if each.completes
        ],
        "ForkRequest": [{}],
        "RewindRequest": [{"steps": 1}],
        "StateRequest": [{"state": None}],
    }
    for schema, examples in shown.items():
        if examples:
            schemas[schema]["examples"] = examples


def _begin(served: Served) -> dict[str, Any]:
    source = source_of(served.model)
    return {"durable": True} if source is None else {"source": source}


def _link(paths: dict[str, Any]) -> None:
    """Say that the session which one request makes is the one that others ask for."""
    of = "$response.body#/id"
    links = {
        f"{method} {path.rsplit('/', 1)[-1]}": {
            "operationId": operation["operationId"],
            "parameters": {"session": of},
        }
        for path, operations in paths.items()
        if path.startswith("/v1/sessions/")
        for method, operation in operations.items()
    }
    links = {_LINK.sub("_", name): link for name, link in links.items()}
    for path in ("/v1/sessions", "/v1/sessions/{session}/fork"):
        paths[path]["post"]["responses"]["201"]["links"] = links
