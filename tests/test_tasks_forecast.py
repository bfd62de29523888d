"""The task: what it reads, learns, foretells and refuses; made data alone."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import command, write_csv
from tests.tolerances import assert_equal

import headgate as hg
from headgate.data.columns import Table
from headgate.data.sources import read_table
from headgate.errors import DataError, HeadgateError, UnknownNameError
from headgate.models.distributions import DISTRIBUTIONS
from headgate.tasks.forecast import Forecast
from headgate.tasks.forecast_data import Series, read_series
from headgate.training import Plan, fit

SMALL: dict[str, Any] = {"hidden_size": 8, "paths": 20, "horizon": 4}
NAN = float("nan")


def wave(steps: int = 96, *, shift: float = 0.0, season: int = 8) -> torch.Tensor:
    t = torch.arange(steps, dtype=torch.float32)
    return 10 + shift + 3 * torch.sin(2 * math.pi * (t + shift) / season) + 0.1 * torch.randn(steps)


def waves(count: int = 3) -> list[Series]:
    torch.manual_seed(0)
    return [Series.of(wave(shift=2.0 * n), name=f"강{n}") for n in range(count)]


def examples_of(series: list[Series]) -> Any:
    from headgate.data.examples import Examples

    return Examples(series, kind="forecast")


def learned(series: list[Series], *, epochs: int = 1, **settings: Any) -> Forecast:
    """A task after a short training on series, with a validation and a test of a tenth."""
    given = SMALL | settings
    parts = Forecast.divide(examples_of(series), valid=0.1, test=0.1, seed=0, **given)
    torch.manual_seed(1)
    task = Forecast.learn(parts["train"], given)
    learner = task.learner(parts["train"], parts["valid"], Plan())
    fit(learner, Plan(epochs=epochs, learning_rate=2e-3))
    return task


@functools.cache
def model() -> Forecast:
    """One forecaster for all tests that only ask it."""
    return learned(waves())


def test_it_learns_a_wave() -> None:
    series = waves()
    parts = Forecast.divide(examples_of(series), valid=0.1, test=0.1, seed=0, **SMALL)
    found = model().evaluate(parts["test"], parts["train"])
    assert found.scores["mase"].value < 0.2 * found.baselines["naive"]["mase"]
    assert found.scores["crps"].value < found.scores["mae"].value
    assert 0.4 <= found.scores["coverage"].value <= 1
    assert set(found.baselines) == {"naive", "seasonal naive", "drift", "regression on lags"}
    assert found.notes[0] == "3 series, 6 origins, 4 steps ahead; the intervals resample series"


def test_settings_are_settled_from_the_data() -> None:
    settings = model().settings
    assert (settings.season, settings.lags, settings.stride) == (8, [1, 8, 9], 4)
    assert "auto" not in model().saved_settings().values()
    growing = Series.of(torch.exp(0.05 * torch.arange(96)) * wave())
    assert learned([growing], season=8).settings.transform == "log"
    assert learned([Series.of(wave() - 10)], season=8).settings.transform is None


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_distribution_trains_and_foretells(distribution: str) -> None:
    series = [Series.of((wave(shift=n) * 2).round(), name=str(n)) for n in range(2)]
    task = learned(series, distribution=distribution, transform=None)
    [answer, _] = task.predict(series)
    assert answer.mean.shape == (4, 1)
    low, middle, high = answer.quantiles.values()
    assert bool((low <= middle).all())
    assert bool((middle <= high).all())
    if distribution == "negative_binomial":
        drawn = task.paths(series)[0]
        assert float((drawn - drawn.round()).abs().max()) < 1e-3
    if distribution == "point":
        assert_equal(low, high, "bits")
    assert float((answer.mean - series[0].values[-8:-4]).abs().max()) < 12


def test_what_comes_later_changes_no_forecast() -> None:
    """From an origin inside a series, whatever stands at or after it, other inputs included."""
    series = waves()
    inputs = torch.randn(96, 2)
    given = [replace(each, inputs=inputs, names=(("1",), ("seen", "ahead"), ())) for each in series]
    task = learned(given, known=["ahead"])
    task.network.recurrent.reset_parameters()
    torch.nn.init.normal_(task.network.head.weight, std=0.3)
    from headgate.tasks.forecast_judge import Backtest

    spans = [replace(each, start=60) for each in given]
    before = Backtest.of(task, spans)
    first = before.run(task.network.eval(), 5)
    values, later = given[0].values.clone(), inputs.clone()
    values[64:] = 99.0
    later[64:, 0] = -99.0
    after = Backtest.of(task, [replace(spans[0], values=values, inputs=later), *spans[1:]])
    found = after.run(task.network, 5)
    seen = (before.row == 0) & (before.origin == 64)
    assert int(seen.sum()) == 1
    assert_equal(found.mean[before.origin <= 64], first.mean[before.origin <= 64], "bits")
    assert not torch.equal(found.mean[before.origin > 64], first.mean[before.origin > 64])
    later[64:, 1] = -99.0  # what is known ahead does change it
    again = Backtest.of(task, [replace(spans[0], values=values, inputs=later), *spans[1:]])
    assert not torch.equal(again.run(task.network, 5).mean[seen], first.mean[seen])


def test_a_series_alone_is_the_series_among_others() -> None:
    series = waves()
    together = model().predict(
        [series[0], replace(series[1], values=series[1].values[:30]), *series]
    )
    for number, each in ((0, series[0]), (4, series[2])):
        [alone] = model().predict([each])
        assert_equal(together[number].mean, alone.mean, "output")


def test_missing_values_are_passed_over() -> None:
    series = waves()
    for each in series:
        each.values[torch.rand(96, 1) < 0.2] = NAN
        each.values[-1] = 10.0
    task = learned(series)
    [answer, *_] = task.predict(series)
    assert bool(answer.mean.isfinite().all())
    parts = Forecast.divide(examples_of(series), valid=0.1, test=0.1, seed=0, **SMALL)
    found = task.evaluate(parts["test"], parts["train"])
    assert all(math.isfinite(score.value) for score in found.scores.values())


@pytest.mark.parametrize("level", [0.0, 5.0, -1e6, 1e-3])
def test_a_constant_series_goes_on_as_it_is(level: float) -> None:
    constant = Series.of([level] * 60, name="still")
    [answer] = model().predict([constant])
    assert torch.allclose(answer.mean, torch.tensor(level).double(), rtol=2e-2, atol=1e-4)
    task = learned([constant])
    [answer] = task.predict([constant])
    assert torch.allclose(answer.mean, torch.tensor(level).double(), rtol=2e-2, atol=1e-4)


def test_a_short_series_is_refused_by_name() -> None:
    series = [*waves(), Series.of([1.0, 2.0, 3.0, 4.0, 5.0], name="짧은")]
    with pytest.raises(DataError, match=r"row 4: the series '짧은' has 5 steps, too few"):
        Forecast.divide(examples_of(series), valid=0.1, test=0.1, seed=0, horizon=3)
    parts = Forecast.divide(examples_of(waves()), valid=0.1, test=0.1, seed=0, horizon=4)
    with pytest.raises(DataError, match=r"'강0' has 3 steps to be judged on, fewer than.*of 4"):
        model().evaluate(
            replace(parts["test"], inputs=[replace(e, start=93) for e in waves()]), None
        )


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ([1.0, float("inf")], "step 2 is infinite"),
        ([NAN, NAN], "has no value to go on from"),
        ([], "has no value"),
        ([[1.0, 2.0]], "1 values a step are wanted"),
        ("1 2 x", "'x' came"),
        (["a", "b"], "a series is numbers"),
    ],
)
def test_what_is_no_series_is_refused(input: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        model().predict([input])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"horizon": "soon"}, "unknown horizon 'soon'"),
        ({"horizon": 0}, "horizon is a positive integer"),
        ({"distribution": "gauss"}, "unknown distribution 'gauss'.*did you mean 'gaussian'"),
        ({"scaling": "min"}, "unknown scaling"),
        ({"lags": [0]}, "a lag is 1 step or more"),
        ({"known": ["heat"]}, "unknown column known ahead 'heat'"),
        ({"distribution": "negative_binomial", "transform": "log"}, "scaled by their mean alone"),
        ({"distribution": "negative_binomial"}, "row 1.*counts are whole numbers.*'강0'"),
    ],
)
def test_wrong_settings_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(HeadgateError, match=message):
        Forecast.learn(examples_of(waves()), SMALL | given)


def test_saved_is_loaded() -> None:
    task = model()
    again = Forecast.restore(task.saved_settings(), task.files())
    again.network.load_state_dict(task.network.state_dict())
    series = waves()
    for one, other in zip(task.predict(series), again.predict(series), strict=True):
        assert_equal(one.mean, other.mean, "bits")
        assert one.rows() == other.rows()


def test_training_is_the_same_for_the_same_seed_and_validation_draws_from_no_common_chance() -> (
    None
):
    one, two = learned(waves()), learned(waves())
    for mine, other in zip(one.network.parameters(), two.network.parameters(), strict=True):
        assert_equal(mine, other, "bits")
    series, before = waves(), torch.get_rng_state()
    one.predict(series)
    assert torch.equal(before, torch.get_rng_state())


def long_table(folder: Path, name: str = "long.csv", *, steps: int = 60) -> Path:
    """Two series of days, with a price, a holiday that is known ahead, and a district."""
    torch.manual_seed(3)
    rows = []
    for number, town in enumerate(("서울", "부산")):
        sold = wave(60, shift=2.0 * number, season=7)
        for day in range(steps):
            holiday = str(int(day % 7 == 3))
            value = f"{float(sold[day]) + 4 * int(day % 7 == 3):.3f}" if day < 60 else ""
            rows.append(
                [
                    town,
                    f"2024-0{1 + day // 28}-{1 + day % 28:02d}",
                    value,
                    holiday,
                    f"{day % 5}",
                    "ab"[number],
                ]
            )
    return write_csv(folder / name, rows, ["town", "day", "sold", "holiday", "price", "zone"])


def test_a_table_becomes_series(tmp_path: Path) -> None:
    from headgate.data.series import gather

    table = gather(read_table(long_table(tmp_path)), series="town", time="day")
    found = read_series(table, "holiday,price,zone", "sold").inputs
    assert [each.name for each in found] == ["서울", "부산"]
    assert [each.labels for each in found] == [("a",), ("b",)]
    assert found[0].names == (("sold",), ("holiday", "price"), ("zone",))
    assert found[0].values.shape == (60, 1)
    assert found[0].stamps[:2] == ("2024-01-01", "2024-01-02")


def test_a_wide_table_becomes_series(tmp_path: Path) -> None:
    rows = [["가", "north", "1", "2", "", "4", ""], ["나", "south", "5", "6", "7", "8", "9"]]
    table = read_table(
        write_csv(tmp_path / "w.csv", rows, ["id", "side", "V1", "V2", "V3", "V4", "V5"])
    )
    found = read_series(table, "side", "V1:").inputs
    assert [(each.name, each.labels, len(each)) for each in found] == [
        ("가", ("north",), 4), ("나", ("south",), 5)
    ]  # fmt: skip
    assert found[0].values.flatten().isnan().tolist() == [False, False, True, False]


def test_rows_of_one_series_need_no_word_about_it(tmp_path: Path) -> None:
    rows = [[f"2020-{month:02d}", str(month)] for month in (3, 1, 2)]
    table = read_table(write_csv(tmp_path / "m.csv", rows, ["month", "x"]))
    [series] = read_series(table, None, "x").inputs
    assert series.values.flatten().tolist() == [1, 2, 3]
    assert series.stamps == ("2020-01", "2020-02", "2020-03")


def test_wrong_columns_are_refused_with_their_place(tmp_path: Path) -> None:
    table = read_table(long_table(tmp_path))
    with pytest.raises(DataError, match=r"which column is foretold\?"):
        read_series(table, None, None)
    with pytest.raises(DataError, match="no column 'solt'; did you mean 'sold'"):
        read_series(table, None, "solt")
    with pytest.raises(DataError, match="there are no rows"):
        read_series(Table("e.csv", ("x",), [], [], True), None, "x")
    broken = Table("b.csv", ("d", "x"), [["2020-01", "1"], ["2020-02", "1,5"]], [2, 3], True)
    with pytest.raises(DataError, match=r"b\.csv, row 3, column 'x': '1,5' has a comma"):
        read_series(broken, None, "x")
    texts = Table(
        "t.csv", ("d", "k", "x"), [["2020-01", "a", "1"], ["2020-02", "b", "2"]], [2, 3], True
    )
    with pytest.raises(DataError, match="column 'k': numbers were wanted, or one text"):
        read_series(texts, "k", "x")


def train(data: Path, **changed: Any) -> hg.Model:
    given = {
        "series": "town",
        "time": "day",
        "target": "sold",
        "epochs": 1,
        "say": lambda line: None,
    }
    return hg.train(data, task="forecast", **(given | SMALL | changed))


def test_from_a_file_to_a_forecast(tmp_path: Path) -> None:
    data = long_table(tmp_path)
    trained = train(data, input="holiday,price,zone", known="holiday", out=tmp_path / "model")
    assert trained.metrics["test"]["mase"]["baseline"] is not None
    again = hg.load(tmp_path / "model")
    future = long_table(tmp_path, "future.csv", steps=64)
    assert command("predict", tmp_path / "model", future, "--out", tmp_path / "out.csv") == 0
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "series,step,mean,0.1,0.5,0.9"
    assert len(lines) == 1 + 2 * 4
    assert lines[1].startswith("서울,2024-03-05,")
    assert command("evaluate", tmp_path / "model", data) == 0
    series = read_series_of(future)
    assert [a.rows() for a in again.predict(series)] == [a.rows() for a in trained.predict(series)]


def read_series_of(path: Path) -> list[Series]:
    from headgate.data.series import gather

    table = gather(read_table(path), series="town", time="day")
    return list(read_series(table, "holiday,price,zone", "sold").inputs)


def test_what_is_known_ahead_has_to_be_there(tmp_path: Path) -> None:
    trained = train(long_table(tmp_path), input="holiday,price,zone", known=["holiday"])
    series = read_series_of(long_table(tmp_path, "f.csv", steps=62))
    with pytest.raises(DataError, match=r"'서울' needs 'holiday' for the 4 steps.* and 2 came"):
        trained.predict(series)
    with pytest.raises(DataError, match=r"trained with the columns holiday, price.*none came: add"):
        trained.predict([[1.0] * 30])


def test_a_test_file_goes_on_where_the_training_file_ends(tmp_path: Path) -> None:
    values = wave(64, season=7)
    rows = [["가", *(f"{value:.3f}" for value in values[:60].tolist())]]
    head = ["id", *(f"V{n}" for n in range(1, 61))]
    data = write_csv(tmp_path / "train.csv", rows, head)
    rest = [["가", *(f"{value:.3f}" for value in values[60:].tolist())]]
    test = write_csv(tmp_path / "test.csv", rest, head[:5])
    given = {**SMALL, "task": "forecast", "target": "V1:", "epochs": 1, "say": lambda line: None}
    trained = hg.train(data, test=test, **given)
    whole = Series.of([round(value, 3) for value in values.tolist()], name="가")
    [wanted] = trained.predict([replace(whole, values=whole.values[:60])])
    off = (wanted.median - whole.values[60:]).abs().mean()
    assert trained.metrics["test"]["mae"]["value"] == pytest.approx(float(off), rel=0.2)


def test_labels_that_nobody_has_seen_are_unknown_ones(tmp_path: Path) -> None:
    trained = train(long_table(tmp_path), input="zone")
    series = replace(
        waves()[0], inputs=torch.zeros(96, 0), labels=("c",), names=(("sold",), (), ("zone",))
    )
    dated = replace(series, stamps=tuple(trained.task.field.beats.after("2023-12-31", 96)))  # type: ignore[attr-defined]
    assert bool(trained.predict([dated])[0].mean.isfinite().all())


def test_a_quantized_model_says_what_it_loses() -> None:
    parts = Forecast.divide(examples_of(waves()), valid=0.1, test=0.1, seed=0, **SMALL)
    found = model().evaluate(parts["test"], parts["train"], quantize="int8")
    assert sum(note.startswith("int8 loses") for note in found.notes) == len(found.scores)
    with pytest.raises(UnknownNameError, match="int4"):
        model().evaluate(parts["test"], None, quantize="int4")
