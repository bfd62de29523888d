"""Small made music, for the tests of what learns from it."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headgate.data.columns import Table
from headgate.data.examples import Examples
from headgate.data.piano import frames_of
from headgate.model import Model, train
from headgate.tasks.generate import Generate
from headgate.tasks.generate_frames import GenerateFrames
from headgate.training import Plan, fit

SMALL = {"hidden_size": 12, "bptt": 8}


def rounds(count: int = 24, seed: int = 0) -> list[list[list[int]]]:
    """Pieces in which two notes walk up a scale of five, from a place that chance chooses."""
    chance = random.Random(seed)
    scale = (60, 62, 64, 67, 69)
    pieces = []
    for _ in range(count):
        begun, length = chance.randrange(5), chance.randint(6, 14)
        places = [(begun + step) % 5 for step in range(length)]
        pieces.append([[scale[p], scale[p] - 24] for p in places])
    return pieces


def write_rounds(folder: Path, **parts: int) -> Path:
    path = folder / "rounds.json"
    wanted = {name: rounds(count, seed) for seed, (name, count) in enumerate(parts.items())}
    path.write_text(json.dumps(wanted or rounds()), encoding="utf-8")
    return path


def frames(count: int = 24, seed: int = 0) -> list[Tensor]:
    return [frames_of(piece) for piece in rounds(count, seed)]


def noise(steps: int, seed: int = 0) -> Tensor:
    """A piece of chance: a tenth of all keys."""
    chance = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, 88, generator=chance) < 0.1).float()


def table_of(pieces: list[Tensor]) -> Table:
    rows = [[piece] for piece in pieces]
    lines = list(range(1, len(rows) + 1))
    return Table("made", ("frames",), rows, lines, False, roles=("frames", None))


def train_player(data: Path, **changed: Any) -> Model:
    settings: dict[str, Any] = {"say": _nobody, **SMALL, **changed}
    return train(data, **settings)


def _nobody(line: str) -> None:
    pass


@functools.cache
def player() -> GenerateFrames:
    """One trained model for all tests that only ask it."""
    torch.manual_seed(3)
    found = Generate.learn(Examples(frames()), SMALL | {"dropout": 0.0, "transpose": 0})
    assert isinstance(found, GenerateFrames)
    plan = Plan(epochs=60, batch_size=12, learning_rate=0.05, average=0.9)
    fit(found.learner(Examples(frames()), Examples(frames(8, 1)), plan), plan)
    return found
