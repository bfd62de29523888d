"""Where a model looked while it wrote, as a view: source against target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import torch
from torch import Tensor

from headgate.errors import DataError
from headgate.inspection import attention_text
from headgate.inspection.attention import AttentionMap, alignment_line, entropy, strongest
from headgate.inspection.binning import binned
from headgate.inspection.drawing import SEQUENTIAL, columns_of, laid_out, tick
from headgate.inspection.labels import clip, visible
from headgate.inspection.trace import Inspection
from headgate.inspection.view import View, graphs

_MOST_CELLS = 400_000  # of a heat map: more than a screen has room for
_MOST_TICKS = 80
_LABEL = 16
_LONGEST_LINE = 1000


@dataclass(frozen=True, eq=False)
class Attention(View):
    """Where a model looked while it wrote.

    Args:
        map: the weights, L target by S source tokens.
    """

    title = "Attention"

    map: AttentionMap

    def arrays(self) -> Mapping[str, Tensor]:
        """Give what was found.

        Returns:
            "weights", [L, S], "entropy" of each target token in bits, [L], and "strongest", the
            number of the source token that it looked at most, -1 where it looked at none, [L].
        """
        peaks = [-1 if peak is None else peak for peak in strongest(self.map)]
        return {
            "weights": self.map.weights,
            "entropy": entropy(self.map),
            "strongest": torch.tensor(peaks),
        }

    def labels(self) -> Mapping[str, Sequence[str]]:
        """Give the names.

        Returns:
            "source" and "target" tokens.
        """
        return {"source": self.map.source, "target": self.map.target}

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Draw the map, the alignment as one line, and say how wide each token looked."""
        room = columns_of(width)
        line = clip(alignment_line(self.map), _LONGEST_LINE)
        parts = [
            attention_text.as_text(self.map, width=room, colour=colour),
            "\n".join(clip(each, room) for each in wrap(f"Strongest: {line}", room)),
            "\n".join(wrap(self.sentence(), room)),
        ]
        return "\n\n".join(parts)

    def sentence(self) -> str:
        """Say how widely the target tokens looked.

        Returns:
            A sentence.
        """
        if not self.map.target or not self.map.source:
            return "There is nothing that could look or be looked at."
        widths = entropy(self.map)
        narrow, wide = int(widths.argmin()), int(widths.argmax())
        return (
            f"The entropy of a target token is {float(widths.mean()):.2f} bits on average, least "
            f"for {visible(self.map.target[narrow])} ({float(widths[narrow]):.2f}) and greatest "
            f"for {visible(self.map.target[wide])} ({float(widths[wide]):.2f}); of "
            f"{len(self.map.source)} source tokens it is {math.log2(len(self.map.source)):.2f} "
            "at most."
        )

    def figure(self) -> Any:
        """Draw a heat map, source tokens across and target tokens down.

        Returns:
            A ``plotly.graph_objects.Figure``; more than 2,000 columns, or rows beyond what a
            screen shows, are bins with their mean.
        """
        weights = self.map.weights
        if not weights.numel():
            return laid_out(graphs().Figure(), title=self.title)
        across = binned(weights)
        most = max(1, _MOST_CELLS // across.mean.shape[1])
        down = binned(across.mean.T, most)
        source, target = _axis(self.map.source, across.edges), _axis(self.map.target, down.edges)
        found = graphs().Figure(
            graphs().Heatmap(
                z=down.mean.T.float().numpy(),
                colorscale=SEQUENTIAL,
                zmin=0,
                zmax=float(down.mean.max()) or 1.0,
                hovertemplate="source %{x}, target %{y}: %{z:.3f}<extra></extra>",
                colorbar={"title": {"text": "weight"}},
            )
        )
        found.update_xaxes(title_text="source", **source)
        found.update_yaxes(title_text="target", autorange="reversed", **target)
        height = min(900, max(320, 160 + 18 * len(self.map.target)))
        return laid_out(found, title=self.title, height=height)


def _axis(tokens: Sequence[str], edges: Tensor) -> dict[str, Any]:
    """Name the columns at their places; where there are many, every so often."""
    starts: list[int] = edges[:-1].tolist()
    places = range(0, len(starts), -(-len(starts) // _MOST_TICKS))
    names = [tick(tokens[starts[place]], _LABEL) for place in places]
    return {"tickvals": list(places), "ticktext": names}


def attention(inspection: Inspection) -> Attention:
    """Show where a model looked while it wrote.

    Args:
        inspection: of a model with attention.

    Returns:
        The view.

    Raises:
        DataError: the model has no attention.
    """
    if inspection.attention is None:
        raise DataError(
            "the model has no attention: those of translate, chat and caption have, where they "
            "were not trained with attention=none; memory and attribution show of any model what "
            "an answer depends on"
        )
    return Attention(inspection.attention)
