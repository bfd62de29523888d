"""Forecasts beside simple ones: airline passengers, hourly series of the M4 competition, ETTh1.

With no option but the columns, the horizon and the division; no setting was chosen on a test part.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, pstdev
from tempfile import TemporaryDirectory
from typing import Any

import headgate as hg
from headgate.data.examples import Examples
from headgate.data.sources import read_table
from headgate.tasks.forecast import Forecast

SEEDS = (42, 1, 2)
FIRST, LAST = (
    97,
    143,
)  # steps of the airline series that are counted: 46, as the known recipe has it
MONTH = 30 * 24  # steps of a month, as the papers that use ETTh1 count it
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")

Found = tuple[dict[str, Any], dict[str, dict[str, float]]]  # scores, baselines


def airline(folder: Path, seed: int) -> Found:
    """Foretell one step ahead over the last third."""
    path = folder / "univariate_ts" / "airline-passengers.csv"
    model = hg.train(
        path, target="Passengers", horizon=1, valid=24, test=144 - FIRST, seed=seed, say=_nobody
    )
    [series] = Forecast.read(read_table(path), None, "Passengers").inputs
    span = Examples([replace(series, start=FIRST, stop=LAST)], kind="forecast")
    found = model.task.evaluate(span, None)
    return {name: score.to_dict() for name, score in found.scores.items()}, found.baselines


def hourly(folder: Path, seed: int) -> Found:
    """Foretell the 48 hours after the end of each of 414 series."""
    train, test = (folder / "m4" / f"Hourly-{part}.csv" for part in ("train", "test"))
    given = {"target": "V2:", "horizon": 48, "valid": 48, "test": test}
    return _metrics(hg.train(train, **given, seed=seed, say=_nobody))


def temperature(folder: Path, seed: int) -> Found:
    """Foretell 24 hours of one column of ETTh1."""
    return _standardised(folder, seed, ["OT"])


def transformer(folder: Path, seed: int) -> Found:
    """Foretell 24 hours of all columns of ETTh1, each from all."""
    return _standardised(folder, seed, COLUMNS)


def _standardised(folder: Path, seed: int, columns: Sequence[str]) -> Found:
    """Train on 12 months, validate on 4, test on 4; in units of the deviation in training."""
    with open(folder / "ett" / "ETTh1.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[: 20 * MONTH]
    with TemporaryDirectory() as made:
        place = Path(made) / "scaled.csv"
        values = {name: [float(row[name]) for row in rows] for name in columns}
        for name, column in values.items():
            centre, spread = mean(column[: 12 * MONTH]), pstdev(column[: 12 * MONTH])
            values[name] = [(value - centre) / spread for value in column]
        with place.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["date", *columns])
            writer.writerows(zip([row["date"] for row in rows], *values.values(), strict=True))
        held_out = {"valid": 4 * MONTH, "test": 4 * MONTH, "stride": 1}
        given = {"target": ",".join(columns), "time": "date", "horizon": 24, **held_out}
        return _metrics(hg.train(place, task="forecast", **given, seed=seed, say=_nobody))


def _metrics(model: hg.Model) -> Found:
    return model.metrics["test"], model.metrics["baselines"]


MEASURES: dict[str, Callable[[Path, int], Found]] = {
    "airline": airline,
    "hourly": hourly,
    "temperature": temperature,
    "transformer": transformer,
}


def main(arguments: list[str]) -> None:
    """Print the scores of each measure beside the baselines'."""
    parser = argparse.ArgumentParser(prog="scripts/bench forecasts", description=__doc__)
    parser.add_argument("folder", help="with the folders univariate_ts, m4 and ett")
    parser.add_argument("measures", nargs="*", help=f"of {', '.join(MEASURES)}; all where none")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    wanted = parser.parse_args(arguments)
    for name in wanted.measures or MEASURES:
        print(f"\n{name}: {MEASURES[name].__doc__}")
        for number, seed in enumerate(wanted.seeds):
            start = time.process_time()
            scores, baselines = MEASURES[name](Path(wanted.folder), seed)
            spent = (time.process_time() - start) / 60
            print(f"  seed {seed}, {spent:.1f} minutes of processor time")
            for score, value in scores.items():
                ends = f"({value['low']:.4f} to {value['high']:.4f})"
                print(f"    {score:<10} {value['value']:>10.4f}  {ends}", flush=True)
            for rival, own in baselines.items() if not number else ():
                shown = "  ".join(f"{score} {value:.4f}" for score, value in own.items())
                print(f"    {rival}: {shown}")


def _nobody(line: str) -> None:
    pass
