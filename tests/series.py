"""Small series, and models of them, made in a moment, for the tests of what stands on them."""

from __future__ import annotations

import functools
import math
import random
import tempfile
from pathlib import Path
from typing import Any

from headgate.model import Model, train

SMALL: dict[str, Any] = {"hidden_size": 8, "epochs": 2, "batch_size": 8}
ONE_WAY: dict[str, Any] = {"bidirectional": False, "differences": False}


def write_waves(folder: Path, count: int = 40, *, gap: bool = False) -> Path:
    """Waves of two speeds in the long form: a row a step, of unequal lengths, two channels."""
    chance = random.Random(7)
    lines = ["name,step,x,잡음,speed,size"]
    for number in range(count):
        fast, start, size = number % 2, chance.random() * 6, 1 + number % 5
        for step in range(chance.randint(8, 14)):
            value = "" if gap and step == 3 else f"{size * math.sin(start + step * (1 + fast)):.4f}"
            noise = f"{chance.gauss(0, 1):.3f}"
            lines.append(f"s{number},{step},{value},{noise},{('slow', 'fast')[fast]},{size}")
    file = folder / "waves.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def train_waves(file: Path, target: str = "speed", **changed: Any) -> Model:
    """Train on waves; nothing is said."""
    named: dict[str, Any] = {"series": "name", "time": "step", "input": "x,잡음", "target": target}
    return train(file, **(named | SMALL | changed), say=lambda _: None)


@functools.cache
def waves(target: str = "speed", **changed: Any) -> Model:
    """A model of waves, trained once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        return train_waves(write_waves(Path(folder)), target, **changed)
