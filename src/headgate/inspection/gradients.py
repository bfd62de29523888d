"""How the gradient of an answer's score goes back through time: where it vanishes or explodes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headgate.inspection import gradients_drawing
from headgate.inspection.labels import clip as shortened
from headgate.inspection.labels import visible
from headgate.inspection.passes import passes_of
from headgate.inspection.spectra import spectral_radius, step_jacobian, weight_radii
from headgate.inspection.stepwise import gradients_of, run_stepwise
from headgate.inspection.trace import LOG_PROBABILITIES, Inspection
from headgate.inspection.view import Labels, View

VANISHED, EXPLODED = 1e-3, 1e3  # shares of the norm at the answer


@dataclass(frozen=True, eq=False)
class Gradients(View):
    """The gradient of L, which is minus the score of one answer, in all that comes before it.

    Args:
        tokens: the names of the T steps.
        passes: the names of the D layers and directions.
        reverse: which of the passes go from the last step to the first.
        answer: the name of the answer.
        loss: what L is, in words.
        origins: the step of each pass from which the answer is read, and distances are counted.
        norms: for each state the norm of the gradient in it after each step, float64 [D, T].
        inputs: the norm of the gradient in the input at each step, float64 [T].
        weight_radii: for each pass the spectral radius of each square recurrent block.
        step: the step in the middle of the input, from 0.
        step_radii: the spectral radius of one step's Jacobian in all states, at ``step``, [D].
        parameters: the norm of the gradient in all parameters that follow the input, together.
        clip: the norm that training clips at.
    """

    title = "Gradient through time"

    tokens: tuple[str, ...]
    passes: tuple[str, ...]
    reverse: tuple[bool, ...]
    answer: str
    loss: str
    origins: tuple[int, ...]
    norms: Mapping[str, Float[Tensor, "D T"]]
    inputs: Float[Tensor, "T"]
    weight_radii: tuple[Mapping[str, float], ...]
    step: int
    step_radii: Float[Tensor, "D"]
    parameters: float
    clip: float

    @property
    def clip_factor(self) -> float:
        """What clipping would multiply the gradient of L with, as ``clip_grad_norm_`` does."""
        return min(1.0, self.clip / (self.parameters + 1e-6))

    def curve(self, state: str, side: int) -> Tensor:
        """Give the norms of a state's gradient by distance from the answer.

        Args:
            state: its name.
            side: the number of a pass.

        Returns:
            The norm 0, 1, … steps back from the answer, as the pass goes, float64.
        """
        norms, origin = self.norms[state][side], self.origins[side]
        return norms[origin:] if self.reverse[side] else norms[: origin + 1].flip(0)

    def relative(self, state: str, side: int) -> Tensor:
        """Give the norms by distance as shares of the one at the answer.

        A state that the answer's own step does not read counts from the next step back.

        Args:
            state: its name.
            side: the number of a pass.

        Returns:
            The shares; zeros where there is no gradient at all.
        """
        curve = self.curve(state, side)
        some = curve[curve > 0]
        return curve / some[0] if len(some) else curve

    def vanishes(self, state: str, side: int) -> int | None:
        """Say how many steps back the gradient falls under a thousandth and stays; else None."""
        small = self.relative(state, side) < VANISHED
        left = (~small).nonzero()
        first = int(left[-1]) + 1 if len(left) else 0
        return first if first < len(small) and len(left) else None

    def explodes(self, state: str, side: int) -> int | None:
        """Say how many steps back the gradient is first over a thousand times as large, or None."""
        large = (self.relative(state, side) > EXPLODED).nonzero()
        return int(large[0]) if len(large) else None

    def lines(self) -> Iterator[tuple[str, int]]:
        """Go through all states of all passes.

        Yields:
            The state's name and the pass's number.
        """
        yield from ((state, side) for side in range(len(self.passes)) for state in self.norms)

    def arrays(self) -> Mapping[str, Tensor]:
        """Give the norms, ratios, distances and radii; a distance that is none is NaN."""
        found: dict[str, Tensor] = {}
        sides = range(len(self.passes))
        for state, norms in self.norms.items():
            found[f"norm.{state}"] = norms
            found[f"ratio.{state}"] = torch.stack([self.relative(state, s)[-1] for s in sides])
            found[f"vanishes.{state}"] = _numbers([self.vanishes(state, s) for s in sides])
            found[f"explodes.{state}"] = _numbers([self.explodes(state, s) for s in sides])
        radii = [list(each.values()) for each in self.weight_radii]
        return found | {
            "norm.input": self.inputs,
            "weight_radius": torch.tensor(radii, dtype=torch.float64),
            "step_radius": self.step_radii,
            "norm.parameters": torch.tensor(self.parameters, dtype=torch.float64),
            "clip_factor": torch.tensor(self.clip_factor, dtype=torch.float64),
        }

    def labels(self) -> Labels:
        """Give the names of steps, passes, states and recurrent blocks."""
        blocks = tuple(self.weight_radii[0])
        named = {"tokens": self.tokens, "passes": self.passes, "states": tuple(self.norms)}
        return named | {"blocks": blocks, "answer": (self.answer,)}

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Draw each state's gradient over distance, then say what is seen."""
        return gradients_drawing.as_text(self, width=width, colour=colour)

    def figure(self) -> Any:
        """Draw each state's gradient over distance with plotly, and that in the input."""
        return gradients_drawing.figure(self)


