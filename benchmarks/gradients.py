"""How much of a gradient an RNN, a GRU and an LSTM let back over a hundred steps, untrained.

All read the same normal random numbers. The gradient is that of a random projection of the last
output, in the output of each step before it; the mean of eight sequences. Two beginnings: as
torch.nn draws its weights, the LSTM's forget gate with a bias of 1; and as ``hg.Recurrent`` does,
with orthogonal recurrent matrices and the same bias.

How much is left depends on how far the inputs drive the units: many features of unit variance push
tanh to where it is flat. With one feature and many units an orthogonal RNN is nearly linear, and
its gradient stays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import headgate as hg
from benchmarks.line_chart import as_svg
from headgate.inspection.cell_gradients import CellGradients, compare_gradients
from headgate.inspection.passes import Layers

CELLS = ("rnn", "gru", "lstm")
FEATURES = (1, 16, 64)
SIZES = (16, 64, 256)
VANISHED = 1e-3  # of the gradient at the last step
BETTER = 100  # times the RNN's gradient that the LSTM's is to stay above


def as_torch(features: int, size: int) -> dict[str, Layers]:
    """Draw weights as torch.nn does, but an LSTM's forget gate begins with a bias of 1."""
    lstm = hg.LSTM(features, size)
    with torch.no_grad():
        named = dict(lstm.named_parameters())
        for name in ("bias_ih_l0", "bias_hh_l0"):
            named[name].zero_()
        named["bias_ih_l0"][size : 2 * size] = 1.0
    return {"rnn": hg.RNN(features, size), "gru": hg.GRU(features, size), "lstm": lstm}


def as_headgate(features: int, size: int) -> dict[str, Layers]:
    """Draw weights as ``hg.Recurrent`` does."""
    return {cell: hg.Recurrent(cell, features, size) for cell in CELLS}


BEGINNINGS = {"torch.nn": as_torch, "hg.Recurrent": as_headgate}


def measure(beginning: str, features: int, size: int, *, back: int, seed: int) -> CellGradients:
    """Compare the cells at one size."""
    torch.manual_seed(seed)
    return compare_gradients(BEGINNINGS[beginning](features, size), length=back + 1, seed=seed)


def main(arguments: list[str]) -> None:
    """Print what is left of the gradient at every size, and draw it at one."""
    parser = argparse.ArgumentParser(prog="scripts/bench gradients", description=__doc__)
    parser.add_argument("--back", type=int, default=100, help="steps from the first to the last")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--figure", metavar="FILE", help="a new SVG file; draws, prints no table")
    parser.add_argument("--features", type=int, default=16, help="of the drawing")
    parser.add_argument("--size", type=int, default=64, help="of the drawing")
    wanted = parser.parse_args(arguments)
    if wanted.figure is None:
        _table(back=wanted.back, seeds=wanted.seeds)
        return
    if Path(wanted.figure).exists():
        parser.error(f"{wanted.figure} is there already: name another file")
    found = measure("hg.Recurrent", wanted.features, wanted.size, back=wanted.back, seed=0)
    with open(wanted.figure, "x", encoding="utf-8") as file:
        file.write(draw(found, wanted.features, wanted.size))
    print(found)


def draw(found: CellGradients, features: int, size: int) -> str:
    """Draw the gradients by distance, each as a share of that at the last step."""
    shares = found.first / found.first[:, :1]
    lines = {
        name: [(float(at), max(share, 1e-300)) for at, share in enumerate(line.tolist())]
        for name, line in zip(found.names, shares, strict=True)
    }
    return as_svg(
        lines,
        title=f"Gradient back through time, {size} units, {features} random inputs, untrained",
        x="steps back from the last",
        y="‖∂L/∂h‖ as a share of the last step's",
        level=VANISHED,
    )


def _table(*, back: int, seeds: int) -> None:
    print(f"‖∂L/∂h‖ {back} steps back as a share of the last step's, least to greatest of {seeds}")
    print(f"{'beginning':<14}{'inputs':>6}{'units':>6}", *(f"{c:>20}" for c in CELLS), "  law")
    for beginning in BEGINNINGS:
        for features in FEATURES:
            for size in SIZES:
                runs = [
                    measure(beginning, features, size, back=back, seed=seed).ratios[:, 0]
                    for seed in range(seeds)
                ]
                ratios = torch.stack(runs, 1)
                cells = [f"{float(r.min()):.1e} to {float(r.max()):.1e}" for r in ratios]
                rnn, _, lstm = ratios
                holds = int(((rnn < VANISHED) & (lstm > BETTER * rnn)).sum())
                print(
                    f"{beginning:<14}{features:>6}{size:>6}",
                    *(f"{cell:>20}" for cell in cells),
                    f"  {holds} of {seeds}",
                    flush=True,
                )
