"""A window on a gate or state: some steps and units of it, as plain numbers that a page draws."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite, log10
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import DataError
from headgate.inspection.binning import Bins, binned

MOST_CELLS = 40_000  # of a window whose cells have a mean and both bounds
DIGITS = 4


@dataclass(frozen=True, eq=False)
class Window:
    """Steps × units of a gate or state, in bins where there are more than a picture holds.

    Args:
        steps: where the C columns begin, counted from 1, and where the last one ends, [C + 1].
        units: where the R rows begin, counted from 0, and where the last one ends, [R + 1].
        mean: of each cell, [R, C].
        low: the least value of each cell, [R, C].
        high: the greatest, [R, C].
        line: of each column the mean, the least and the greatest value of all units, [3, C].
    """

    steps: tuple[int, ...]
    units: tuple[int, ...]
    mean: Float[Tensor, "R C"]
    low: Float[Tensor, "R C"]
    high: Float[Tensor, "R C"]
    line: Float[Tensor, "_ C"]

    @property
    def whole(self) -> bool:
        """Whether every cell is one value."""
        return len(self.steps) - 1 == self.steps[-1] - self.steps[0] and (
            len(self.units) - 1 == self.units[-1] - self.units[0]
        )

    def plain(self) -> dict[str, Any]:
        """Give it as plain data.

        Returns:
            "steps", "units", "whole", "mean", "line", and where a cell is several values "low" and
            "high"; numbers have four digits of the greatest, and None stands for NaN.
        """
        names = ("mean",) if self.whole else ("mean", "low", "high")
        cells = {name: rounded(getattr(self, name)) for name in names}
        line = dict(zip(("mean", "low", "high"), rounded(self.line), strict=True))
        found = {"steps": list(self.steps), "units": list(self.units), "whole": self.whole}
        return found | cells | {"line": line}


def window(
    values: Float[Tensor, "T N"],
    *,
    steps: tuple[int, int],
    units: tuple[int, int],
    columns: int,
) -> Window:
    """Cut a window out of a gate or state.

    Args:
        values: of T steps and N units.
        steps: the first and the last, counted from 1.
        units: the first and the last, counted from 0.
        columns: the most columns that are wanted, one for each pixel of the picture.

    Returns:
        The window: every value where there are as many columns, and no more than 40,000 cells;
        else bins of steps, and beyond that bins of units.

    Raises:
        DataError: there are no such steps or units.

    Example:
        >>> found = window(torch.eye(4), steps=(2, 3), units=(0, 3), columns=9)
        >>> found.steps, found.units, found.mean.tolist()[1]
        ((2, 3, 4), (0, 1, 2, 3, 4), [1.0, 0.0])
    """
    first, last = _within(steps, 1, len(values), "step")
    low, high = _within(units, 0, values.shape[1] - 1, "unit")
    rows = values[first - 1 : last].T
    columns = max(1, min(columns, MOST_CELLS))
    across = binned(rows[low : high + 1], columns)
    down = _rows(across, MOST_CELLS // len(across.edges[:-1]))
    everyone = across if high - low + 1 == len(rows) else binned(rows, columns)
    return Window(
        tuple((across.edges + first).tolist()),
        tuple((down.edges + low).tolist()),
        down.mean,
        down.low,
        down.high,
        torch.stack([everyone.mean.mean(0), everyone.low.amin(0), everyone.high.amax(0)]),
    )


def _rows(bins: Bins, most: int) -> Bins:
    """Gather units in bins, as steps are."""
    mean, low, high = (binned(each.T, max(most, 1)) for each in bins[:3])
    return Bins(mean.mean.T, low.low.T, high.high.T, mean.edges)


def _within(wanted: tuple[int, int], first: int, last: int, what: str) -> tuple[int, int]:
    low, high = wanted
    if not first <= low <= high <= last:
        raise DataError(
            f"the first and the last {what} lie from {first} to {last} in this order, and {low} "
            f"and {high} came"
        )
    return low, high


def rounded(values: Tensor, digits: int = DIGITS) -> list[Any]:
    """Write numbers with as many digits as a reader can use.

    Args:
        values: of any shape.
        digits: of the greatest; the smaller ones are as exact in absolute terms.

    Returns:
        Nested lists as the tensor is; None for what is not finite.

    Example:
        >>> rounded(torch.tensor([0.123456, -1.0, float("nan")]))
        [0.1235, -1.0, None]
    """
    known = values.detach().to("cpu", torch.float64)
    finite = known.isfinite()
    most = float(known.where(finite, torch.zeros_like(known)).abs().max()) if known.numel() else 0.0
    places = digits - ceil(log10(most)) if most > 0 else digits
    if -300 < places < 300:
        scale = 10.0**places
        known = (known * scale).round() / scale
    return known.tolist() if bool(finite.all()) else _cleared(known.tolist())


def _cleared(value: Any) -> Any:
    if isinstance(value, list):
        return [_cleared(each) for each in value]
    return value if isfinite(value) else None
