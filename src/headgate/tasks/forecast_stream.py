"""A forecaster kept running: after each value what the next one may be."""

from __future__ import annotations

import copy
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, SupportsIndex

import torch
from torch import Tensor

from headgate.data.clock import calendar
from headgate.data.numerals import Wrong, read_numbers
from headgate.errors import DataError, StreamError, UnknownNameError
from headgate.models.distributions import DISTRIBUTIONS
from headgate.models.path_noise import Noise
from headgate.streaming import Stream, state
from headgate.tasks.forecast_answer import Outlook
from headgate.tasks.forecast_data import Series
from headgate.tasks.forecast_store import (
    FARTHEST,
    Scales,
    features,
    transformed,
    untransformed,
)
from headgate.tasks.kept_stream import KeptStream
from headgate.tasks.stream_tokens import listed, numbers, shown

if TYPE_CHECKING:
    from headgate.tasks.forecast import Forecast

_PARTED = re.compile(r"[,;\s]+")
_PAST, _SCALES = "past", "scales"  # the names of what is no state of the layers
_UNNAMED = "1"  # the name of a series of which values came


@dataclass(frozen=True)
class Memory:
    """What a stream keeps beside the states of the layers.

    Args:
        values: the last scaled values, one for each step of the longest lag, NaN before the first.
        missing: which of them were not known, so that the one before stands there.
        position: the values read.
    """

    values: Tensor
    missing: Tensor
    position: int

    def after(self, z: Tensor) -> Memory:
        """Read a value.

        Args:
            z: scaled, [L], NaN where it is missing.

        Returns:
            What is kept then.
        """
        gone = z.isnan()
        last = torch.where(gone, self.values[-1], z)
        return Memory(
            torch.cat([self.values[1:], last[None]]),
            torch.cat([self.missing[1:], gone[None]]),
            self.position + 1,
        )


