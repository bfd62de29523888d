"""A gradient through time, drawn: as bars in a terminal, and as lines; in powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from headgate.inspection.binning import binned
from headgate.inspection.drawing import (
    QUALITATIVE,
    columns_of,
    laid_out,
    pad,
    strip,
    strips,
    table,
)
from headgate.inspection.view import graphs

if TYPE_CHECKING:
    from headgate.inspection.gradients import Gradients

_DEEPEST = 12  # powers of ten below the greatest norm that bars show
_BARS = 9


def as_text(view: Gradients, *, width: int | None = None, colour: bool = False) -> str:
    """Draw bars by distance for each state, a table and sentences.

    Args:
        view: the gradients.
        width: columns of the terminal; its present width where None.
        colour: whether 256 colours may be used.

    Returns:
        Lines without a newline at the end.
    """
    columns = columns_of(width)
    head = f"L is {view.loss} of {view.answer}"
    parts = [wrap(head, columns)]
    parts.append(_curves(view, columns, colour=colour))
    parts += [table(*_table(view)), _radii(view)]
    parts.append([f"‖∂L/∂input‖ by step, █ {float(view.inputs.max()):.1e}"])
    logs, low, high = log_scale(view.inputs)
    drawn = strips(view.tokens, {"": logs}, low=low, high=high, width=columns, colour=colour)
    parts[-1] += drawn
    parts.append(wrap(" ".join(sentences(view)), columns))
    return "\n\n".join("\n".join(each) for each in parts)


def _name(view: Gradients, state: str, side: int) -> str:
    return f"{view.passes[side]} {state}"


def _curves(view: Gradients, columns: int, *, colour: bool) -> list[str]:
    """One line of bars a state, all on one scale."""
    curves = {_name(view, *line): view.curve(*line) for line in view.lines()}
    _, low, high = log_scale(torch.cat(list(curves.values())))
    # what is below the scale in all of them would leave no room for the rest
    seen = max(_shown(curve, low) for curve in curves.values())
    curves = {name: curve[:seen] for name, curve in curves.items()}
    margin = max(map(len, curves)) + 1
    room = max(columns - margin, 1)
    longest = max(map(len, curves.values()))
    size = -(-longest // room)
    each = "a step back from it" if size == 1 else f"up to {size} steps, further back"
    scale = f"█ {10**high:.0e} down to ▁ {10 ** (low + (high - low) / (_BARS - 1)):.0e}"
    lines = wrap(f"‖∂L/∂state‖, the answer on the left, each column {each}; {scale}", columns)
    for name, curve in curves.items():
        cells = max(1, round(min(room, longest) * len(curve) / longest))
        bars = strip(binned(log_scale(curve)[0], cells).mean, low=low, high=high, colour=colour)
        lines.append(pad(name, margin) + bars.rstrip())
    return lines


def _shown(curve: Tensor, low: float) -> int:
    """How many distances there are up to the last that is on the scale."""
    on = (curve.log10() > low).nonzero()
    return int(on[-1]) + 1 if len(on) else 1


def log_scale(values: Tensor) -> tuple[Tensor, float, float]:
    """Turn norms to powers of ten, with the bounds that a drawing has.

    Args:
        values: 0 or more.

    Returns:
        The logarithms; the lower bound, twelve powers below the greatest at most, and that.
    """
    logs = values.log10().clamp(-400, 400)
    some = logs[values > 0]
    high = float(some.max()) if len(some) else 0.0
    low = max(high - _DEEPEST, float(some.min()) if len(some) else -1.0)
    # the least that is not zero has a bar of its own
    return logs, low - max(high - low, 1.0) / (_BARS - 2), high


def _table(view: Gradients) -> tuple[list[list[str]], list[str]]:
    rows = []
    for state, side in view.lines():
        curve = view.curve(state, side)
        share = float(view.relative(state, side)[-1])
        ends = [f"{float(curve[0]):.1e}", f"{float(curve[-1]):.1e}", f"{share:.1e}"]
        distances = [view.vanishes(state, side), view.explodes(state, side)]
        rows.append([_name(view, state, side), *ends, *map(_distance, distances)])
    head = ["state", "at answer", "at start", "ratio", "< 1/1000 from", "> 1000 at"]
    return rows, head


def _distance(steps: int | None) -> str:
    return "–" if steps is None else f"{steps} back"


def sentences(view: Gradients) -> list[str]:
    """Say what is seen: where it vanishes and explodes, and what clipping does.

    Args:
        view: the gradients.

    Returns:
        Sentences with this input's numbers.
    """
    return [*_through_time(view), _clipping(view)]


def _through_time(view: Gradients) -> list[str]:
    found = []
    for state, side in view.lines():
        name, gone = _name(view, state, side), view.vanishes(state, side)
        large = view.explodes(state, side)
        if gone is not None:
            found.append(
                f"In {name} it vanishes: from {gone} steps back on it is under a thousandth of "
                "what it is at the answer."
            )
        if large is not None:
            found.append(
                f"In {name} it explodes: {large} steps back it is over a thousand times what it "
                "is at the answer."
            )
    longest = max(len(view.curve(*line)) for line in view.lines()) - 1
    return found or [f"Over {longest} steps it neither vanishes nor explodes."]


def _radii(view: Gradients) -> list[str]:
    """A table: the recurrent matrices of each pass, and one step as a whole."""
    steps = view.step_radii.tolist()
    rows = [
        [name, *(f"{radius:.2f}" for radius in radii.values()), f"{step:.2f}"]
        for name, radii, step in zip(view.passes, view.weight_radii, steps, strict=True)
    ]
    return table(rows, ["spectral radius", *view.weight_radii[0], f"step {view.step + 1}, whole"])


def _clipping(view: Gradients) -> str:
    norm, factor = view.parameters, view.clip_factor
    if not math.isfinite(norm):
        return "The gradient in all parameters is not finite."
    does = "would leave it as it is" if factor == 1.0 else f"would multiply it by {factor:.2g}"
    return f"In all parameters together its norm is {norm:.3g}; clipping at {view.clip:g} {does}."


def figure(view: Gradients) -> Any:
    """Draw lines over distance on a scale of powers of ten, and the input's gradient by step.

    Args:
        view: the gradients.

    Returns:
        A ``plotly.graph_objects.Figure``.
    """
    plotly = graphs()
    drawn = plotly.Figure()
    for number, (state, side) in enumerate(view.lines()):
        look = {"color": QUALITATIVE[number % len(QUALITATIVE)]}
        look["dash"] = ("solid", "dash", "dot", "dashdot")[side % 4]
        add_line(drawn, _name(view, state, side), view.curve(state, side), look)
    bins = binned(view.inputs)
    names = [view.tokens[first] for first in bins.edges[:-1].tolist()]
    drawn.add_bar(
        x=(bins.edges[:-1] + 1).tolist(),
        y=bins.mean.tolist(),
        customdata=names,
        hovertemplate="%{customdata} %{y:.2e}",
        name="input",
        xaxis="x2",
        yaxis="y2",
        marker={"color": QUALITATIVE[0]},
        showlegend=False,
    )
    drawn.update_layout(
        xaxis={"title": "steps back from the answer", "anchor": "y"},
        yaxis={"title": "‖∂L/∂state‖", "type": "log", "exponentformat": "power"}
        | {"domain": [0.45, 1.0]},
        xaxis2={"title": "step of the input", "anchor": "y2"},
        yaxis2={"title": "‖∂L/∂input‖", "domain": [0.0, 0.3], "exponentformat": "power"},
    )
    title = f"{view.title}: L is {view.loss} of {escape(view.answer)}"
    return laid_out(drawn, title=title, height=640)


def add_line(drawn: Any, name: str, curve: Tensor, look: dict[str, str]) -> None:
    """Add a line over distance; where steps are gathered, the band of its least and greatest.

    Args:
        drawn: the figure.
        name: of the line.
        curve: a value of each distance from 0; what is not above 0 is left out.
        look: of the line, as plotly has it.
    """
    bins = binned(curve)
    at = bins.edges[:-1].tolist()
    if len(curve) > len(at):
        for bound, fill in ((bins.low, None), (bins.high, "tonexty")):
            band = {"width": 0, "color": look["color"]}
            drawn.add_scatter(
                x=at, y=_above_zero(bound.tolist()), line=band, fill=fill, opacity=0.3,
                mode="lines", name=name, legendgroup=name, showlegend=False, hoverinfo="skip",
            )  # fmt: skip
    values = _above_zero(bins.mean.tolist())
    drawn.add_scatter(x=at, y=values, mode="lines", name=name, legendgroup=name, line=look)


def _above_zero(values: Sequence[float]) -> list[float | None]:
    """A scale of powers of ten has no place for zero."""
    return [value if value > 0 else None for value in values]
