"""A forecaster kept running: after each value what the next one may be."""

from __future__ import annotations

import copy
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from headgate.data.clock import calendar
from headgate.data.numerals import Wrong, read_numbers
from headgate.errors import DataError, StreamError
from headgate.models.distributions import DISTRIBUTIONS
from headgate.models.path_noise import Noise
from headgate.streaming import Stream, state
from headgate.tasks.forecast_answer import Outlook
from headgate.tasks.forecast_data import check_finite
from headgate.tasks.forecast_store import (
    FARTHEST,
    Scales,
    features,
    transformed,
    untransformed,
)
from headgate.tasks.kept_stream import KeptStream

if TYPE_CHECKING:
    from headgate.tasks.forecast import Forecast

_PARTED = re.compile(r"[,;\s]+")
_PAST = "past"  # the name of the last values among the states


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
    past had, which stays; the weights are copied.

    Args:
        task: the task with its trained network.
        series: which it is.
        scales: of the series, [1, L].
        rewind: how many steps can be taken back.
        quantize: how the matrices are kept.

    Raises:
        StreamError: the model reads further columns.
    """

    def __init__(
        self,
        task: Forecast,
        series: str,
        scales: Scales,
        *,
        rewind: int,
        quantize: str | None,
    ) -> None:
        if task.field.inputs or task.field.labels:
            raise StreamError(
                "a stream of values has no further columns, and this model reads "
                f"{', '.join([*task.field.inputs, *task.field.labels])}: train one without an "
                "input, or use predict"
            )
        self.task, self.series, self.scales = task, series, scales
        self.network = copy.deepcopy(task.network).eval()
        self.stream = Stream(*self.network.parts, rewind=rewind, quantize=quantize)
        self._before: deque[Memory] = deque(maxlen=rewind)
        self.memory = self._blank()

    def _blank(self) -> Memory:
        assert isinstance(self.task.settings.lags, list)
        shape = (max(self.task.settings.lags), len(self.task.field.targets))
        return Memory(torch.full(shape, float("nan")), torch.ones(shape, dtype=torch.bool), 0)

    @property
    def position(self) -> int:
        """The values read since the beginning."""
        return self.memory.position

    def step(self, token: Any, *, stamp: str | None = None) -> Outlook:
        """Read a value.

        Args:
            token: a number, NaN where it is missing; of several values a step a sequence.
            stamp: of the step, of a model that reads dates.

        Returns:
            What the next value may be.

        Raises:
            DataError: it is no number, or the stamp is wanted.
        """
        values = self._values(token)
        dates = self._dates(stamp)
        if not self.memory.position:
            self._run(self.memory, dates[0])
        z = self.scales.of(transformed(values, self.task.settings.transform)[None])[0]
        self._before.append(self.memory)
        self.memory = self.memory.after(z.clamp(-FARTHEST, FARTHEST))
        return self._said(self._run(self.memory, dates[1]))

    def steps(self, chunk: Sequence[Any], *, stamps: Sequence[str] = ()) -> list[Outlook]:
        """Read several values.

        Args:
            chunk: the values.
            stamps: of their steps, of a model that reads dates.

        Returns:
            What the next value may be after each.
        """
        dates = stamps or [None] * len(chunk)
        return [self.step(each, stamp=date) for each, date in zip(chunk, dates, strict=True)]

    def _values(self, token: Any) -> Tensor:
        try:
            values = torch.as_tensor(token, dtype=torch.float32).reshape(-1)
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(f"a step takes a number, not {token!r:.40}") from error
        if len(values) != len(self.task.field.targets):
            raise DataError(
                f"a step takes {len(self.task.field.targets)} values, not {len(values)}"
            )
        check_finite(values[None])
        return values

    def _dates(self, stamp: str | None) -> tuple[Tensor, Tensor]:
        """Give the place in the calendar of this step and of the next."""
        field = self.task.field
        if not field.calendar:
            return torch.zeros(0), torch.zeros(0)
        clock = field.beats
        following = clock.after(stamp, 1) if stamp is not None and clock is not None else []
        if stamp is None or not following:
            raise DataError(
                f"the model reads the date of each step: give it (stamp), not {stamp!r}"
            )
        found = calendar([stamp, *following], field.calendar)
        return found[0], found[1]

    @torch.inference_mode()
    def _run(self, memory: Memory, dates: Tensor) -> Tensor:
        """Run the network for the step after those in memory."""
        field, lags = self.task.field, self.task.settings.lags
        assert isinstance(lags, list)
        places = [len(memory.values) - lag for lag in lags]
        mean, deviation = field.sizes
        several = len(field.series) > 1
        own = [(self.scales.scale[0].log() - mean) / deviation] if several else []
        x = features(
            memory.values[places].nan_to_num(), memory.missing[places], torch.cat([dates, *own])
        )
        return self.network.said(self.stream.step(x), x)

    def _said(self, raw: Tensor) -> Outlook:
        settings = self.task.settings
        family = DISTRIBUTIONS[settings.distribution]
        paths = settings.paths if family.draws else 1
        scale = self.scales.scale[:, None].expand(-1, paths, -1)
        spread = raw[None, None].expand(-1, paths, -1, -1)
        z = family.sample(spread, Noise([self.position], paths), scale)
        z = z.clamp(-FARTHEST, FARTHEST)
        found = untransformed(self.scales.back(z), settings.transform)[0]
        step, names = str(self.position + 1), self.task.field.targets
        return replace(Outlook.of(self.series, [step], found[:, None], names), raw=raw)

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
        inner = state.from_bytes(self.stream.state)
        past = torch.cat([self.memory.values, self.memory.missing.float()])
        own = {_PAST: past.flatten()[None], "scales": torch.cat([*self.scales_now()])[None]}
        positions = [self.memory.position]
        return state.to_bytes(replace(inner, positions=positions, states={**inner.states, **own}))

    @state.setter
    def state(self, data: bytes) -> None:
        found = state.from_bytes(data)
        states = dict(found.states)
        past, scales = states.pop(_PAST, None), states.pop("scales", None)
        blank = self._blank()
        if past is None or scales is None or past.numel() != 2 * blank.values.numel():
            raise StreamError("the state is of another network: it goes on where it came from")
        steps = found.positions[0] + (found.positions[0] > 0)
        self.stream.state = state.to_bytes(replace(found, positions=[steps], states=states))
        values, missing = past.view(2, *blank.values.shape)
        self.memory = Memory(values.clone(), missing.bool(), found.positions[0])
        centre, scale = scales.view(2, 1, -1)
        self.scales = Scales(centre.clone(), scale.clone())
        self._before.clear()

    def scales_now(self) -> tuple[Tensor, Tensor]:
        """Give what brings the series to size.

        Returns:
            The centre and the scale, [L] each.
        """
        return self.scales.centre[0], self.scales.scale[0]

    def rewind(self, steps: int = 1) -> None:
        """Take back the last values.

        Args:
            steps: how many.

        Raises:
            StreamError: so many are not kept.
        """
        if not 0 <= steps <= len(self._before):
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
