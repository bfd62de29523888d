"""Series that go on: what their next values may be."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from headgate.data.columns import Table, shown
from headgate.data.examples import Examples
from headgate.data.numerals import Wrong, read_numbers
from headgate.errors import DataError, ShapeError, StreamError, UnknownNameError
from headgate.export.parts import Exported
from headgate.inspection.trace import NUMBERS, Inspection, Outcome
from headgate.layers import Recurrent
from headgate.models.distributions import DISTRIBUTIONS
from headgate.models.forecaster import Forecaster
from headgate.tasks import cells
from headgate.tasks.forecast_answer import Outlook
from headgate.tasks.forecast_auto import resolved
from headgate.tasks.forecast_data import Series, check_finite, cut_by_time, read_series
from headgate.tasks.forecast_export import exported_forecaster
from headgate.tasks.forecast_field import SeriesField
from headgate.tasks.forecast_judge import judge
from headgate.tasks.forecast_learner import ForecastLearner, begin, cut
from headgate.tasks.forecast_rollout import draw, seeds_of
from headgate.tasks.forecast_settings import ForecastSettings
from headgate.tasks.forecast_store import Scales, SeriesStore, features
from headgate.tasks.forecast_stream import ForecastStream
from headgate.tasks.protocol import Evaluation, build_settings, fine_tuned
from headgate.training import Plan

_AT_ONCE = 64
_FIXED = ("horizon", "season", "lags", "known", "distribution", "scaling", "transform", "calendar")
_BYTE = 127


class Forecast:
    """The task.

    Args:
        settings: what the forecaster is made of, without an "auto".
        field: what was learned of the columns.
    """

    name: ClassVar[str] = "forecast"
    summary: ClassVar[str] = "series that go on"
    reads = "forecast"
    made_of: ClassVar[type] = ForecastSettings

    def __init__(self, settings: ForecastSettings, field: SeriesField) -> None:
        assert isinstance(settings.lags, list)
        self.settings, self.field = settings, field
        width = len(field.targets)
        lagged = width * len(settings.lags)
        labels = [(kinds, settings.embedding_size) for kinds in field.categories]
        self.network = Forecaster(
            Recurrent(
                input_size=2 * lagged + field.beside + sum(size for _, size in labels),
                hidden_size=settings.hidden_size,
                **cells.layer_arguments(settings),
            ),
            values=width,
            size=DISTRIBUTIONS[settings.distribution].size,
            lagged=lagged,
            labels=labels,
            dropout=settings.dropout,
        )
        cells.keep(settings, self.network.recurrent)

    @classmethod
    def read(cls, table: Table, input: str | None, target: str | None) -> Examples:
        """Take the series of a table; refuse one that has no value."""
        return read_series(table, input, target)

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Cut each series by time: the test is last, before it the validation."""
        horizon = settings.get("horizon")
        given = horizon if isinstance(horizon, int) else None
        return cut_by_time(examples, valid=valid, test=test, horizon=given)

    @classmethod
    def learn(
        cls, train: Examples, settings: dict[str, Any], base: Forecast | None = None
    ) -> Forecast:
        """Learn the columns, settle what is "auto", and begin at a regression on lagged values."""
        series = train.inputs
        if not len(series):
            raise DataError("a forecaster learns from at least one series, and none came")
        if base is not None:
            chosen = build_settings(
                ForecastSettings, fine_tuned(base.settings, settings, fixed=_FIXED)
            )
            task = cls(chosen, copy.deepcopy(base.field))
            for each in series:
                task.field.check(each)
            return task
        chosen = resolved(build_settings(ForecastSettings, settings), series)
        task = cls(chosen, SeriesField.learn(series, chosen))
        _check_counts(chosen, train)
        begin(task, series)
        task.field.levels = _levels(task, series)
        return task

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Forecast:
        """Rebuild a saved task, with weights still to load."""
        chosen = build_settings(ForecastSettings, dict(settings))
        return cls(chosen, SeriesField.from_json(files["series.json"]))

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: windows enough for a small network, whatever the series are."""
        return Plan(
            epochs=60, batch_size=32, learning_rate=4e-3, average=0.99, patience=15, warmup=50
        )

    def saved_settings(self) -> dict[str, Any]:
        """Give the settings that ``restore`` takes."""
        return asdict(self.settings)

    def files(self) -> dict[str, str]:
        """Give what was learned of the columns as a file."""
        return {"series.json": self.field.to_json()}

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        own = self.settings
        lags = ", ".join(map(str, own.lags if isinstance(own.lags, list) else []))
        season = f"a season of {own.season}" if own.season != 1 else "no season"
        dates = f"; of the dates: {', '.join(self.field.calendar)}" if self.field.calendar else ""
        values = {None: "values as they are", "log": "logarithms", "asinh": "inverse sinh"}
        unknown = [f"{name}, seen up to the origin" for name in self.field.past]
        known = [f"{name}, known ahead" for name in self.field.known]
        return [
            f"{len(self.field.series)} series; {own.horizon} steps ahead, {season}; lags {lags}; "
            f"a context of {own.context}; {values[own.transform]}{dates}",
            *(["beside the values: " + "; ".join([*known, *unknown])] if known or unknown else []),
        ]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> ForecastLearner:
        """Give what the loop trains."""
        return ForecastLearner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:
        """Choose nothing."""

    def check(self, examples: Examples) -> None:
        """Refuse a series with other columns than those learned from."""
        for row, each in enumerate(examples.inputs):
            try:
                self.field.check(each)
                self.field.labels_of(each)
            except DataError as error:
                raise examples.error(str(error), row) from error

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model from one origin after another, beside simple forecasts."""
        return judge(self, examples, train, quantize=quantize)

    def store(self, series: Sequence[Series]) -> SeriesStore:
        """Lay series end to end, as a network takes them.

        Args:
            series: the series.

        Returns:
            The store.
        """
        return SeriesStore(series, self.settings, self.field)

    def paths(self, inputs: Sequence[Any]) -> list[Tensor]:
        """Draw continuations of series.

        Args:
            inputs: as ``predict`` takes them.

        Returns:
            For each [K, T, L].

        Raises:
            DataError: as in ``predict``.
        """
        series = [self._past(each, number) for number, each in enumerate(inputs, 1)]
        network, found = self.network.eval(), []
        for first in range(0, len(series), _AT_ONCE):
            part = series[first : first + _AT_ONCE]
            row = torch.arange(len(part))
            origin = torch.tensor([each.end for each in part])
            store = self.store(part)
            at, seeds = store.origins(row, origin), seeds_of(part, row, origin)
            found += list(draw(network, store, at, paths=self.settings.paths, seeds=seeds))
        return found

    def questions(self, table: Table, input: str | None, target: str | None) -> Sequence[Any]:
        """Take what is asked of the model, one a row."""
        return self.read(table, input, target).inputs

    def predict(self, inputs: Sequence[Any]) -> list[Outlook]:
        """Continue series past their ends.

        Args:
            inputs: series as ``read`` gives them; tensors [T] or [T, L]; or lists of numbers.

        Returns:
            What is foretold of each.

        Raises:
            DataError: a series is of other columns, or empty, or lacks what is known ahead.
        """
        series = [self._past(each, number) for number, each in enumerate(inputs, 1)]
        horizon, answers = int(self.settings.horizon), []
        for each, drawn in zip(series, self.paths(series), strict=True):
            stamps = self.field.stamps_of(each, each.end + horizon)[each.end :]
            steps = stamps or [str(n) for n in range(1, horizon + 1)]
            answers.append(Outlook.of(each.name, steps, drawn, self.field.targets))
        return answers

    def _past(self, input: Any, number: int) -> Series:
        """Take an input as a series whose future is wanted."""
        series = input if isinstance(input, Series) else _bare(input, str(number))
        steps = len(series.values)
        if not steps or bool(series.values.isnan().all()):
            raise DataError(f"the series {shown(series.name)} has no value to go on from")
        check_finite(series.values)
        self.field.check(series)
        horizon = int(self.settings.horizon)
        ahead = series.inputs[steps : steps + horizon]
        for name in self.field.known:
            column = ahead[:, self.field.inputs.index(name)]
            came = int((~column.isnan()).sum())
            if came < horizon:
                raise DataError(
                    f"the series {shown(series.name)} needs {name!r} for the {horizon} steps after "
                    f"its last value, as it is known ahead, and {came} came: add rows with it, and "
                    f"nothing for {', '.join(self.field.targets)}"
                )
        return replace(series, start=steps, stop=None)

    def stream(
        self,
        *,
        rows: int | None = None,
        rewind: int = 0,
        quantize: str | None = None,
    ) -> ForecastStream:
        """Keep the model running over one series.

        Args:
            rows: None: a stream is of one series.
            rewind: how many steps can be taken back.
            quantize: how the matrices are kept.

        Returns:
            The stream, which has read nothing yet; ``begin`` says which series it is of, if the
            model has several.

        Raises:
            StreamError: the model reads further columns, or rows are wanted.
        """
        if rows is not None:
            raise StreamError("a forecaster's stream is of one series: make one for each")
        return ForecastStream(self, rewind=rewind, quantize=quantize)

    def exported(self) -> Exported:
        """Give the forecaster as files."""
        return exported_forecaster(self)

    def scales_of(self, series: Series) -> Scales:
        """Measure a series by its end.

        Args:
            series: the series.

        Returns:
            The scales, [1, L].
        """
        whole = replace(series, start=0, stop=None)
        store = self.store([whole])
        return store.scales(store.origins(torch.tensor([0]), torch.tensor([len(whole.values)])))

    @torch.no_grad()
    def inspect(self, text: Any) -> Inspection:
        """Show the gates at each step of a series.

        Args:
            text: a series, a tensor, a list of numbers, or numbers in a text.

        Returns:
            The inspection; a token is a step's stamp, or its number. The answer after a step is
            the middle of what is expected there, at the scale of the network.
        """
        series = text if isinstance(text, Series) else _bare(text, "1")
        self.field.check(series)
        steps = len(series.values)
        store, scales = self.store([replace(series, start=0)]), self.scales_of(series)
        at = store.origins(torch.tensor([0]), torch.tensor([steps]))
        times = torch.arange(steps)[None]
        x = features(*store.lagged(at, times, scales), store.beside(at, times, scales))
        network = self.network.eval()

        def told(y: Tensor, last: Any, x: Tensor) -> Tensor:
            said = network.said(network.head(network.dropout(y)), x)
            return said[..., 0].transpose(0, 1)

        tokens = series.stamps[:steps] or tuple(str(n) for n in range(1, steps + 1))
        described = network.described(x.transpose(0, 1), store.labels)
        outcome = Outcome(told, NUMBERS, tokens, aligned=True)
        return Inspection(tokens, network.recurrent, described[:, 0], outcome)

    def quantized(self, kind: str) -> Forecaster:
        """Give the network with what its matrices are as bytes.

        Args:
            kind: "int8".

        Returns:
            A copy.

        Raises:
            UnknownNameError: there is no such kind.
        """
        if kind != "int8":
            raise UnknownNameError("quantize", kind, ["int8", "None"])
        found = copy.deepcopy(self.network).eval()
        with torch.no_grad():
            for module in (found.recurrent, found.head):
                for parameter in module.parameters():
                    if parameter.dim() == 2:
                        step = (parameter.abs().amax(1, keepdim=True) / _BYTE).clamp(min=1e-30)
                        parameter.copy_((parameter / step).round() * step)
        return found


def _bare(input: Any, name: str) -> Series:
    if isinstance(input, str):
        found = read_numbers(input.replace(",", " ").split())
        if isinstance(found, Wrong):
            raise DataError(found.why)
        input = found
    try:
        return Series.of(input, name)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, ShapeError):
            raise
        raise DataError(f"a series is numbers, one a step, not {input!r:.40}") from error


def _check_counts(settings: ForecastSettings, train: Examples) -> None:
    if settings.distribution != "negative_binomial":
        return
    for row, each in enumerate(train.inputs):
        values = each.values[~each.values.isnan()]
        if bool(((values < 0) | (values != values.round())).any()):
            raise train.error(
                f"counts are whole numbers, 0 or more, and the series {shown(each.name)} has "
                "others: choose another distribution",
                row,
            )


def _levels(task: Forecast, train: Sequence[Series]) -> list[list[list[float]]]:
    """Give the centre and the scale of each series at the end of training."""
    series = cut(train)
    store = task.store(series)
    origin = torch.tensor([len(each.values) for each in series])
    found = store.scales(store.origins(torch.arange(len(series)), origin))
    pairs = zip(found.centre.tolist(), found.scale.tolist(), strict=True)
    return [list(pair) for pair in pairs]