def _numbers(values: Sequence[int | None]) -> Tensor:
    return torch.tensor([math.nan if v is None else v for v in values], dtype=torch.float64)


def gradients(inspection: Inspection, *, place: int | None = None, clip: float = 1.0) -> Gradients:
    """Show how the gradient of an answer's score goes back through time.

    Args:
        inspection: of a model or of layers.
        place: the number of the answer, from 0, or counted from the end below 0; the last where
            None.
        clip: the norm that training clips the gradient at.

    Returns:
        The view.
    """
    place = inspection.place_of(place)
    x = inspection.inputs[:, None].detach().clone().requires_grad_()
    with torch.enable_grad():
        found = run_stepwise(inspection.layers, x, inspection.start_of(1))
        answers = inspection.outcome.of(found.outputs, found.last, x)
        loss = -inspection.scores(answers, place).sum()
        states, read = gradients_of(found, loss, inspection.layers.program.states, x)
    assert read is not None
    sides = [each.of for each in found.passes]
    step = len(x) // 2
    jacobians = [spectral_radius(step_jacobian(each, step)) for each in found.passes]
    return Gradients(
        tokens=inspection.tokens,
        passes=inspection.passes,
        reverse=tuple(side.reverse for side in sides),
        answer=name_of(inspection, place),
        loss=_loss_of(inspection),
        origins=origins(inspection, place),
        norms={name: _norms(each[:, :, 0]) for name, each in states.items()},
        inputs=_norms(read[:, 0]),
        weight_radii=tuple(weight_radii(side) for side in sides),
        step=step,
        step_radii=torch.tensor(jacobians, dtype=torch.float64),
        parameters=_parameters(inspection, place),
        clip=clip,
    )


def name_of(inspection: Inspection, place: int) -> str:
    """Name an answer, and what was said there if it is a choice.

    Args:
        inspection: of a model or of layers.
        place: the number of the answer, from 0.

    Returns:
        Such as "answer class, good".
    """
    outcome = inspection.outcome
    name = f"answer {shortened(visible(outcome.places[place]), 20)}"
    if outcome.targets is None or not outcome.choices:
        return name
    return f"{name}, {shortened(visible(outcome.choices[int(outcome.targets[place])]), 20)}"


def _loss_of(inspection: Inspection) -> str:
    judged = inspection.outcome.targets is not None
    if judged and inspection.outcome.kind == LOG_PROBABILITIES:
        return "minus the log-probability"
    return "minus the number" if inspection.answer.shape[-1] == 1 else "minus the sum"


def origins(inspection: Inspection, place: int) -> tuple[int, ...]:
    """Say from which step of each pass an answer is read.

    Args:
        inspection: of a model or of layers.
        place: the number of the answer, from 0.

    Returns:
        D steps: that of an aligned answer, else the last that the pass runs.
    """
    last = len(inspection.inputs) - 1
    sides = [side for layer in passes_of(inspection.layers) for side in layer]
    if inspection.outcome.aligned:
        return tuple(min(place, last) for _ in sides)
    return tuple(0 if side.reverse else last for side in sides)


def _norms(values: Float[Tensor, "*rows N"]) -> Float[Tensor, "*rows"]:
    # in float64: the squares of a gradient of 1e-23 are nothing in float32
    return torch.linalg.vector_norm(values.detach(), dim=-1, dtype=torch.float64).cpu()


def _parameters(inspection: Inspection, place: int) -> float:
    """The norm of the gradient in every parameter that the answer follows from."""
    with torch.enable_grad():
        answers = inspection.answers(inspection.inputs[:, None])
        loss = -inspection.scores(answers, place).sum()
        leaves = _leaves(loss)
        got = torch.autograd.grad(loss, leaves) if leaves else ()
    norms = [_norms(each.reshape(1, -1)) for each in got]
    return float(torch.cat(norms).norm()) if norms else 0.0


def _leaves(loss: Tensor) -> list[Tensor]:
    """The parameters at the ends of a graph."""
    left, seen, found = [loss.grad_fn], set[object](), dict[int, Tensor]()
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, nn.Parameter):
            found[id(leaf)] = leaf
        left += [before for before, _ in node.next_functions]
    return list(found.values())
