"""How far back an answer depends on the input, measured: one step at a time is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError
from headgate.inspection.agreement import change as how_far
from headgate.inspection.drawing import QUALITATIVE, bar, columns_of, laid_out, table
from headgate.inspection.gradients import name_of, origins
from headgate.inspection.labels import clip, display_width, visible
from headgate.inspection.side_by_side import changed, gradients_at
from headgate.inspection.trace import LOG_PROBABILITIES, Inspection
from headgate.inspection.view import Labels, View, graphs

SHARE = 0.01  # of total variation, or of the greatest change of numbers: what counts as a change
_PER_DOUBLING = 4  # distances that are measured beyond the near ones
_ROWS = 24


@dataclass(frozen=True, eq=False)
class Memory(View):
    """What one answer does when one step of the input is another.

    Args:
        tokens: the names of the K steps that were changed.
        answer: the name of the answer.
        kind: of the answers, as an outcome has it.
        steps: the steps that were changed, from 0, [K].
        distances: how far each lies before the answer; below 0 it comes after it.
        change: the change of the answer, [K, R] for R replacements: the total variation distance
            of two distributions, or the greatest difference of numbers.
        score_change: the absolute change of the answer's score, in nats or as numbers, [K, R].
        gradient: what the gradient makes of ``score_change``: the mean over the replacements of
            the absolute product of ∂score/∂xₜ and the change of xₜ, [K].
        zeros: whether, for lack of another step, zeros stood for replacements.
    """

    title = "Memory"

    tokens: tuple[str, ...]
    answer: str
    kind: str
    steps: Int[Tensor, "K"]
    distances: Int[Tensor, "K"]
    change: Float[Tensor, "K R"]
    score_change: Float[Tensor, "K R"]
    gradient: Float[Tensor, "K"]
    zeros: bool

    @property
    def threshold(self) -> float:
        """The mean change from which on a step counts."""
        return SHARE * (1.0 if self.kind == LOG_PROBABILITIES else float(self.change.mean(1).max()))

    @property
    def reach(self) -> int | None:
        """The greatest measured distance whose mean change is above the threshold; None if none."""
        return self._reach(self.distances)

    @property
    def reach_ahead(self) -> int | None:
        """The same for steps after the answer's own, which a model in both directions sees."""
        found = self._reach(-self.distances)
        return found if found else None

    def _reach(self, distances: Tensor) -> int | None:
        some = distances[(self.change.mean(1) > self.threshold) & (distances >= 0)]
        return int(some.max()) if len(some) else None

    def arrays(self) -> Mapping[str, Tensor]:
        """Give what was changed, and what came of it."""
        return {
            "step": self.steps,
            "distance": self.distances,
            "change": self.change,
            "score_change": self.score_change,
            "gradient": self.gradient,
        }

    def labels(self) -> Labels:
        """Give the names of the changed steps and of the answer."""
        return {"tokens": self.tokens, "answer": (self.answer,)}

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Draw a table by distance, then say how far back the answer depends on the input."""
        columns = columns_of(width)
        by = "zeros" if self.zeros else "other steps of the same input"
        head = (
            f"How much {self.answer} changes when one step is replaced by {by}, "
            f"mean of {self.change.shape[1]}; {_UNIT[self.kind]}"
        )
        parts = [wrap(head, columns), self._table(columns), wrap(self._said(), columns)]
        return "\n\n".join("\n".join(part) for part in parts)

    def _table(self, columns: int) -> list[str]:
        means, scores = self.change.mean(1), self.score_change.mean(1)
        most = 1.0 if self.kind == LOG_PROBABILITIES else float(means.max()) or 1.0
        rows = []
        for k in _shown(len(self.steps)):
            numbers = [f"{float(each[k]):.3g}" for each in (means, scores, self.gradient)]
            token = clip(visible(self.tokens[k]), 12)
            rows.append([str(int(self.distances[k])), token, *numbers])
        unit = "nats" if self.kind == LOG_PROBABILITIES else "|Δ|"
        lines = table(rows, ["back", "step", "change", f"{unit}, measured", "by gradient"])
        room = columns - max(map(display_width, lines)) - 2
        if room < 4:
            return lines
        wide = max(map(display_width, lines)) + 2
        shares = [float(means[k]) / most for k in _shown(len(self.steps))]
        drawn = [
            line + " " * (wide - display_width(line)) + bar(share, min(room, 24))
            for line, share in zip(lines[1:], shares, strict=True)
        ]
        return [lines[0], *(line.rstrip() for line in drawn)]

    def _said(self) -> str:
        means = self.change.mean(1)
        limit = "1 % of total variation"
        if self.kind != LOG_PROBABILITIES:
            limit = f"1 % of its greatest change ({self.threshold:.2g})"
        if self.reach is None and self.reach_ahead is None:
            return f"No single step that was changed moves the answer by more than {limit}."
        found = []
        if self.reach == int(self.distances.max()):
            found.append(
                f"The answer depends on the input from its beginning, {self.reach} steps back."
            )
        elif self.reach is not None:
            found.append(
                f"The answer depends on steps as far as {self.reach} back: farther back none that "
                f"was changed moves it by more than {limit}."
            )
        if self.reach_ahead is not None:
            found.append(f"It depends on steps up to {self.reach_ahead} after its own, too.")
        top = int(means.argmax())
        measured, guessed = float(self.score_change[top].mean()), float(self.gradient[top])
        back = int(self.distances[top])
        step = f"the step {back} back" if back else "its own step"
        found.append(
            f"It depends most on {step}: its score moves by {measured:.3g}, and the gradient "
            f"guesses {guessed:.3g}."
        )
        return " ".join(found)

    def figure(self) -> Any:
        """Draw the change over distance, and below it the score's beside the gradient's guess."""
        drawn = graphs().Figure()
        order = self.distances.argsort()
        at = self.distances[order].tolist()
        blue, red = QUALITATIVE[:2]
        change = self.change[order]
        _band(drawn, at, change, blue)
        lines = (
            ("change", change.mean(1), blue, "y"),
            ("score, measured", self.score_change[order].mean(1), blue, "y2"),
            ("score, by the gradient", self.gradient[order], red, "y2"),
        )
        for name, values, look, axis in lines:
            drawn.add_scatter(
                x=at, y=values.tolist(), name=name, line={"color": look},
                mode="lines+markers", yaxis=axis, text=[self.tokens[k] for k in order.tolist()],
            )  # fmt: skip
        drawn.update_layout(
            xaxis={"title": "steps back from the answer", "anchor": "y2"},
            yaxis={"title": _UNIT[self.kind], "domain": [0.55, 1.0], "rangemode": "tozero"},
            yaxis2={"title": "|Δ score|", "domain": [0.0, 0.45], "rangemode": "tozero"},
        )
        return laid_out(drawn, title=f"{self.title}: {escape(self.answer)}", height=560)


_UNIT = {LOG_PROBABILITIES: "total variation", "numbers": "greatest difference"}


def _band(drawn: Any, at: list[int], values: Tensor, colour: str) -> None:
    """The least and the greatest of the replacements."""
    for bound, fill in ((values.amin(1), None), (values.amax(1), "tonexty")):
        drawn.add_scatter(
            x=at, y=bound.tolist(), mode="lines", line={"width": 0, "color": colour},
            fill=fill, opacity=0.3, showlegend=False, hoverinfo="skip",
        )  # fmt: skip


def _shown(count: int) -> list[int]:
    """The rows of a table: all, or the near ones and some of the others."""
    if count <= _ROWS:
        return list(range(count))
    near = _ROWS // 2
    far = torch.linspace(near, count - 1, _ROWS - near).round().int().tolist()
    return [*range(near), *far]


def memory(
    inspection: Inspection,
    *,
    place: int | None = None,
    samples: int = 4,
    seed: int = 0,
    most: int = 64,
) -> Memory:
    """Measure how far back an answer depends on the input.

    One step of the input is replaced by others of the same input that differ from it, drawn with
    a seed, and the model is run again; where all steps are alike, by zeros.

    Args:
        inspection: of a model or of layers.
        place: the number of the answer, from 0, or counted from the end below 0; the last where
            None.
        samples: replacements of each step.
        seed: of the draws.
        most: up to which distance every step is changed; beyond it distances grow by a fifth.

    Returns:
        The view.

    Raises:
        DataError: samples or ``most`` is below 1.
    """
    if samples < 1 or most < 1:
        raise DataError(f"samples and most are 1 or more, not {samples} and {most}")
    place = inspection.place_of(place)
    origin, steps = max(origins(inspection, place)), len(inspection.inputs)
    distances = [
        *_spaced(origin, most),
        *(-far for far in _spaced(steps - 1 - origin, most) if far),
    ]
    chosen = torch.tensor([origin - far for far in distances])
    others = _others(inspection.inputs, chosen, samples, seed)
    [(slope, _)] = gradients_at(inspection, [inspection.inputs], place)
    moved = (others - inspection.inputs[chosen][:, None]).double().cpu()
    change, score = _changes(inspection, chosen, others, place)
    return Memory(
        tokens=tuple(inspection.tokens[step] for step in chosen.tolist()),
        answer=name_of(inspection, place),
        kind=inspection.outcome.kind,
        steps=chosen,
        distances=torch.tensor(distances),
        change=change,
        score_change=score,
        gradient=(moved * slope[chosen][:, None]).sum(2).abs().mean(1),
        zeros=_alike(inspection.inputs),
    )


def _spaced(last: int, most: int) -> list[int]:
    """The distances 0 to ``last``: all up to ``most``, then some at equal ratios, and the last."""
    found = list(range(min(last, most) + 1))
    while found[-1] < last:
        found.append(min(last, max(found[-1] + 1, round(found[-1] * 2 ** (1 / _PER_DOUBLING)))))
    return found


def _alike(inputs: Tensor) -> bool:
    return bool((inputs == inputs[:1]).all())


def _others(inputs: Tensor, chosen: Tensor, samples: int, seed: int) -> Float[Tensor, "K R M"]:
    """For each chosen step others that differ from it; zeros where there is none."""
    if _alike(inputs):
        return inputs.new_zeros(len(chosen), samples, inputs.shape[1])
    chance = torch.Generator().manual_seed(seed)
    kinds = torch.unique(inputs, dim=0, return_inverse=True)[1].cpu()
    drawn = []
    for step in chosen.tolist():
        known = (kinds != kinds[step]).nonzero()[:, 0]
        drawn.append(known[torch.randint(len(known), (samples,), generator=chance)])
    return inputs[torch.stack(drawn).to(inputs.device)]


def _changes(
    inspection: Inspection, chosen: Tensor, others: Tensor, place: int
) -> tuple[Float[Tensor, "K R"], Float[Tensor, "K R"]]:
    """How the answer at a place changes, and its score, for each step and replacement."""
    base = inspection.answer[place].double()
    said = inspection.scores(inspection.answer[None].double(), place)
    changes, scores = list[Tensor](), list[Tensor]()
    samples = others.shape[1]
    for answers in changed(inspection, chosen.repeat_interleave(samples), others.flatten(0, 1)):
        there = answers[:, place].double().cpu()
        changes.append(how_far(base, there, inspection.outcome.kind))
        scores.append((inspection.scores(answers.double().cpu(), place) - said).abs())
    shape = (len(chosen), samples)
    return torch.cat(changes).view(shape), torch.cat(scores).view(shape)
