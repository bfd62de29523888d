"""Chorales (JSB), the next frame from those before it, on the published parts, over seeds.

With no option. A frame's nats are summed over its keys; each piece begins from an empty state, and
its first frame counts, which those who predict from the second on leave out.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

import headgate as hg
from headgate.data.pieces import read_pieces
from headgate.tasks.generate_frames_learner import piece_nats

SEEDS = (42,)  # the defaults were chosen on the validation part, with seed 1


def main(arguments: list[str]) -> None:
    """Print the nats of a frame and the accuracy for each seed, beside the baselines."""
    parser = argparse.ArgumentParser(prog="scripts/bench chorales", description=__doc__)
    parser.add_argument("file", help="pieces as JSON, with train, valid and test")
    parser.add_argument("--valid", action="store_true", help="print the validation part's alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--out", metavar="MIDI", help="a new file for a piece that is drawn")
    wanted = parser.parse_args(arguments)
    model: Any = None
    for seed in wanted.seeds:
        parts: dict[str, Any] = {"test": 0.0} if wanted.valid else {}
        model = hg.train(wanted.file, seed=seed, say=lambda line: None, **parts)
        print(
            f"seed {seed}: valid nll {model.metrics['valid']['valid_nll']:.3f}", end="", flush=True
        )
        print(f", {model.metrics['training']['seconds']:.0f} s", end="")
        for name, score in model.metrics["test"].items():
            print(
                f", {name} {score['value']:.3f} ({score['low']:.3f} to {score['high']:.3f})", end=""
            )
        print("" if wanted.valid else f", without first frames {_later(model, wanted.file):.3f}")
    for name, values in model.metrics.get("baselines", {}).items():
        print(f"{name:<16}", ", ".join(f"{key} {value:.3f}" for key, value in values.items()))
    if wanted.out:
        model.generate(steps=64, seed=1).save(wanted.out)


def _later(model: Any, file: str) -> float:
    """Give the nats of a frame of the test part from the second of each piece on."""
    pieces: Any = read_pieces(file)["test"].column("frames")
    with torch.no_grad():
        nats = piece_nats(model.task.network.eval(), pieces)
    return float(torch.cat([each[1:] for each in nats]).mean())
