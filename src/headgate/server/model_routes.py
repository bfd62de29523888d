"""Routes of the models: what there is, how they are, and predictions."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from headgate.server.desk import Desk
from headgate.server.problems import RETRY, ProblemError
from headgate.server.schemas import (
    ModelCard,
    ModelList,
    PredictAnswer,
    PredictRequest,
    Status,
)
from headgate.server.served import Served


def model_routes(desk: Desk) -> APIRouter:
    """Make the routes of models.

    Args:
        desk: the models.

    Returns:
        The routes.
    """
    # Long: each route is a function of its own.
    routes = APIRouter()

    @routes.get("/healthz", tags=["server"])
    async def healthz() -> Status:
        """Say that the server lives. No token is needed."""
        return Status(status="ok")

    @routes.get("/readyz", tags=["server"])
    async def readyz() -> Status:
        """Say that the server takes requests; else it answers 503. No token is needed."""
        if not desk.ready:
            raise ProblemError(503, "the server ends: come again when it is back", RETRY)
        return Status(status="ready")

    @routes.get(
        "/metrics",
        tags=["server"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    async def metrics() -> Response:
        """Give what was counted, in Prometheus' text format."""
        return Response(desk.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @routes.get("/v1/models", tags=["models"])
    async def models() -> ModelList:
        """List the models that are served."""
        return ModelList(data=[_card(desk, each) for each in desk.served.values()])

    @routes.get("/v1/models/{model}", tags=["models"])
    async def model(model: str) -> ModelCard:
        """Describe a model."""
        return _card(desk, desk.named(model))

    @routes.post("/v1/predict", tags=["models"])
    async def predict(asked: PredictRequest) -> PredictAnswer:
        """Answer inputs, all of them or none. What comes at the same time is answered together."""
        served = desk.named(asked.model)
        if len(asked.inputs) > desk.limits.inputs:
            raise ProblemError(
                413, f"one request has at most {desk.limits.inputs} inputs: send fewer at once"
            )
        found = await desk.done(served.answering, served.predict(asked.inputs))
        return PredictAnswer(model=served.name, predictions=found)

    return routes


def _card(desk: Desk, served: Served) -> ModelCard:
    task = served.model.task
    return ModelCard(
        id=served.name,
        created=desk.began,
        task=task.name,
        reads=task.reads,
        streams=served.template is not None,
        why=served.why or None,
    )
