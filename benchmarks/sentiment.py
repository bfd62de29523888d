"""Sentiment of film reviews (SST, binary), sentences only, on the published split, over five seeds.

Without word vectors or the labels of phrases; with options that were chosen on the validation part
and two other seeds, or with none but the columns.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import headgate as hg
from headgate.errors import DataError

SEEDS = (11, 12, 13, 14, 15)  # the options and the defaults were chosen on others
OPTIONS = {
    "unit": "word",
    "vocabulary_size": 20_000,
    "embedding_size": 128,
    "embedding_dropout": 0.5,
    "token_dropout": 0.3,
}


def tables(folder: str, made: str) -> dict[str, Path]:
    """Write each part, a label and a sentence a line, as a table of two columns."""
    places = {}
    for part in ("train", "dev", "test"):
        source, places[part] = Path(folder) / f"stsa.binary.{part}", Path(made) / f"{part}.tsv"
        if not source.is_file():
            raise DataError("there is no such file; name the treebank's folder", path=source)
        lines = source.read_text(encoding="utf-8").split("\n")
        rows = (line.replace(" ", "\t", 1) + "\n" for line in lines if line)
        places[part].write_text("".join(rows), encoding="utf-8")
    return places


def main(arguments: list[str]) -> None:
    """Print accuracy for each seed, then its mean and deviation."""
    parser = argparse.ArgumentParser(prog="scripts/bench sentiment", description=__doc__)
    parser.add_argument("folder", help="with stsa.binary.train, .dev and .test")
    parser.add_argument("--valid", action="store_true", help="print the validation part's alone")
    parser.add_argument("--defaults", action="store_true", help="no option but the columns")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    wanted = parser.parse_args(arguments)
    rows = []
    with TemporaryDirectory() as made:
        places = tables(wanted.folder, made)
        held_out = {"valid": places["dev"], "test": 0.0 if wanted.valid else places["test"]}
        options: dict[str, Any] = {} if wanted.defaults else OPTIONS
        for seed in wanted.seeds:
            model = hg.train(
                places["train"],
                input="2",
                target="1",
                seed=seed,
                say=_nobody,
                **held_out,
                **options,
            )
            own = model.metrics
            rows.append([own["valid"]["valid_accuracy"], own["training"]["seconds"]])
            if not wanted.valid:
                linear = own["baselines"]["linear n-grams"]["accuracy"]
                rows[-1] += [own["test"]["accuracy"]["value"], linear]
            print(f"seed {seed}: " + "  ".join(f"{value:.4f}" for value in rows[-1]), flush=True)
    names = ("validation accuracy", "seconds", "test accuracy", "linear model on n-grams")
    for name, values in zip(names, zip(*rows, strict=True), strict=False):
        print(f"{name:<24} {mean(values):.4f} ± {stdev(values):.4f}")


def _nobody(line: str) -> None:
    pass