class ForecastStream(KeptStream):
    """A forecaster over one series: it reads a value, and says what the next may be.

    It equals the reading of the whole series. The series is brought to size by the scale that its
    past had, which stays; the weights are copied. A model of one series has begun with it.

    Args:
        task: the task with its trained network.
        rewind: how many steps can be taken back.
        quantize: how the matrices are kept.

    Attributes:
        series: which it is; None before it has begun.
        scales: of the series, [1, L]; None before it has begun.

    Raises:
        StreamError: the model reads further columns.
    """

    def __init__(self, task: Forecast, *, rewind: int, quantize: str | None) -> None:
        if task.field.inputs or task.field.labels:
            raise StreamError(
                "a stream of values has no further columns, and this model reads "
                f"{', '.join([*task.field.inputs, *task.field.labels])}: train one without an "
                "input, or use predict"
            )
        self.task = task
        self.series: str | None = None
        self.scales: Scales | None = None
        self.network = copy.deepcopy(task.network).eval()
        self.stream = Stream(*self.network.parts, rewind=rewind, quantize=quantize)
        self._before: deque[Memory] = deque(maxlen=rewind)
        self.memory = self._coming = self._blank()
        self._x = torch.zeros(0)
        if len(task.field.series) == 1:
            self.begin(task.field.series[0])

    def begin(self, source: Any) -> None:
        """Begin a series.

        Args:
            source: the name of one that was learned from, or values before the first one, [T] or
                [T, L]: by them the scale is set.

        Raises:
            UnknownNameError: no series has this name.
            DataError: they are no values. In both cases the stream is as it was.
        """
        field = self.task.field
        if isinstance(source, str):
            if source not in field.series:
                raise UnknownNameError("series", source, field.series[:20])
            centre, scale = field.levels[field.series.index(source)]
            self.series, self.scales = source, Scales(torch.tensor([centre]), torch.tensor([scale]))
        else:
            values = numbers(source, "the name of a series, or values before its first one")
            self.series, self.scales = _UNNAMED, self.task.scales_of(self._past(values))
        self.reset()

    def _past(self, values: Tensor) -> Series:
        width = len(self.task.field.targets)
        if not values.numel() or values.isnan().all():
            raise DataError(
                "there is no value to go on from: give some before the first, or a name"
            )
        past = Series.of(values, _UNNAMED)
        if past.values.shape[1] != width:
            raise DataError(f"a step has {width} values, not {past.values.shape[1]}")
        return past

    def _begun(self) -> Scales:
        if self.scales is None:
            raise StreamError(
                f"which series goes on? Give its name, one of {len(self.task.field.series)}, or "
                "values before it: model.stream(source), or stream.begin(…)"
            )
        return self.scales

    def _blank(self) -> Memory:
        assert isinstance(self.task.settings.lags, list)
        shape = (max(self.task.settings.lags), len(self.task.field.targets))
        return Memory(torch.full(shape, float("nan")), torch.ones(shape, dtype=torch.bool), 0)

    @property
    def position(self) -> int:
        """The values read since the beginning."""
        return self.memory.position

    def given(self, token: Any) -> Tensor:
        """Turn a value to what the network reads.

        Args:
            token: a number, NaN or None where it is missing; of several values a step a sequence
                of them. Of a model that reads dates {"values": …, "stamp": …}: such, and the date
                of the step.

        Returns:
            Features, [M].

        Raises:
            DataError: it is no number, or the stamp is wanted.
            StreamError: it is not said yet which series it is.
        """
        self._begun()
        return self._described(*self._taken(token))

    @torch.inference_mode()
    def _described(self, values: Tensor, dates: tuple[Tensor, Tensor]) -> Tensor:
        if not self.memory.position:  # the first value is foretold, too; begun anew if not taken
            self.stream.reset()
            self.stream.step(self._features(self.memory, dates[0]))
        z = self._begun().of(transformed(values, self.task.settings.transform)[None])[0]
        self._coming = self.memory.after(z.clamp(-FARTHEST, FARTHEST))
        self._x = self._features(self._coming, dates[1])
        return self._x

    @torch.inference_mode()
    def said(self, out: Tensor) -> Outlook:
        """Give what the next value may be."""
        self._before.append(self.memory)
        self.memory = self._coming
        # memory of its own: a product of torch may have other bits where its rows begin elsewhere
        return self._outlook(self.network.said(out.clone(), self._x))

    def steps(self, chunk: Any) -> list[Outlook]:
        """Read several values.

        Args:
            chunk: the values, each as a step takes it.

        Returns:
            What the next value may be after each.

        Raises:
            DataError: one of them is no value; no step was taken.
            StreamError: it is not said yet which series it is.
        """
        self._begun()
        taken = [self._taken(token) for token in listed(chunk, "values, one a step")]
        return [self.said(self.stream.step(self._described(*each))) for each in taken]

    def _taken(self, token: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Give the values of a step, and where it and the next stand in the calendar."""
        width = len(self.task.field.targets)
        wanted = f"{width} finite numbers a step" if width > 1 else "a finite number a step"
        stamp = None
        if isinstance(token, Mapping):
            if not {"values"} <= token.keys() <= {"values", "stamp"}:
                raise DataError(f'wanted: {{"values": …, "stamp": …}}; {shown(token)} came')
            token, stamp = token["values"], token.get("stamp")
        values = numbers(token, wanted).reshape(-1)
        if len(values) != width or values.isinf().any():
            raise DataError(f"wanted: {wanted}, None where it is missing; {shown(token)} came")
        return values, self._dates(stamp)

    def _dates(self, stamp: Any) -> tuple[Tensor, Tensor]:
        field, following = self.task.field, list[str]()
        if not field.calendar:
            return torch.zeros(0), torch.zeros(0)
        if isinstance(stamp, str) and field.beats is not None:
            with suppress(ValueError, OverflowError):  # the last day of the year 9999 has no next
                following = field.beats.after(stamp, 1)
        if not following:
            raise DataError(
                "the model reads the date of each step: give it as "
                f'{{"values": …, "stamp": "2024-02-27 01:00"}}, not {shown(stamp)}'
            )
        found = calendar([stamp, *following], field.calendar)
        return found[0], found[1]

    def _features(self, memory: Memory, dates: Tensor) -> Tensor:
        """Give what the network reads at the step after those in memory."""
        field, lags = self.task.field, self.task.settings.lags
        assert isinstance(lags, list)
        places = [len(memory.values) - lag for lag in lags]
        mean, deviation = field.sizes
        several = len(field.series) > 1
        own = [(self._begun().scale[0].log() - mean) / deviation] if several else []
        return features(
            memory.values[places].nan_to_num(), memory.missing[places], torch.cat([dates, *own])
        )

    def _outlook(self, raw: Tensor) -> Outlook:
        settings, scales = self.task.settings, self._begun()
        family = DISTRIBUTIONS[settings.distribution]
        paths = settings.paths if family.draws else 1
        scale = scales.scale[:, None].expand(-1, paths, -1)
        spread = raw[None, None].expand(-1, paths, -1, -1)
        z = family.sample(spread, Noise([self.position], paths), scale)
        z = z.clamp(-FARTHEST, FARTHEST)
        found = untransformed(scales.back(z), settings.transform)[0]
        step, names = str(self.position + 1), self.task.field.targets
        return replace(Outlook.of(self.series or _UNNAMED, [step], found[:, None], names), raw=raw)

    def answer(self, line: str) -> Iterator[str]:
        """Read the numbers of a line; an empty one begins anew.

        Args:
            line: values, with blanks or commas between; "?" where one is missing.

        Yields:
            The median of the next value, and its 0.1 and 0.9 quantile.

        Raises:
            DataError: there is something else in it.
        """
        if not line.strip():
            self.reset()
            return
        found = read_numbers(_PARTED.split(line.strip(" \t\r\n,;")))
        if isinstance(found, Wrong):
            raise DataError(found.why)
        rows = found.view(-1, len(self.task.field.targets))
        said = self.steps(list(rows))[-1]
        columns = (said.median, said.quantiles[0.1], said.quantiles[0.9])
        yield "\t".join(f"{value:.6g}" for each in columns for value in each[0].tolist())

    @property
    def state(self) -> bytes:
        """The state, which this model alone takes back."""
        stream = self.stream
        if not self.memory.position:  # given may have begun a step that is not taken yet
            stream = stream.fork()
            stream.reset()
        inner = state.from_bytes(stream.state)
        past = torch.cat([self.memory.values, self.memory.missing.float()])
        own = {_PAST: past.flatten()[None], _SCALES: torch.cat([*self.scales_now()])[None]}
        positions = [self.memory.position]
        return state.to_bytes(replace(inner, positions=positions, states={**inner.states, **own}))

    @state.setter
    def state(self, data: bytes) -> None:
        found = state.from_bytes(data)
        blank, positions = self._blank(), found.positions
        wanted = {_PAST: 2 * blank.values.numel(), _SCALES: 2 * len(self.task.field.targets)}
        came = {name: found.states.get(name, blank.values[:0]) for name in wanted}
        fits = all(came[n].shape == (1, size) for n, size in wanted.items())
        if not fits or any(value.dtype != blank.values.dtype for value in came.values()):
            raise StreamError("the state is of another network: it goes on where it came from")
        if not (len(positions) == 1 and state.is_position(positions[0])):
            raise StreamError("the state says no number of values that were read: it was made up")
        inner = {name: value for name, value in found.states.items() if name not in wanted}
        steps = positions[0] + (positions[0] > 0)
        self.stream.state = state.to_bytes(replace(found, positions=[steps], states=inner))
        (past, scales), [position] = came.values(), positions
        values, missing = past.view(2, *blank.values.shape)
        self.memory = Memory(values.clone(), missing.bool(), position)
        centre, scale = scales.view(2, 1, -1)
        begun = not scales.isnan().any()
        self.scales = Scales(centre.clone(), scale.clone()) if begun else None
        self.series = self.series if begun else None
        self._before.clear()

    def scales_now(self) -> tuple[Tensor, Tensor]:
        """Give what brings the series to size.

        Returns:
            The centre and the scale, [L] each; NaN before it has begun.
        """
        if self.scales is None:
            nothing = torch.full((len(self.task.field.targets),), float("nan"))
            return nothing, nothing
        return self.scales.centre[0], self.scales.scale[0]

    def rewind(self, steps: int = 1) -> None:
        """Take back the last values.

        Args:
            steps: how many.

        Raises:
            StreamError: so many are not kept.
        """
        whole = isinstance(steps, SupportsIndex) and not isinstance(steps, bool)
        if not whole or not 0 <= steps <= len(self._before):
            raise StreamError(f"{len(self._before)} steps can be taken back, not {steps!r}")
        for _ in range(steps):
            self.memory = self._before.pop()
        if not self.memory.position:
            self.stream.reset()
        else:
            self.stream.rewind(steps)

    def reset(self) -> None:
        """Begin anew, at the same scale."""
        self.stream.reset()
        self._before.clear()
        self.memory = self._blank()

    def fork(self) -> ForecastStream:
        """Give a stream that goes on from here by itself.

        Returns:
            The other stream.
        """
        found = object.__new__(ForecastStream)
        vars(found).update(vars(self))
        found.stream = self.stream.fork()
        found._before = deque(self._before, maxlen=self._before.maxlen)
        return found

    def __repr__(self) -> str:
        return f"<ForecastStream of {self.series} at {self.position}>"
