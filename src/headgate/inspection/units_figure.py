"""The figure of a unit that follows a pattern: its value over tokens, the matches shaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headgate.inspection.binning import binned
from headgate.inspection.drawing import QUALITATIVE, laid_out, tick
from headgate.inspection.matches import EVERYWHERE
from headgate.inspection.view import graphs

if TYPE_CHECKING:
    from headgate.inspection.units import Units

_FADED = "rgba(230, 159, 0, 0.3)"
_MOST = 20_000  # points of a line, which takes less than a map
_AT_FIRST = 240  # tokens that are seen at first: matches are short beside a text


def figure(view: Units) -> Any:
    """Draw the figure.

    Args:
        view: the units.

    Returns:
        A ``plotly.graph_objects.Figure``: the best unit's value, of very many tokens the mean of
        bins and their least and greatest; the tokens inside a match shaded, or every second match
        where all tokens are inside one. At first it shows the beginning; a slider moves on.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    go = graphs()
    bins = binned(view.best.values[0].float(), _MOST)
    starts = bins.edges[:-1] + 1
    few = len(starts) == len(view.tokens)
    drawn = go.Figure()
    drawn.add_trace(_shade(go, view, starts.numpy()))
    if not few:
        for bound in (bins.low, bins.high):
            line = {"color": QUALITATIVE[0], "width": 0.5}
            drawn.add_trace(
                go.Scatter(x=starts.numpy(), y=bound.numpy(), line=line, showlegend=False)
            )
    drawn.add_trace(
        go.Scatter(
            x=starts.numpy(),
            y=bins.mean.numpy(),
            text=[tick(token) for token in view.tokens] if few else None,
            hovertemplate="token %{x}  %{text}<br>%{y:.3f}<extra></extra>" if few else None,
            line={"color": QUALITATIVE[0], "width": 1.5},
            name=view.best.name(0),
        )
    )
    laid_out(drawn, title=f"{view.best.name(0)} over the held-out text", height=420)
    drawn.update_layout(
        xaxis={
            "title": {"text": "token"},
            "range": [0, min(len(view.tokens), _AT_FIRST) + 1],
            "rangeslider": {"visible": True, "thickness": 0.1},
        },
        yaxis={"title": {"text": "value"}},
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
    )
    return drawn


def _shade(go: Any, view: Units, x: Any) -> Any:
    number = view.matches.number
    every = bool(view.matches.inside.float().mean() >= EVERYWHERE)
    shown = (number >= 0) & (number % 2 == 0) if every else number >= 0
    return go.Scatter(
        x=x,
        y=binned(shown.float(), _MOST).mean.numpy(),
        yaxis="y2",
        fill="tozeroy",
        fillcolor=_FADED,
        line={"width": 0, "shape": "hvh"},
        hoverinfo="skip",
        name="every second match" if every else "inside a match",
    )
