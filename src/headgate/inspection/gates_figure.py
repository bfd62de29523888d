"""The figure of gates: steps × units of one of them at a time, and what survives of a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.inspection.binning import MOST_COLUMNS, binned
from headgate.inspection.drawing import (
    DIVERGING,
    QUALITATIVE,
    SEQUENTIAL,
    laid_out,
    tick,
)
from headgate.inspection.view import graphs

if TYPE_CHECKING:
    from headgate.inspection.gates import Gates

MOST_UNITS = 128
_MOST_CELLS = 600_000  # of all the maps of a figure together, four bytes each
_LEAST_COLUMNS = 50
_LEVELS = (0.9, 0.5, 0.1)


def figure(view: Gates) -> Any:
    """Draw the figure.

    Args:
        view: the gates.

    Returns:
        A ``plotly.graph_objects.Figure``: on the left a map, chosen by a menu, of at most 128
        units, those that move most, in bins of steps where there are many; on the right, for
        each state that keeps by a factor, the share that survives.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    go = graphs()
    chosen = [(place, name) for place in range(len(view.layers)) for name in view.values]
    most = _most_columns(view, len(chosen))
    drawn = go.Figure()
    for place, name in chosen:
        drawn.add_trace(_map(go, view, name, place, most))
    owners = [place for place, _ in chosen]
    for place in range(len(view.layers)):
        for trace in _lines(go, view, place):
            drawn.add_trace(trace)
            owners.append(place)
    for number, trace in enumerate(drawn.data):
        trace.visible = _seen(number, 0, chosen, owners)
    _arrange(drawn, view, most)
    drawn.update_layout(updatemenus=[_menu(view, chosen, owners)])
    return drawn


def _seen(number: int, choice: int, chosen: list[tuple[int, str]], owners: list[int]) -> bool:
    """Whether a trace shows: the map that was chosen, and the lines of its layer."""
    return number == choice if number < len(chosen) else owners[number] == chosen[choice][0]


def _most_columns(view: Gates, maps: int) -> int:
    units = min(MOST_UNITS, max(value.shape[2] for value in view.values.values()))
    return max(_LEAST_COLUMNS, min(MOST_COLUMNS, _MOST_CELLS // (units * maps)))


def _map(go: Any, view: Gates, name: str, place: int, most: int) -> Any:
    value = view.values[name][place].T
    units = _moving(value)
    bins = binned(value[units], most)
    gate = name in view.bounded
    peak = 1.0 if gate else float(value.abs().nan_to_num(0.0).max()) or 1.0
    starts, ends = bins.edges[:-1], bins.edges[1:]
    return go.Heatmap(
        z=bins.mean.float().numpy(),
        x=_steps(view) if len(starts) == len(view.tokens) else ((starts + ends + 1) / 2).numpy(),
        y=[f"unit {unit}" for unit in units.tolist()],
        hovertemplate="step %{x}<br>%{y}: %{z:.3f}<extra></extra>",
        zmin=0.0 if gate else -peak,
        zmax=peak,
        colorscale=SEQUENTIAL if gate else DIVERGING,
        colorbar={"x": 0.66, "thickness": 12, "title": {"text": name}},
        name=name,
        xaxis="x",
        yaxis="y",
    )


def _steps(view: Gates) -> list[str]:
    """Names of the steps, each another, as two columns of one name would be drawn as one."""
    names = (tick(token) for token in view.tokens)
    return [f"{step} {name}" for step, name in enumerate(names, 1)]


def _moving(value: Float[Tensor, "N T"]) -> Tensor:
    """The units to draw: those whose value varies most, in their own order."""
    if len(value) <= MOST_UNITS:
        return torch.arange(len(value))
    spread = value.nan_to_num(0.0).var(1, correction=0)
    return spread.topk(MOST_UNITS).indices.sort().values


def _lines(go: Any, view: Gates, place: int) -> list[Any]:
    found = []
    for number, (name, each) in enumerate(view.survival.items()):
        colour = QUALITATIVE[number % len(QUALITATIVE)]
        share = each.share[place].double()
        for level, line in zip(
            torch.quantile(share, torch.tensor(_LEVELS, dtype=torch.float64), dim=1),
            _LEVELS,
            strict=True,
        ):
            found.append(
                go.Scatter(
                    x=each.steps.numpy(),
                    y=level.float().numpy(),
                    mode="lines+markers",
                    name=f"{name}, median" if line == 0.5 else f"{name}, {line:.0%} of units",
                    line={"color": colour, "dash": "solid" if line == 0.5 else "dot"},
                    marker={"size": 4},
                    xaxis="x2",
                    yaxis="y2",
                )
            )
    return found


def _menu(view: Gates, chosen: list[tuple[int, str]], owners: list[int]) -> dict[str, Any]:
    buttons = [
        {
            "label": f"layer {view.layers[place]}: {name}",
            "method": "restyle",
            "args": [{"visible": [_seen(n, choice, chosen, owners) for n in range(len(owners))]}],
        }
        for choice, (place, name) in enumerate(chosen)
    ]
    return {"buttons": buttons, "x": 0.0, "xanchor": "left", "y": 1.12, "yanchor": "top"}


def _arrange(drawn: Any, view: Gates, most: int) -> None:
    steps = len(view.tokens)
    units = max(value.shape[2] for value in view.values.values())
    said = [f"the {MOST_UNITS} of {units} units that move most"] * (units > MOST_UNITS)
    said += [f"means of up to {-(-steps // most)} steps"] * (steps > most)
    title = f"{view.title} ({', '.join(said)})" if said else view.title
    laid_out(drawn, title=title, height=520)
    drawn.update_layout(
        xaxis={"domain": [0.0, 0.64], "title": {"text": "step"}},
        yaxis={"autorange": "reversed", "showticklabels": units <= 24},
        margin={"t": 96},
        legend={"x": 0.79, "y": -0.2, "xanchor": "left", "yanchor": "top"},
    )
    if view.survival:
        drawn.update_layout(
            xaxis2={"domain": [0.8, 1.0], "type": "log", "title": {"text": "steps later"}},
            yaxis2={
                "anchor": "x2",
                "title": {"text": "share that survives"},
                "rangemode": "tozero",
            },
        )
