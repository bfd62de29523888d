"""A sine wave: its values in a file, a forecaster learned from them, and the wave continued."""

from __future__ import annotations

import csv
import math
import tempfile
from pathlib import Path

import torch

import headgate as hg

wave = [math.sin(step / 4) for step in range(450)]
data = Path(tempfile.mkdtemp()) / "wave.csv"
with open(data, "w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([["height"], *([f"{height:.6f}"] for height in wave[:400])])

model = hg.train(data, target="height", task="forecast", horizon=50, hidden_size=16, epochs=5)
answer = model.predict(torch.tensor(wave[:400]))
off = [abs(float(guess) - truth) for guess, truth in zip(answer.median, wave[400:], strict=True)]
for step in range(0, 50, 10):
    low, high = (float(answer.quantiles[level][step, 0]) for level in (0.1, 0.9))
    truth, guess = wave[400 + step], float(answer.median[step, 0])
    print(f"step {step + 1:>2}: {guess:6.3f} ({low:.3f} to {high:.3f}), in truth {truth:6.3f}")
print("close over 50 steps" if max(off) < 0.25 else f"off by up to {max(off):.2f}")
