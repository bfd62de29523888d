"""What a column of series holds: how many steps and channels, what is missing, which ranges."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

_CHANNELS = 2  # dimensions of a series of channels: steps, channels
_INFINITE = float("inf")


@dataclass
class SeriesFacts:
    """What the series of a column hold.

    Args:
        least: steps of the shortest.
        median: half of them have at most so many steps.
        most: steps of the longest.
        frame: the shape of a step: one number, the channels, unless a step is a picture.
        values: how many there are in all steps.
        missing: how many of these are missing.
        ranges: for each channel the least and the largest value, or None where all are missing; of
            pictures one range for all.
    """

    least: int
    median: int
    most: int
    frame: list[int]
    values: int
    missing: int
    ranges: list[tuple[float, float] | None]

    @property
    def constant(self) -> list[int]:
        """Channels that are one value in all steps of all series, or missing, counted from 1."""
        ends = enumerate(self.ranges, start=1)
        return [channel for channel, found in ends if found is None or found[0] == found[1]]


class SeriesGatherer:
    """Series on their way by; what is kept does not grow with them."""

    def __init__(self) -> None:
        self.steps: Counter[int] = Counter()
        self.frame: tuple[int, ...] | None = None
        self.values = self.missing = 0
        self.low = self.high = torch.zeros(0)

    def add(self, series: Tensor) -> list[str]:
        """Look at one series.

        Args:
            series: [T, F], or [T, …].

        Returns:
            What is doubtful in it, by name.
        """
        self.steps[len(series)] += 1
        if self.frame is None:
            self.frame = tuple(series.shape[1:])
            width = self.frame[0] if len(self.frame) == 1 else 1
            self.low = torch.full((width,), _INFINITE, dtype=torch.float64)
            self.high = -self.low
        if tuple(series.shape[1:]) != self.frame:
            return ["other channels"]
        flat = series.double()
        flat = flat if series.ndim == _CHANNELS else flat.reshape(-1, 1)
        gone = flat.isnan()
        missing = int(gone.sum())
        self.values += flat.numel()
        self.missing += missing
        if not len(flat):
            return []
        low = flat.masked_fill(gone, _INFINITE).amin(0)
        high = flat.masked_fill(gone, -_INFINITE).amax(0)
        self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        flat_line = len(series) > 1 and bool((low >= high).all())
        return ["missing values"] * bool(missing) + ["no change"] * flat_line

    def facts(self) -> SeriesFacts:
        """Give what was seen.

        Returns:
            The facts.
        """
        lengths = sorted(self.steps.elements())
        ends = zip(self.low.tolist(), self.high.tolist(), strict=True)
        return SeriesFacts(
            least=lengths[0],
            median=lengths[(len(lengths) - 1) // 2],
            most=lengths[-1],
            frame=list(self.frame or ()),
            values=self.values,
            missing=self.missing,
            ranges=[(low, high) if low <= high else None for low, high in ends],
        )
