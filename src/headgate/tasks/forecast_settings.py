"""What a forecaster is made of, and its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.errors import HeadgateError, UnknownNameError
from headgate.layers.checks import check_positive, check_probability
from headgate.models.distributions import DISTRIBUTIONS

AUTO = "auto"
SCALINGS = ("auto", "mean", "standard")
TRANSFORMS = ("auto", "log", "asinh")


@dataclass
class ForecastSettings:
    """What a forecaster is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of a layer.
        num_layers: recurrent layers.
        dropout: between layers and before the head.
        embedding_size: features of a label of a series.
        horizon: steps that are foretold; "auto" goes by the dates of the steps, else it is a
            twelfth of the middle length.
        season: steps of a season; "auto" goes by the dates, else by the autocorrelation.
        lags: steps back whose values a step looks at, 1 among them; "auto" is 1, the season and
            one more, and the week of hours.
        context: steps that are read before the first forecast; "auto" is twice the longest lag or
            the horizon, of what there is.
        known: columns of the input that are known ahead, such as holidays.
        distribution: "student", "gaussian", "negative_binomial" of counts, "quantiles", or "point".
        scaling: how each series is brought to one size by its context: "standard" takes its mean
            off and divides by its deviation, "mean" divides by the mean of its absolute values;
            "auto" is "mean" for counts, else "standard"; None leaves it.
        transform: "log" or "asinh" of the values before all else; "auto" takes the logarithm of
            what is always above zero and varies the more the higher it is; None leaves them.
        calendar: whether the hour, the weekday and the time of year are read off the dates.
        stride: steps from one origin to the next where forecasts are judged; "auto" is the
            horizon.
        paths: continuations that are drawn for a forecast.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "gru"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 64
    num_layers: int = 1
    dropout: float = 0.1
    embedding_size: int = 4
    horizon: int | str = AUTO
    season: int | str = AUTO
    lags: list[int] | int | str = AUTO
    context: int | str = AUTO
    known: list[str] | str = field(default_factory=list)
    distribution: str = "student"
    scaling: str | None = AUTO
    transform: str | None = AUTO
    calendar: bool = True
    stride: int | str = AUTO
    paths: int = 200
    program: str | None = None

    def __post_init__(self) -> None:
        check_positive(paths=self.paths, embedding_size=self.embedding_size)
        check_probability(dropout=self.dropout)
        for name in ("horizon", "season", "context", "stride"):
            value = getattr(self, name)
            if isinstance(value, str) and value != AUTO:
                raise UnknownNameError(name, value, [AUTO, "a number of steps"])
            if not isinstance(value, str):
                check_positive(**{name: value})
        self._read_lists()
        if self.distribution not in DISTRIBUTIONS:
            raise UnknownNameError("distribution", self.distribution, DISTRIBUTIONS)
        for name, known in (("scaling", SCALINGS), ("transform", TRANSFORMS)):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise UnknownNameError(name, value, [*known, "None"])
        self._check_counts()

    def _read_lists(self) -> None:
        """Take a list also as one text, with commas, as a command line has it."""
        if isinstance(self.known, str):
            self.known = [name.strip() for name in self.known.split(",") if name.strip()]
        if self.lags == AUTO:
            return
        lags = self.lags.split(",") if isinstance(self.lags, str) else self.lags
        given = list(lags) if isinstance(lags, list) else [lags]
        try:
            found = sorted({int(lag) for lag in given} | {1})
        except ValueError as error:
            raise UnknownNameError("lags", self.lags, [AUTO, "numbers of steps"]) from error
        if found[0] < 1:
            raise HeadgateError(f"a lag is 1 step or more, not {found[0]}")
        self.lags = found

    def _check_counts(self) -> None:
        changed = self.scaling == "standard" or self.transform in ("log", "asinh")
        if self.distribution == "negative_binomial" and changed:
            raise HeadgateError(
                "counts of a negative binomial law are scaled by their mean alone: leave scaling "
                "and transform out"
            )
