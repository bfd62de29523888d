"""Routes that look into a model: gates and states, attention, gradients, what-ifs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from headgate.server import looking
from headgate.server.desk import Desk
from headgate.server.look_schemas import (
    LookAnswer,
    LookAttentionAnswer,
    LookAttentionRequest,
    LookGradientsAnswer,
    LookGradientsRequest,
    LookRequest,
    LookStepAnswer,
    LookStepRequest,
    LookValuesAnswer,
    LookValuesRequest,
    LookWhatIfAnswer,
    LookWhatIfRequest,
)
from headgate.server.looks import Looks
from headgate.server.worker import once


def look_routes(desk: Desk) -> APIRouter:
    """Make the routes that look into models.

    Args:
        desk: the models.

    Returns:
        The routes; what was looked into is kept by them.
    """
    # Long: each route is a function of its own.
    routes, looks = APIRouter(prefix="/v1/inspect", tags=["inspection"]), Looks()

    async def of(id: str, call: Callable[[], Any]) -> Any:
        """Have something done by the model that an inspection is of."""
        served = desk.named(looks.named(id).model)
        return await desk.done(served.answering, once(call))

    @routes.post("")
    async def inspect(asked: LookRequest) -> LookAnswer:
        """Look into a model with an input; the other routes ask for parts of what is seen."""
        served = desk.named(asked.model)
        work = once(lambda: looking.look(served, looks, asked.input))
        return await desk.done(served.answering, work)

    @routes.post("/values")
    async def values(asked: LookValuesRequest) -> LookValuesAnswer:
        """Give a window on a gate or state: steps × units, in bins where there are many."""
        return await of(asked.id, lambda: looking.values(looks, asked))

    @routes.post("/step")
    async def step(asked: LookStepRequest) -> LookStepAnswer:
        """Name the units with the greatest and the least values at a step."""
        return await of(asked.id, lambda: looking.step(looks, asked))

    @routes.post("/attention")
    async def attention(asked: LookAttentionRequest) -> LookAttentionAnswer:
        """Give where the model looked, target token by source token."""
        return await of(asked.id, lambda: looking.attention(looks, asked.id))

    @routes.post("/gradients")
    async def gradients(asked: LookGradientsRequest) -> LookGradientsAnswer:
        """Give what each step adds to an answer, and the gradient in the states before it."""
        return await of(asked.id, lambda: looking.gradients(looks, asked))

    @routes.post("/what-if")
    async def what_if(asked: LookWhatIfRequest) -> LookWhatIfAnswer:
        """Hold gates and states, and give the answers before and after."""
        return await of(asked.id, lambda: looking.what_if(looks, asked))

    return routes
