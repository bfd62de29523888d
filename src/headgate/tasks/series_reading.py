"""A series: steps of several channels of numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from headgate.data.columns import Table
from headgate.data.frames import Frames
from headgate.data.series import is_series, series_of
from headgate.errors import DataError, StreamError
from headgate.export.parts import Input
from headgate.layers.checks import check_positive, check_probability
from headgate.models.embedding import FrameEmbedding
from headgate.streaming import Stream
from headgate.tasks.frame_stream import FrameStream
from headgate.tasks.reading import ExportedReading, Reading, limits_for
from headgate.training import Plan

_RESAMPLED = 64  # steps of the features by which series are compared
_STEPS = 1600  # of a training that nobody limits
_LEAST_SCALE = 1e-6
_SHOWN = 4  # channels of a sample on the screen


@dataclass
class SeriesSettings:
    """How series are read.

    Args:
        differences: whether each channel's change since the step before stands beside it.
        stride: steps that are read as one, side by side.
        input_dropout: of the features of a step.
        longest: steps of a series that are read, after ``stride``; the rest is cut off.
    """

    differences: bool = True
    stride: int = 1
    input_dropout: float = 0.2
    longest: int = 4096

    def __post_init__(self) -> None:
        check_positive(stride=self.stride, longest=self.longest)
        check_probability(input_dropout=self.input_dropout)


class SeriesReading(Reading):
    """Series, each channel at zero mean and unit variance over the training part.

    A missing value stands as the channel's mean, and where training had some, a channel more says
    which were missing.

    Args:
        settings: how they are read.
        means: of each channel, [C].
        scales: its standard deviation, [C].
        gaps: whether values were missing in training.
    """

    kind: ClassVar[str] = "series"
    summary: ClassVar[str] = "a series"
    made_of: ClassVar[type] = SeriesSettings

    def __init__(
        self, settings: SeriesSettings, means: Tensor, scales: Tensor, *, gaps: bool
    ) -> None:
        self.settings, self.means, self.scales, self.gaps = settings, means, scales, gaps
        self._width = len(means) * (1 + settings.differences + gaps) * settings.stride
        self.embedding = FrameEmbedding(self._width, dropout=settings.input_dropout)

    @classmethod
    def reads(cls, table: Table, input: str) -> bool:
        """Take cells that are series, and columns of numbers that make one."""
        return is_series(table, input)

    @classmethod
    def read(cls, table: Table, input: str) -> Sequence[Tensor]:
        """Take the series; refuse one without steps, or with other channels than the first."""
        found = series_of(table, input)
        for row, series in enumerate(found):
            if series.ndim != 2 or series.shape[1] != found[0].shape[1]:
                shape, wanted = tuple(series.shape), found[0].shape[1]
                raise table.error(f"{wanted} channels were wanted, as before: {shape}", row=row)
            if not len(series) or series.isnan().all():
                raise table.error("the series has no value: take the row out", row=row)
        return found

    @classmethod
    def learn(
        cls, inputs: Sequence[Tensor], settings: SeriesSettings, base: Any = None
    ) -> SeriesReading:
        """Learn each channel's mean and scale; a base keeps its own."""
        if base is not None:
            return cls(settings, base.means, base.scales, gaps=base.gaps)
        whole = torch.cat(list(inputs)).double()
        known = ~whole.isnan()
        count = known.sum(0).clamp(min=1)
        means = whole.nan_to_num(0).sum(0) / count
        scales = ((whole - means).nan_to_num(0).square().sum(0) / count).sqrt()
        scales = torch.where(scales > _LEAST_SCALE * means.abs(), scales, torch.ones(()))
        return cls(settings, means.float(), scales.float(), gaps=not bool(known.all()))

    @classmethod
    def restore(cls, settings: SeriesSettings, files: dict[str, str]) -> SeriesReading:
        """Rebuild what was saved."""
        kept = json.loads(files["series.json"])
        means, scales = torch.tensor(kept["means"]), torch.tensor(kept["scales"])
        return cls(settings, means, scales, gaps=kept["gaps"])

    def files(self) -> dict[str, str]:
        """Give the channels' means and scales as a file."""
        kept = {"means": self.means.tolist(), "scales": self.scales.tolist(), "gaps": self.gaps}
        return {"series.json": json.dumps(kept)}

    def notes(self) -> list[str]:
        """Say how many channels there are."""
        count = len(self.means)
        gaps = ", values missing" if self.gaps else ""
        return [f"series of {count} channel{'s' * (count > 1)}{gaps}"]

    def encode(self, series: Tensor) -> Tensor:
        """Turn a series to what the network reads.

        Args:
            series: [T, C], NaN where a value is missing.

        Returns:
            Features, [T / stride, M].

        Raises:
            DataError: it has other channels than in training.
        """
        if series.ndim != 2 or series.shape[1] != len(self.means):
            came, wanted = tuple(series.shape), len(self.means)
            raise DataError(f"a series [T, {wanted}] was wanted, as in training: {came} came")
        missing = series.isnan()
        scaled = ((series - self.means) / self.scales).masked_fill(missing, 0.0)
        parts = [scaled]
        if self.settings.differences:
            known = ~(missing | missing.roll(1, 0))[1:]
            parts.append(functional.pad(scaled.diff(dim=0) * known, (0, 0, 1, 0)))
        if self.gaps:
            parts.append(missing.to(scaled.dtype))
        return self._strided(torch.cat(parts, 1))

    def _strided(self, features: Tensor) -> Tensor:
        stride = self.settings.stride
        short = -len(features) % stride
        whole = functional.pad(features, (0, 0, 0, short))
        return whole.reshape(-1, stride * features.shape[1])[: self.settings.longest]

    def encode_rows(self, inputs: Sequence[Any]) -> Frames:
        """Turn series to what the network reads."""
        return Frames.of([self.encode(as_series(each)) for each in inputs])

    def features(self, inputs: Sequence[Any]) -> Tensor:
        """Describe each series by its scaled values, resampled to as many steps, [B, D]."""
        found = []
        for each in inputs:
            scaled = ((as_series(each) - self.means) / self.scales).nan_to_num(0.0)
            found.append(
                functional.interpolate(scaled.T[None], _RESAMPLED, mode="linear").flatten()
            )
        return torch.stack(found)

    def limits(self, lengths: Sequence[int]) -> Plan:
        """Give some thousand steps, in 6 to 200 passes; few rows can judge no earlier end."""
        found = limits_for(len(lengths), steps=_STEPS, passes=(6, 200))
        return replace(found, patience=found.epochs)

    def shown(self, input: Any) -> str:
        """Give a series in few words."""
        first = ", ".join(f"{value:.3g}" for value in input[0].tolist()[:_SHOWN])
        return f"{len(input)} steps from {first}{', …' * (len(input[0]) > _SHOWN)}"

    def exported(self) -> ExportedReading:
        """Give how series are read elsewhere."""
        settings = self.settings
        names = ("differences", "stride", "longest")
        facts = {name: getattr(settings, name) for name in names}
        given = Input("x", ("B", "T", self._width))
        alone = not settings.differences and settings.stride == 1
        return ExportedReading(given, facts, ("frames.py",), streams=alone)

    def cut(self, inputs: Sequence[Any]) -> list[str]:
        """Say how many series are longer than what is read."""
        limit = self.settings.longest * self.settings.stride
        longer = sum(len(each) > limit for each in inputs)
        return [f"{longer} series are read to their step {limit}"] if longer else []

    def stream(self, stream: Stream, answers: Callable[[Tensor], list[Any]]) -> FrameStream:
        """Keep a network running over steps, each read by itself."""
        if self.settings.differences or self.settings.stride > 1:
            raise StreamError(
                "this model reads several steps of a series together: train it with "
                "differences=false and stride=1 to run it step by step"
            )
        return FrameStream(stream, lambda step: self.encode(as_series(step)), answers)


def as_series(given: Any) -> Tensor:
    """Take what stands for a series in Python.

    Args:
        given: a tensor or an array, [T, C] or [T], or lists of numbers.

    Returns:
        The series, float32 [T, C].

    Raises:
        DataError: it is no series of numbers.
    """
    try:
        series = torch.as_tensor(given, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"a series of numbers was wanted, and {given!r:.60} came") from error
    if series.isinf().any():
        raise DataError(f"a series has finite values, and step {_first_inf(series)} is infinite")
    return series[:, None] if series.ndim == 1 else series


def _first_inf(series: Tensor) -> int:
    return int(series.reshape(len(series), -1).isinf().any(1).nonzero()[0]) + 1
