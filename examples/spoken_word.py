"""Speech to text, whistled: from sounds and their words to a model that writes them down."""

from __future__ import annotations

import csv
import itertools
import math
import struct
import tempfile
import wave
from pathlib import Path

import headgate as hg

# The sounds: four words, each a whistle from one pitch to another (Hz), and pauses between.
words = {"up": (600, 1200), "down": (1200, 600), "low": (600, 600), "high": (1200, 1200)}
folder = Path(tempfile.mkdtemp())


def whistle(said: str) -> Path:
    """Write the sound of some words."""
    phase, samples = 0.0, [0.0] * 400
    for word in said.split():
        first, last = words[word]
        for n in range(1200):
            phase += 2 * math.pi * (first + (last - first) * n / 1200) / 8000
            samples.append(0.4 * math.sin(phase))
        samples += [0.0] * 400
    path = folder / f"{said}.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes(b"".join(struct.pack("<h", round(32767 * s)) for s in samples))
    return path


rows = [["sound", "said"]]
for count in (1, 2, 3):
    for each in itertools.product(words, repeat=count):
        rows.append([whistle(" ".join(each)).name, " ".join(each)])
with open(folder / "whistles.csv", "w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows(rows)

model = hg.train(
    folder / "whistles.csv", input="sound", target="said", task="transcribe", unit="word",
    hidden_size=32, num_layers=1, epochs=60, bidirectional=False,
)  # fmt: skip
print("word error rate:", model.metrics["test"]["word_error_rate"])
print("a longer one:", model.predict(str(whistle("up high down low"))))
stream = model.stream()  # kept running: a word as soon as it is sure
print("step by step:", "".join(stream.answer(str(whistle("low up high")))))
