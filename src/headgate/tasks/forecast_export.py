"""A forecaster as a graph, with what its script has to know of series."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from headgate.export.parts import Exported, Input, Part
from headgate.export.states import (
    as_row,
    as_state,
    states_at_first,
    states_in,
    states_out,
)
from headgate.models.distributions import DISTRIBUTIONS, LEVELS
from headgate.models.forecaster import Forecaster
from headgate.tasks.forecast_answer import QUANTILES
from headgate.tasks.forecast_store import FARTHEST

if TYPE_CHECKING:
    from headgate.tasks.forecast import Forecast

_SETTINGS = ("horizon", "lags", "context", "scaling", "transform", "distribution")


class _Flat(nn.Module):
    """A forecaster whose labels and states come one by one.

    Args:
        network: the forecaster.
    """

    def __init__(self, network: Forecaster) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        kinds = len(self.network.embeddings)
        none = x.new_zeros(x.shape[0], 0, dtype=torch.int64)
        labels = torch.stack(rest[:kinds], 1) if kinds else none
        # whole in memory: else torch compares strides, and takes B for fixed where they are equal
        steps = x.transpose(0, 1).contiguous()
        numbers, last = self.network(steps, labels, as_state(rest[kinds:]))
        return numbers, *as_row(last)


def exported_forecaster(task: Forecast) -> Exported:
    """Give a forecaster as files.

    Args:
        task: the trained task.

    Returns:
        The model; it has a step where it reads nothing but values and dates.
    """
    settings, field, network = task.settings, task.field, task.network
    layers, family = network.recurrent, DISTRIBUTIONS[settings.distribution]
    described = sum(table.embedding_dim for table in network.embeddings)  # type: ignore[misc]
    labels = tuple(
        Input(f"label_{place}", ("B",), "ids", most=kinds)
        for place, kinds in enumerate(field.categories)
    )
    given = Input("x", ("B", "T", layers.input_size - described))
    inputs = (given, *labels, *states_in(layers))
    part = Part("model", _Flat(network), inputs, ("numbers", *states_out(layers)))
    facts = {
        **{name: getattr(settings, name) for name in _SETTINGS},
        "paths": settings.paths if family.draws else 1,
        "size": family.size,
        "levels": LEVELS,
        "quantiles": QUANTILES,
        "farthest": FARTHEST,
        "direct": network.direct.weight.tolist(),
        "field": asdict(field),
        "initial": states_at_first(layers),
    }
    scripts = ("dates.py", "laws.py", "past.py", "running.py")
    beside = field.inputs or field.labels
    return Exported(
        (part,),
        {"run.py": "run_forecast.py", **{name: name for name in scripts}},
        facts,
        chain=None if beside else network.parts,
    )
