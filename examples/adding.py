"""Adding: series with two marked numbers each, and three cells that learn to give their sum."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import headgate as hg

# Each step has a number and a mark; the target is the sum of the two numbers that are marked.
rows, steps = 1000, 20
chance = np.random.default_rng(1)
numbers, marks = chance.random((rows, steps)), np.zeros((rows, steps))
for first, last in ((0, steps // 2), (steps // 2, steps)):
    marks[np.arange(rows), chance.integers(first, last, rows)] = 1
data = Path(tempfile.mkdtemp()) / "adding.npz"
np.savez(data, x=np.stack([numbers, marks], axis=2), y=(numbers * marks).sum(axis=1))

# The answer is given after the last step, so a cell has to keep what it was shown at the first.
how = {"bidirectional": False, "pool": "last", "differences": False}
how |= {"dropout": 0.0, "input_dropout": 0.0}
for cell in ("rnn", "lstm", "gru"):
    model = hg.train(
        data, task="regress", input="x", target="y", cell=cell, hidden_size=32, epochs=12,
        batch_size=32, learning_rate=0.01, say=lambda line: None, **how,
    )  # fmt: skip
    mse = model.metrics["test"]["mse"]
    print(f"{cell}: {mse['value']:.4f} (whoever says the mean: {mse['baseline']:.4f})")
