"""Figures as the JSON of a page, made coarser until all of them have room."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_LEAST = 64  # rows, columns or points below which nothing is made coarser
# in plotly's labels a link would be one, and the page leads nowhere; its JSON may have it escaped
_LINK = re.compile(r"(?:<|\\u003c)(?=(?:/|\\u002f)?\s*a\b)", re.IGNORECASE)
_IN_SCRIPT = {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"}


@dataclass
class Drawn:
    """A figure on its way into a page.

    Args:
        figure: of plotly; it is changed where it has to be coarser.
        text: its JSON; "" where it is left out.
        halved: how often it was made coarser.
    """

    figure: Any
    text: str = ""
    halved: int = 0

    def __post_init__(self) -> None:
        for trace in self.figure.data:
            if _is_map(trace):
                trace.z = np.asarray(trace.z, dtype=np.float32)
        self.write()

    def write(self) -> None:
        """Write the JSON anew; of a figure in which nothing is drawn none."""
        # json, which writes what is no text in UTF-8, too; other engines refuse it
        text = self.figure.to_json(engine="json") if self.figure.data else ""
        text = _LINK.sub("&lt;", text)
        self.text = re.sub("[<>&]", lambda found: _IN_SCRIPT[found[0]], text)

    def shrink(self) -> None:
        """Draw it with half the columns, or leave it out where that would show nothing."""
        halved = [_halve(trace) for trace in self.figure.data]
        if any(halved):
            self.halved += 1
            self.write()
        else:
            self.text = ""

    @property
    def note(self) -> str:
        """A sentence on what the page does not show; "" where it shows all."""
        if not self.text:
            return "The figure is left out of this page, which would be too large with it."
        if not self.halved:
            return ""
        return (
            f"So that the page stays small, {2**self.halved} neighbours of the figure are drawn as "
            "one, with their mean."
        )


def fit(figures: Sequence[Drawn], room: int) -> None:
    """Make the largest figures coarser until all fit.

    Args:
        figures: those of a page.
        room: the bytes that they may take together.
    """
    waiting = [each for each in figures if each.text]
    while waiting and sum(len(each.text) for each in waiting) > room:
        largest = max(waiting, key=lambda each: len(each.text))
        largest.shrink()
        waiting = [each for each in waiting if each.text]


def _is_map(trace: Any) -> bool:
    return trace.type == "heatmap" and trace.z is not None and np.ndim(trace.z) == 2


def _halve(trace: Any) -> bool:
    """Halve the longer side of a map, or the points of a line; say whether that could be."""
    if _is_map(trace):
        return _halve_map(trace)
    if trace.type not in ("scatter", "scattergl") or trace.y is None:
        return False
    if len(trace.y) < 2 * _LEAST:
        return False
    x = np.arange(len(trace.y)) if trace.x is None else np.asarray(trace.x)
    trace.update(x=_paired(x, 0), y=_paired(np.asarray(trace.y), 0))
    _drop_texts(trace)
    return True


def _halve_map(trace: Any) -> bool:
    values = np.asarray(trace.z)
    axis = int(values.shape[1] >= values.shape[0])
    if values.shape[axis] < 2 * _LEAST:
        return False
    name = "x" if axis else "y"
    places = getattr(trace, name)
    places = np.arange(values.shape[axis]) if places is None else np.asarray(places)
    trace.update({"z": _paired(values, axis), name: _paired(places, 0)})
    _drop_texts(trace)
    return True


def _drop_texts(trace: Any) -> None:
    # one for each cell that is no more
    trace.update(text=None, hovertext=None, customdata=None)


def _paired(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean of every two neighbours; of names the first, and of an odd last one itself."""
    first = np.take(values, range(0, values.shape[axis], 2), axis)
    second = np.take(values, range(1, values.shape[axis], 2), axis)
    try:
        left, right = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    except (TypeError, ValueError):
        return first
    if left.shape[axis] > right.shape[axis]:
        right = np.concatenate([right, np.take(left, [-1], axis)], axis)
    return ((left + right) / 2).astype(values.dtype if values.dtype.kind == "f" else np.float64)
