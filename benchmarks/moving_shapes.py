"""Clips of shapes that move: which way, where no single frame tells; makes its own data.

Each clip is noise with a shape that starts anywhere and goes left, right, up or down, round the
edges. A frame alone is at chance, one in four; the first line shows that.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy
import torch
from torch import Tensor

import headgate as hg
from headgate.evaluation.scores import Score

WAYS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
SIDE, FEWEST, MOST = 32, 6, 12  # pixels of a side, frames of a clip


def shape(generator: torch.Generator) -> Tensor:
    """Draw a square, a disc, a cross or a ring of some size."""
    half = float(torch.randint(3, 6, (), generator=generator))
    y, x = (axis - SIDE / 2 for axis in torch.meshgrid(*[torch.arange(SIDE)] * 2, indexing="ij"))
    kinds = (
        torch.maximum(x.abs(), y.abs()) <= half,
        x.square() + y.square() <= half**2,
        (torch.minimum(x.abs(), y.abs()) <= 1) & (torch.maximum(x.abs(), y.abs()) <= half),
        (x.square() + y.square() - half**2).abs() <= 2 * half,
    )
    return kinds[int(torch.randint(len(kinds), (), generator=generator))].float()


def clip(way: tuple[int, int], frames: int, generator: torch.Generator) -> Tensor:
    """Draw a clip: bytes, [T, H, W]."""
    start = torch.randint(SIDE, (2,), generator=generator).tolist()
    speed = 1 + int(torch.randint(2, (), generator=generator))
    light = 90 + 120 * float(torch.rand((), generator=generator))
    drawn, moved = shape(generator), []
    for step in range(frames):
        shift = [start[axis] + way[axis] * speed * step for axis in (0, 1)]
        moved.append(drawn.roll(shift, (0, 1)))
    noise = 30 * torch.randn(frames, SIDE, SIDE, generator=generator)
    return (30 + light * torch.stack(moved) + noise).clamp(0, 255).byte()


def clips(count: int, seed: int, *, frames: int | None = None) -> tuple[Tensor, Tensor, list[str]]:
    """Draw clips of several lengths, zero past their ends; the lengths; and which way each goes."""
    generator = torch.Generator().manual_seed(seed)
    ways = [list(WAYS)[number % len(WAYS)] for number in range(count)]
    lengths = torch.randint(FEWEST, MOST + 1, (count,), generator=generator)
    found = torch.zeros(count, frames or MOST, SIDE, SIDE, dtype=torch.uint8)
    for row, way in enumerate(ways):
        length = frames or int(lengths[row])
        found[row, :length] = clip(WAYS[way], length, generator)
    return found, lengths if frames is None else torch.full((count,), frames), ways


def write(path: Path, count: int, seed: int, *, frames: int | None = None) -> Path:
    """Write clips as arrays of NumPy."""
    found, lengths, ways = clips(count, seed, frames=frames)
    numpy.savez(path, x=found.numpy(), lengths=lengths.numpy(), y=numpy.array(ways))
    return path


def main(arguments: list[str]) -> None:
    """Print the accuracy of a single frame, then of the clips, each over the seeds."""
    parser = argparse.ArgumentParser(prog="scripts/bench moving_shapes", description=__doc__)
    parser.add_argument("--clips", type=int, default=1000, help="to learn from")
    parser.add_argument("--seeds", type=int, nargs="+", default=(1,))
    parser.add_argument("--valid", action="store_true", help="print the validation part's alone")
    wanted = parser.parse_args(arguments)
    for name, frames in (("one frame", 1), ("clip", None)):
        found = []
        for seed in wanted.seeds:
            with TemporaryDirectory() as made:
                places = {
                    part: write(Path(made) / f"{part}.npz", count, 10 * seed + n, frames=frames)
                    for n, (part, count) in enumerate(
                        {"train": wanted.clips, "valid": 400, "test": 1000}.items()
                    )
                }
                held_out = {
                    "valid": places["valid"],
                    "test": 0.0 if wanted.valid else places["test"],
                }
                model = hg.train(
                    places["train"], task="classify", input="x", target="y", seed=seed,
                    say=print if wanted.valid else _nobody, **held_out,
                )  # fmt: skip
            own = model.metrics
            seconds = own["training"]["seconds"]
            if wanted.valid:
                found.append(own["valid"]["valid_accuracy"])
            else:
                test = own["test"]["accuracy"]
                found.append(test["value"])
                print(f"{name}, seed {seed}: {Score(**test)}", flush=True)
            print(f"{name}, seed {seed}: {found[-1]:.4f} in {seconds:.0f} s", flush=True)
        print(f"{name:<12} accuracy {mean(found):.4f}")


def _nobody(line: str) -> None:
    pass
