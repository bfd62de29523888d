"""The adding problem (Hochreiter & Schmidhuber 1997): two marked numbers among many are added.

Each step has a number from 0 to 1 and a mark, which stands at two steps: one in either half. The
target is the sum of the two marked numbers, and the network says it after the last step. Whoever
always says 1 has a mean squared error of 1/6 = 0.167. To do better the first number has to be kept
from its step in the first half to the end, over half of the sequence at least.

The gates that keep begin nearly open, by a bias of 5, and those that write nearly closed, by -5
(Tallec & Ollivier 2018): σ(5) = 0.993, of which a fourth is left after 200 steps. Of the
library's own LSTM, which begins with a bias of 1, nothing is left; in all else the cells are its.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import headgate as hg
from benchmarks.line_chart import as_svg
from headgate.equations import equation

CONSTANT = 1 / 6  # the variance of a sum of two numbers, each even from 0 to 1
SETTINGS: dict[str, Any] = {
    "task": "regress",
    "hidden_size": 64,
    "bidirectional": False,
    "pool": "last",
    "dropout": 0.0,
    "differences": False,
    "input_dropout": 0.0,
    "batch_size": 50,
    "learning_rate": 0.01,
    "validate_every": 60,
    "patience": 1000,
}
CELLS = {"rnn": "rnn", "lstm": "keeping_lstm", "gru": "keeping_gru"}


def define_cells() -> None:
    """Add the library's LSTM and GRU with another beginning to its table of cells."""

    @hg.cell
    def keeping_lstm(*, bias: float = 5.0) -> hg.Equation:
        return replace(equation("lstm"), initial={"forget": bias, "input": -bias})

    @hg.cell
    def keeping_gru(*, bias: float = 5.0) -> hg.Equation:
        return replace(equation("gru"), initial={"update": bias})


def write(path: Path, *, rows: int, steps: int, seed: int) -> Path:
    """Write sequences and their sums as arrays [rows, steps, 2] and [rows]."""
    chance = np.random.default_rng(seed)
    values = chance.random((rows, steps), dtype=np.float32)
    marks = np.zeros_like(values)
    half = steps // 2
    for first, last in ((0, half), (half, steps)):
        marks[np.arange(rows), chance.integers(first, last, rows)] = 1
    np.savez(path, x=np.stack([values, marks], 2), y=(values * marks).sum(1))
    return path


def main(arguments: list[str]) -> None:
    """Train each cell, print its errors, and draw how they fell."""
    parser = argparse.ArgumentParser(prog="scripts/bench adding", description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rows", type=int, default=12_000, help="of the training part")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--figure", metavar="FILE", help="a new SVG file")
    wanted = parser.parse_args(arguments)
    if wanted.figure and Path(wanted.figure).exists():
        parser.error(f"{wanted.figure} is there already: name another file")
    define_cells()
    lines = {}
    with TemporaryDirectory() as made:
        sizes = {"train": wanted.rows, "valid": 1000, "test": 2000}
        places = {
            name: write(Path(made) / f"{name}.npz", rows=rows, steps=wanted.steps, seed=10 + part)
            for part, (name, rows) in enumerate(sizes.items())
        }
        for name in wanted.cells:
            lines[name] = _measure(name, places, epochs=wanted.epochs, seed=wanted.seed)
    if wanted.figure:
        title = f"The adding problem, {wanted.steps} steps"
        level = {
            "title": title,
            "x": "training steps",
            "y": "mean squared error",
            "level": CONSTANT,
        }
        with open(wanted.figure, "x", encoding="utf-8") as file:
            file.write(as_svg(lines, **level))


def _measure(
    name: str, places: dict[str, Path], *, epochs: int, seed: int
) -> list[tuple[float, float]]:
    """Train one cell; print its test error and the processor's time, and give the errors before."""
    began = time.process_time()
    held_out: dict[str, Any] = {"valid": places["valid"], "test": places["test"]}
    how = SETTINGS | held_out | {"cell": CELLS[name], "epochs": epochs, "seed": seed}
    model = hg.train(places["train"], input="x", target="y", say=lambda line: None, **how)
    score, used = model.metrics["test"]["mse"], time.process_time() - began
    print(
        f"{name:<5} mse {score['value']:.5f} ({score['low']:.5f} to {score['high']:.5f})  "
        f"a constant {CONSTANT:.3f}  {used / 60:.1f} minutes of the processor",
        flush=True,
    )
    return [(row["step"], row["valid_mse"]) for row in model.history]
