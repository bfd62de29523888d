from __future__ import annotations

import functools
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.exported import run_alone, script
from tests.tolerances import assert_equal

import headgate as hg
from headgate.data.clock import Clock, calendar
from headgate.data.examples import Examples
from headgate.errors import StreamError
from headgate.models.distributions import DISTRIBUTIONS, LEVELS
from headgate.models.path_noise import Noise
from headgate.tasks import exporting, forecast_rollout, forecast_stream
from headgate.tasks.forecast import Forecast
from headgate.tasks.forecast_data import Series

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

GOLDEN = Path(__file__).parent / "golden"
NAN, STEPS, HORIZON = float("nan"), 60, 3
SMALL: dict[str, Any] = {"hidden_size": 6, "paths": 30, "horizon": HORIZON, "lags": [1, 4, 6]}
POINT = {"distribution": "point"}
VARIANTS: dict[str, dict[str, Any]] = {
    "dates, a logarithm": {"cell": "lstm", "num_layers": 2, "transform": "log", "context": 40},
    "columns beside the values": {"known": ["promo"], "scaling": "mean", "transform": "asinh"},
    "two values a step": {"scaling": None, "calendar": False},
}
FAMILIES = ("gaussian", "student", "quantiles", "negative_binomial")


def series_of(variant: str) -> list[Series]:
    """Two series with a gap; with dates, further columns, or two values a step."""
    torch.manual_seed(0)
    stamps = ("2024-02-27 00:00", *Clock(seconds=3600).after("2024-02-27 00:00", 70))
    found = []
    for number in range(2):
        t = torch.arange(float(STEPS))
        values = 20 + 5 * torch.sin(2 * math.pi * t / 24 + number) + torch.randn(STEPS)
        values[[7, 30, STEPS - 1 - number]] = NAN
        each = replace(Series.of(values, f"강{number}"), stamps=stamps[:STEPS])
        if "columns" in variant:
            inputs = torch.randn(STEPS + HORIZON, 2)
            inputs[5, 1] = NAN
            columns = (("sold",), ("promo", "heat"), ("shop", "size"))
            labels, dates = ("AB"[number], str(3 + number)), stamps[: STEPS + HORIZON]
            each = replace(each, inputs=inputs, labels=labels, names=columns, stamps=dates)
        elif "two" in variant:
            each = Series.of(torch.stack([values, 2 * values.roll(3)], 1), f"강{number}")
        found.append(each)
    return found


@functools.cache
def foretelling(variant: str, distribution: str = "point") -> Forecast:
    """A forecaster with weights as they may come."""
    given = SMALL | VARIANTS[variant] | {"distribution": distribution}
    if distribution == "negative_binomial":
        given |= {"scaling": "mean", "transform": None}
    series = series_of(variant)
    if distribution == "negative_binomial":
        series = [replace(each, values=each.values.round()) for each in series]
    task = Forecast.learn(Examples(series, kind="forecast"), given)
    for parameter in (task.network.head.weight, task.network.direct.weight):
        torch.nn.init.normal_(parameter, std=0.3)
    task.network.eval()
    return task


def asked(series: Series) -> dict[str, Any]:
    """A series as the script takes it."""
    values, inputs = (
        [[None if math.isnan(value) else value for value in row] for row in given.tolist()]
        for given in (series.values, series.inputs)
    )
    columns = {name: [row[n] for row in inputs] for n, name in enumerate(series.names[1])}
    labels = dict(zip(series.names[2], series.labels, strict=True))
    rest = {"stamps": list(series.stamps), "inputs": columns, "labels": labels}
    return {"series": series.name, "values": values, **rest}


def assert_numbers(found: list[float], wanted: Any) -> None:
    assert_equal(torch.tensor(found), torch.tensor([float(each) for each in wanted]), "printed")


def assert_answers(found: list[Any], wanted: list[Any]) -> None:
    for one, other in zip(found, (each.row() for each in wanted), strict=True):
        assert list(one) == list(other)
        assert (one["series"], one["step"]) == (other["series"], list(other["step"]))
        for name in list(other)[2:]:
            assert_numbers(one[name], other[name])


