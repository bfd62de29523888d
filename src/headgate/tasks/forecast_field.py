"""Series to numbers that a network takes: what was learned of their columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from headgate.data.clock import Clock, calendar, calendar_kinds, clock_of
from headgate.data.columns import shown
from headgate.errors import DataError, UnknownNameError
from headgate.tasks.forecast_data import Series
from headgate.tasks.forecast_settings import ForecastSettings

_LEAST = 1e-6


@dataclass
class SeriesField:
    """What was learned of the columns of series.

    Args:
        targets: the names of what is foretold.
        inputs: of the further columns of numbers.
        known: of these the ones that are known ahead.
        centres: the mean of each input.
        spreads: the deviation of each input.
        labels: of the columns that say one thing of a whole series.
        kinds: for each of these the texts that have an embedding; empty where it is a number.
        numbers: for each of these the mean and the deviation, of a number.
        calendar: what is read off the dates.
        clock: the distance of steps, in months and seconds; None where there is none.
        sizes: the mean and the deviation of the logarithm of a series' scale.
        series: the names of the series that were learned from.
        levels: for each of these the centre and the scale of each value at its end.
    """

    targets: list[str]
    inputs: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    centres: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    kinds: list[list[str]] = field(default_factory=list)
    numbers: list[list[float]] = field(default_factory=list)
    calendar: list[str] = field(default_factory=list)
    clock: list[int] | None = None
    sizes: list[float] = field(default_factory=lambda: [0.0, 1.0])
    series: list[str] = field(default_factory=list)
    levels: list[list[list[float]]] = field(default_factory=list)

    @classmethod
    def learn(cls, train: Sequence[Series], settings: ForecastSettings) -> SeriesField:
        """Learn from the spans of the training part.

        Args:
            train: the series.
            settings: without an "auto".

        Returns:
            The field.

        Raises:
            DataError: the series have different columns.
            UnknownNameError: what should be known ahead is no column of the input.
        """
        names = train[0].names
        for each in train:
            if each.names != names:
                raise DataError(f"the series {shown(each.name)} has other columns than the first")
        for name in settings.known:
            if name not in names[1]:
                raise UnknownNameError("column known ahead", name, [*names[1], "none"])
        clock, longest = clock_of(train[0].stamps), max(len(each) for each in train)
        seen = torch.cat([each.inputs[each.start : each.end] for each in train]).double()
        columns = [[each.labels[i] for each in train] for i in range(len(names[2]))]
        read = [_numbers(column) for column in columns]
        return cls(
            list(names[0]),
            list(names[1]),
            [name for name in names[1] if name in settings.known],
            seen.nanmean(0).nan_to_num().tolist(),
            [max(_deviation(column), _LEAST) for column in seen.T],
            list(names[2]),
            [
                [] if found else sorted(set(column))
                for found, column in zip(read, columns, strict=True)
            ],
            [_moments(found) for found in read],
            calendar_kinds(clock, longest) if settings.calendar else [],
            None if clock is None else [clock.months, clock.seconds],
            series=[each.name for each in train],
        )

    @property
    def beats(self) -> Clock | None:
        """The distance of steps."""
        return None if self.clock is None else Clock(*self.clock)

    @property
    def categories(self) -> list[int]:
        """For each embedding how many texts it has, the unknown one among them."""
        return [len(kinds) + 1 for kinds in self.kinds if kinds]

    @property
    def past(self) -> list[str]:
        """The inputs that are known only once their step is over."""
        return [name for name in self.inputs if name not in self.known]

    @property
    def beside(self) -> int:
        """How many features a step has beside lagged values: of inputs, dates and sizes."""
        own = sum(not kinds for kinds in self.kinds)
        inputs = 2 * len(self.inputs) + bool(self.past)
        return inputs + 2 * len(self.calendar) + own + len(self.targets) * (len(self.series) > 1)

    def check(self, series: Series) -> None:
        """Refuse a series of other columns.

        Args:
            series: one that is to be read.

        Raises:
            DataError: it has others; the message has both.
        """
        if series.values.shape[1] != len(self.targets):
            raise DataError(
                f"{len(self.targets)} values a step are wanted ({', '.join(self.targets)}), not "
                f"{series.values.shape[1]}"
            )
        for wanted, came in ((self.inputs, series.names[1]), (self.labels, series.names[2])):
            if list(came) != wanted:
                missing = [name for name in wanted if name not in came] or wanted
                raise DataError(
                    f"the model was trained with the columns {', '.join(wanted) or 'none'} beside "
                    f"the target, and {', '.join(came) or 'none'} came: "
                    f"{'add ' + ', '.join(missing) if wanted else 'leave them out'}"
                )
        check_stamps = self.calendar and not series.stamps
        if check_stamps:
            raise DataError(
                "the model reads the dates of the steps, and there is no column of dates: add it"
            )

    def inputs_of(self, series: Series, steps: int) -> tuple[Tensor, Tensor]:
        """Give the inputs of a series as numbers about 0, and where each is missing.

        Args:
            series: the series.
            steps: how many; those after its rows are missing.

        Returns:
            Of the inputs known ahead, and of the others, [steps, 2 · M] each.
        """
        given = series.inputs.new_full((steps, len(self.inputs)), float("nan"))
        rows = series.inputs[:steps]
        given[: len(rows)] = rows
        scaled = (given - torch.tensor(self.centres)) / torch.tensor(self.spreads)
        both = []
        for names in (self.known, self.past):
            chosen = scaled[:, [self.inputs.index(name) for name in names]]
            both.append(torch.cat([chosen.nan_to_num(), chosen.isnan().float()], 1))
        return both[0], both[1]

    def calendar_of(self, series: Series, steps: int) -> Tensor:
        """Give where each step stands in its day, week and year.

        Args:
            series: the series.
            steps: how many; the dates after its rows are reckoned.

        Returns:
            Points on circles, [steps, 2 · kinds].
        """
        stamps = self.stamps_of(series, steps) if self.calendar else []
        return calendar(stamps, self.calendar) if stamps else torch.zeros(steps, 0)

    def stamps_of(self, series: Series, steps: int) -> list[str]:
        """Give the stamps of steps, also of those that are to come.

        Args:
            series: the series.
            steps: how many.

        Returns:
            The stamps; none where there are none, or nobody knows how they go on.
        """
        stamps = list(series.stamps[:steps])
        if len(stamps) < steps and stamps and self.beats is not None:
            stamps += self.beats.after(stamps[-1], steps - len(stamps))
        return stamps if len(stamps) == steps else []

    def labels_of(self, series: Series) -> tuple[list[int], list[float]]:
        """Give the labels of a series: ids of those with an embedding, and numbers.

        Args:
            series: the series.

        Returns:
            The ids, of which 0 is for what is unknown; and the numbers.

        Raises:
            DataError: a number was wanted.
        """
        ids, numbers = [], []
        for name, text, kinds, moments in zip(
            self.labels, series.labels, self.kinds, self.numbers, strict=True
        ):
            if kinds:
                ids.append(kinds.index(text) + 1 if text in kinds else 0)
                continue
            found = _numbers([text])
            if found is None:
                raise DataError(f"a number was wanted for {name!r}, as in training: {shown(text)}")
            numbers.append((found[0] - moments[0]) / moments[1])
        return ids, numbers

    def to_json(self) -> str:
        """Write the field.

        Returns:
            JSON.
        """
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> SeriesField:
        """Read what ``to_json`` wrote.

        Args:
            text: JSON.

        Returns:
            The field.
        """
        given: dict[str, Any] = json.loads(text)
        return cls(**given)


def _numbers(texts: Sequence[str]) -> list[float] | None:
    try:
        return [float(text) for text in texts]
    except ValueError:
        return None


def _moments(found: list[float] | None) -> list[float]:
    if found is None:
        return []
    values = torch.tensor(found, dtype=torch.float64)
    return [float(values.mean()), max(_deviation(values), _LEAST)]


def _deviation(values: Tensor) -> float:
    known = values[~values.isnan()]
    return float(known.std(correction=0)) if len(known) else 0.0
