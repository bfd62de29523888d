"""Which steps made an answer: its score shared out over the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import ShapeError, UnknownNameError
from headgate.inspection.binning import binned
from headgate.inspection.drawing import QUALITATIVE, columns_of, laid_out, strips, table, tick
from headgate.inspection.gradients import name_of
from headgate.inspection.labels import clip, visible
from headgate.inspection.side_by_side import gradients_at
from headgate.inspection.trace import LOG_PROBABILITIES, Inspection
from headgate.inspection.view import Labels, View, graphs

INTEGRATED, TIMES_INPUT = "integrated_gradients", "gradient_x_input"
METHODS = (INTEGRATED, TIMES_INPUT)
NEAR = 0.01  # of the difference: how near the sum of an integral has to come
_FEWEST, _MOST = 8, 512
_NOISE = 1e-6  # of the scores: what rounding makes of a difference
_BIGGEST = 8


@dataclass(frozen=True, eq=False)
class Attribution(View):
    """What each step contributes to the score of an answer, against a baseline.

    Args:
        tokens: the names of the T steps.
        answer: the name of the answer.
        kind: of the answers, as an outcome has it.
        method: "integrated_gradients" or "gradient_x_input".
        features: what each feature of each step contributes, float64 [T, M].
        score: of the answer.
        baseline_score: of the same answer where the input is the baseline.
        points: of the path at which a gradient was taken.
    """

    title = "Attribution"

    tokens: tuple[str, ...]
    answer: str
    kind: str
    method: str
    features: Float[Tensor, "T M"]
    score: float
    baseline_score: float
    points: int

    @property
    def steps(self) -> Float[Tensor, "T"]:
        """What each step contributes."""
        return self.features.sum(1)

    @property
    def completeness(self) -> Tensor:
        """The sum of the contributions, what it should be, and the gap, float64 [3]."""
        total, wanted = float(self.features.sum()), self.score - self.baseline_score
        return torch.tensor([total, wanted, total - wanted], dtype=torch.float64)

    @property
    def complete(self) -> bool:
        """Whether the sum agrees with the difference of the scores within 1 %."""
        return _near(float(self.features.sum()), self.score, self.baseline_score)

    def arrays(self) -> Mapping[str, Tensor]:
        """Give the contributions and their completeness: the sum, the difference, the gap."""
        found = {"step": self.steps, "feature": self.features, "completeness": self.completeness}
        scores = torch.tensor([self.score, self.baseline_score], dtype=torch.float64)
        return found | {"score": scores}

    def labels(self) -> Labels:
        """Give the names of the steps, of the answer and of the completeness' numbers."""
        names = {"tokens": self.tokens, "answer": (self.answer,)}
        return names | {"completeness": ("sum", "difference", "gap")}

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Draw the contributions under the tokens, the greatest in a table."""
        columns, values = columns_of(width), self.steps
        most = float(values.abs().max()) or 1.0
        unit = " nats" if self.kind == LOG_PROBABILITIES else ""
        head = f"What each step adds to the score of {self.answer} ({self._how})"
        scale = f"█ {most:.3g}{unit}" if not colour else f"red −{most:.3g}, blue +{most:.3g}{unit}"
        rows = {"for": values.clamp(min=0), "against": (-values).clamp(min=0)}
        low = 0.0
        if colour:
            rows, low = {"": values}, -most
        drawn = strips(self.tokens, rows, low=low, high=most, width=columns, colour=colour)
        parts = [wrap(f"{head}; {scale}", columns), drawn, self._table(), wrap(self._said, columns)]
        return "\n\n".join("\n".join(part) for part in parts)

    @property
    def _how(self) -> str:
        if self.method == TIMES_INPUT:
            return "gradient × input"
        return f"integrated gradients, {self.points} points"

    def _table(self) -> list[str]:
        values = self.steps
        order = values.abs().argsort(descending=True, stable=True)[:_BIGGEST].tolist()
        whole = float(values.abs().sum()) or 1.0
        rows = [
            [
                str(step + 1),
                clip(visible(self.tokens[step]), 20),
                f"{float(values[step]):+.3g}",
                f"{abs(float(values[step])) / whole:.0%}",
            ]
            for step in order
        ]
        return table(rows, ["step", "token", "adds", "share"])

    @property
    def _said(self) -> str:
        total, wanted, gap = self.completeness.tolist()
        ends = f"from {self.baseline_score:.4g} at the baseline to {self.score:.4g}"
        said = f"The steps add up to {total:.4g}; the score goes {ends}, by {wanted:.4g}"
        if self.complete:
            return f"{said}, a gap of {gap:.2g}."
        points = f" with {self.points} points" if self.method == INTEGRATED else ""
        return f"{said}: a gap of {gap:.4g}{points}, so the shares are no whole account."

    def figure(self) -> Any:
        """Draw a bar a step, blue for and orange against the answer."""
        drawn, bins = graphs().Figure(), binned(self.steps)
        at = bins.edges[:-1].tolist()
        blue, red = QUALITATIVE[:2]
        drawn.add_bar(
            x=at,
            y=bins.mean.tolist(),
            customdata=[self.tokens[step] for step in at],
            hovertemplate="%{customdata} %{y:.3g}",
            marker={"color": [blue if value >= 0 else red for value in bins.mean.tolist()]},
        )
        names = {"tickvals": at, "ticktext": [tick(self.tokens[t], 12) for t in at]}
        drawn.update_layout(
            xaxis={"title": "step"} | (names if len(at) <= 60 else {}),
            yaxis={"title": "adds to the score", "zeroline": True},
        )
        return laid_out(
            drawn, title=f"{self.title}: {escape(self.answer)} ({self._how})", height=400
        )


def attribution(
    inspection: Inspection,
    *,
    place: int | None = None,
    method: str = INTEGRATED,
    baseline: Tensor | None = None,
) -> Attribution:
    """Show which steps made an answer.

    Integrated gradients (Sundararajan 2017) go the straight line from the baseline to the input;
    what they give to the steps adds up to the difference of the scores. Their points (Gauss and
    Legendre's) are doubled from 8 on until it does within 1 %, or until there are 512.

    Args:
        inspection: of a model or of layers.
        place: the number of the answer, from 0, or counted from the end below 0; the last where
            None.
        method: "integrated_gradients", or "gradient_x_input", which is one gradient times what
            differs from the baseline.
        baseline: an input that says nothing, [T, M] or [M]; zeros where None.

    Returns:
        The view.

    Raises:
        UnknownNameError: there is no such method.
        ShapeError: the baseline is of another shape than the input.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    place, x = inspection.place_of(place), inspection.inputs.detach()
    start = _baseline(baseline, x)
    [(slope, score), (_, baseline_score)] = gradients_at(inspection, [x, start], place)
    way = (x.double() - start.double()).cpu()
    points, features = 1, slope * way
    if method == INTEGRATED:
        points = _FEWEST
        features = way * _mean_gradient(inspection, (start, x), points, place)
        while points < _MOST and not _near(float(features.sum()), score, baseline_score):
            points *= 2
            features = way * _mean_gradient(inspection, (start, x), points, place)
    return Attribution(
        tokens=inspection.tokens,
        answer=name_of(inspection, place),
        kind=inspection.outcome.kind,
        method=method,
        features=features,
        score=score,
        baseline_score=baseline_score,
        points=points,
    )


def _near(total: float, score: float, baseline_score: float) -> bool:
    wanted = score - baseline_score
    noise = _NOISE * (abs(score) + abs(baseline_score))
    return abs(total - wanted) <= NEAR * abs(wanted) + noise


def _baseline(given: Tensor | None, x: Tensor) -> Tensor:
    if given is None:
        return torch.zeros_like(x)
    if given.shape not in (x.shape, x.shape[1:]):
        raise ShapeError(
            f"a baseline is {tuple(x.shape)} as the input, or {tuple(x.shape[1:])} for every step, "
            f"and {tuple(given.shape)} came"
        )
    return given.detach().to(x).expand_as(x)


def _mean_gradient(
    inspection: Inspection, ends: tuple[Tensor, Tensor], points: int, place: int
) -> Float[Tensor, "T M"]:
    """The mean of the gradient along the straight line between two inputs, float64."""
    start, end = ends
    nodes, weights = np.polynomial.legendre.leggauss(points)
    shares = ((nodes + 1) / 2).tolist()
    path = (torch.lerp(start, end, share) for share in shares)
    found = torch.zeros(start.shape, dtype=torch.float64)
    for (slope, _), weight in zip(
        gradients_at(inspection, path, place), (weights / 2).tolist(), strict=True
    ):
        found += weight * slope
    return found