def model_of(task: Forecast, out: Path, *, stream: bool = False) -> Any:
    exporting.export(task, out, stream=stream, source=None)
    assert exporting.verify(task, out) < exporting.TOLERANCE
    return script("run", out)


class Even(Noise):
    """Uniform numbers that both sides draw alike, in the order in which they are drawn."""

    def __init__(self, seeds: Any, paths: int) -> None:
        self.rows = len(seeds) if isinstance(seeds, list) else 0  # 0 on the script's side
        self.paths, self.chance = paths, np.random.default_rng(4)

    def uniform(self, width: int) -> Any:
        found = self.chance.random((self.paths, width), np.float32).clip(1e-6, 1 - 1e-6)
        if not self.rows:
            return found.astype(np.float64)
        return torch.from_numpy(found).expand(self.rows, -1, -1)


@pytest.fixture
def even(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (forecast_rollout, forecast_stream):
        monkeypatch.setattr(place, "Noise", Even)


def test_a_forecast_alone_lies_as_it_does_here(tmp_path: Path) -> None:
    """Other draws of the same paths: the means differ by what so many paths leave to chance."""
    task = foretelling("dates, a logarithm", "student")
    out = tmp_path / "out"
    exporting.export(task, out, stream=False, source=None)
    series = series_of("dates, a logarithm")
    lines = "".join(json.dumps(asked(each), ensure_ascii=False) + "\n" for each in series)
    paths = task.paths(series)
    for each, drawn, one in zip(series, paths, run_alone(out, text=lines), strict=True):
        assert one["series"] == each.name
        assert one["step"] == Clock(seconds=3600).after(each.stamps[-1], HORIZON)
        deviation = drawn[..., 0].double().std(0)
        off = (torch.tensor(one["mean"]) - drawn[..., 0].mean(0)).abs() / deviation
        assert bool((off < 5 * (2 / task.settings.paths) ** 0.5).all())
        assert one["0.1"] < one["0.5"] < one["0.9"]


def test_a_saved_model_foretells_bare_numbers(tmp_path: Path) -> None:
    task: Any = hg.load(GOLDEN / "forecast").task
    run = model_of(task, tmp_path / "out")
    values = [float(100 + n + 10 * (n % 12)) for n in range(60)]
    model = run.Model()
    [found] = model.predict([model.parse(" ".join(map(str, values)))])
    [wanted] = task.predict([values])
    spread = wanted.quantiles[0.9] - wanted.quantiles[0.1]
    off = (torch.tensor(found["mean"]) - wanted.mean[:, 0]).abs() / spread[:, 0]
    assert float(off.max()) < 5 * (2 / task.settings.paths) ** 0.5
    assert model.parse("1, 2 ?") == [1.0, 2.0, None]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_point_is_foretold_as_here(variant: str, tmp_path: Path) -> None:
    task, series = foretelling(variant), series_of(variant)
    model = model_of(task, tmp_path / "out").Model()
    found = model.predict([asked(each) for each in series])
    assert_answers(found, task.predict(series))
    short = [replace(each, values=each.values[:2]) for each in series]  # fewer than the lags
    if "columns" in variant:
        short = [replace(each, inputs=each.inputs[: 2 + HORIZON]) for each in short]
    assert_answers(model.predict([asked(each) for each in short]), task.predict(short))


@pytest.mark.parametrize("distribution", ["student", "quantiles"])
def test_paths_of_the_same_chance_are_the_same(
    distribution: str, tmp_path: Path, even: None
) -> None:
    task, series = foretelling("two values a step", distribution), series_of("two values a step")
    run = model_of(task, tmp_path / "out")
    run.Noise = Even
    assert_answers(run.Model().predict([asked(each) for each in series]), task.predict(series))


@pytest.mark.parametrize("variant", ["dates, a logarithm", "two values a step"])
def test_a_step_says_what_the_stream_says(variant: str, tmp_path: Path, even: None) -> None:
    task, series = foretelling(variant, "gaussian"), series_of(variant)
    run = model_of(task, tmp_path / "out", stream=True)
    run.Noise = Even
    model, (one, other) = run.Model(), series
    assert_answers(model.predict([asked(each) for each in series]), task.predict(series))
    for before in (other.name, other.values[:30]):
        given = before if isinstance(before, str) else before.tolist()
        values, stamps = asked(one)["values"][:12], one.stamps[:12]
        found = list(model.stream(values, given, stamps))
        stream = task.stream()
        stream.begin(before)
        pairs = zip(one.values[:12], stamps or [None] * 12, strict=True)
        kept = stream.steps([{"values": value, "stamp": stamp} for value, stamp in pairs])
        for each, wanted in zip(found, kept, strict=True):
            row = wanted.row()
            assert each.pop("step") == row["step"][0]
            for name, value in each.items():
                assert_numbers(value, row[name])
    with pytest.raises(ValueError, match="which series goes on"):
        next(model.stream([1.0]))


def test_a_step_has_no_further_columns(tmp_path: Path) -> None:
    task = foretelling("columns beside the values")
    with pytest.raises(StreamError, match="export it without stream"):
        exporting.export(task, tmp_path / "out", stream=True, source=None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("distribution", FAMILIES)
def test_what_is_drawn_follows_the_same_law(distribution: str) -> None:
    laws, family = script("laws"), DISTRIBUTIONS[distribution]
    raw, scale = torch.randn(2, family.size), torch.tensor([3.0, 8.0])
    wide = raw.expand(20_000, -1, -1)
    found = laws.sample(
        distribution, wide.numpy(), laws.Noise(1, 20_000), scale.numpy(), list(LEVELS)
    )
    wanted = family.sample(wide[None], Noise([2], 20_000), scale.expand(1, 20_000, -1))[0]
    levels = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=torch.float64)
    one, other = (torch.as_tensor(each).double().quantile(levels, 0) for each in (found, wanted))
    grid = 1.01 / scale if distribution == "negative_binomial" else 0.0  # a quantile is a count
    assert bool(((one - other).abs() < 0.06 * (other[-1] - other[0]) + grid).all())
    means = [torch.as_tensor(each).double().mean(0) for each in (found, wanted)]
    assert bool(((means[0] - means[1]).abs() < 0.03 * (other[-1] - other[0])).all())


def test_dates_are_those_of_here() -> None:
    dates, kinds = script("dates"), ["hour", "weekday", "year"]
    stamps = ["2020-01-31", "2024/2/28 23:30", "1999.12", "2023-12-31T23:59:59", "2021-06-01 5:00"]
    for stamp in [*stamps, "2020-01-31 10:00+02:00"]:
        for clock in (Clock(months=1), Clock(months=3), Clock(seconds=86_400), Clock(seconds=90)):
            pair = [clock.months, clock.seconds]
            assert dates.after(stamp, pair, 30) == clock.after(stamp, 30)
        found = torch.from_numpy(dates.calendar([stamp], kinds))
        assert_equal(found, calendar([stamp], kinds), "output")


def test_what_cannot_be_foretold_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exporting.export(
        foretelling("columns beside the values"), tmp_path / "out", stream=False, source=None
    )
    run = script("run", tmp_path / "out")
    good = asked(series_of("columns beside the values")[0])
    shorter = {**good["inputs"], "promo": good["inputs"]["promo"][:-1]}
    for wrong, said in (
        ("1 2 x", "could not convert string to float: 'x'"),
        ("? ?", "a series has finite values, one at least"),
        ("{}", "a series has values"),
        (json.dumps({**good, "stamps": []}), "the model reads the dates"),
        (json.dumps({**good, "inputs": {}}), "the model reads 'promo'"),
        (json.dumps({**good, "inputs": shorter}), "'promo' is known ahead: give it for the 3"),
        (json.dumps({**good, "labels": {"size": 3}}), "the model reads 'shop'"),
        (json.dumps({**good, "values": [[1, 2]]}), "1 numbers a step are wanted"),
    ):
        monkeypatch.setattr(sys, "argv", ["run.py", json.dumps(good), wrong])
        with pytest.raises(SystemExit) as ended:
            run.main()
        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith(f"argument 2: {said}")
