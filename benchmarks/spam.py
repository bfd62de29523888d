"""SMS spam, with no option but the columns, over five seeds."""

from __future__ import annotations

from statistics import mean, stdev

import headgate as hg

SEEDS = (11, 12, 13, 14, 15)  # the defaults were chosen on others


def main(arguments: list[str]) -> None:
    """Print accuracy and F1 of spam for each seed, then their mean and deviation."""
    rows = []
    for seed in SEEDS:
        model = hg.train(arguments[0], input="2", target="1", seed=seed, say=lambda line: None)
        test, training = model.metrics["test"], model.metrics["training"]
        linear = model.metrics["baselines"]["linear n-grams"]
        rows.append([test["accuracy"]["value"], test["f1:spam"]["value"], training["seconds"]])
        rows[-1] += [linear["accuracy"], linear["f1:spam"]]
        print(f"seed {seed}: " + "  ".join(f"{value:.4f}" for value in rows[-1]), flush=True)
    names = ("accuracy", "F1 of spam", "seconds", "linear: accuracy", "linear: F1 of spam")
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        print(f"{name:<20} {mean(values):.4f} ± {stdev(values):.4f}")
