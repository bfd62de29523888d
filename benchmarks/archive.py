"""Series of the UCR and UEA archives, with one set of defaults, over five seeds.

The published split; a tenth of the training part chooses the best weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean, stdev

import headgate as hg
from headgate.errors import DataError

SETS = ("JapaneseVowels", "ItalyPowerDemand", "GunPoint", "BasicMotions")
SEEDS = (11, 12, 13, 14, 15)


def accuracy(folder: str, name: str, seed: int) -> tuple[float, float, float]:
    """Train on one set, and judge on its test part.

    Args:
        folder: with NAME_TRAIN.ts and NAME_TEST.ts.
        name: of the set.
        seed: of all chance.

    Returns:
        Accuracy, that of the nearest neighbour, and seconds of training.
    """
    train, test = (Path(folder) / f"{name}_{part}.ts" for part in ("TRAIN", "TEST"))
    for file in (train, test):
        if not file.is_file():
            raise DataError("there is no such file; name the archive's folder", path=file)
    found = hg.train(train, test=test, seed=seed, say=_nobody).metrics
    rival = found["baselines"]["nearest neighbour"]["accuracy"]
    return found["test"]["accuracy"]["value"], rival, found["training"]["seconds"]


def main(arguments: list[str]) -> None:
    """Print accuracy for each set: mean and deviation over the seeds."""
    parser = argparse.ArgumentParser(prog="scripts/bench archive", description=__doc__)
    parser.add_argument("folder", help="with NAME_TRAIN.ts and NAME_TEST.ts")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--sets", nargs="+", default=SETS)
    wanted = parser.parse_args(arguments)
    for name in wanted.sets:
        rows = [accuracy(wanted.folder, name, seed) for seed in wanted.seeds]
        own, rival, seconds = zip(*rows, strict=True)
        spread = stdev(own) if len(own) > 1 else 0.0
        each = " ".join(f"{value:.3f}" for value in own)
        print(
            f"{name:<20} {mean(own):.3f} ± {spread:.3f} ({each})  nearest neighbour "
            f"{mean(rival):.3f}  {mean(seconds):.0f} s",
            flush=True,
        )


def _nobody(line: str) -> None:
    pass
