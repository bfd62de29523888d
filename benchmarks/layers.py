"""One layer beside torch.nn's: forward and forward with backward, interleaved in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

import headgate as hg

SHAPES = ((35, 20, 200), (100, 32, 128), (128, 16, 64), (1000, 1, 64))
REPEATS = 7


def _times(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median milliseconds of each call, taken in turn so that all meet the same noise."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(REPEATS + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if repeat:
                found[name].append(1e3 * (time.perf_counter() - start))
    return {name: median(times) for name, times in found.items()}


def _train(layer: nn.Module, x: Tensor, lengths: list[int] | None = None) -> Callable[[], object]:
    def call() -> None:
        y = layer(x)[0] if lengths is None else layer(x, lengths=lengths)[0]
        y.sum().backward()

    return call


def _packed(layer: nn.Module, x: Tensor, lengths: list[int]) -> Callable[[], object]:
    def call() -> None:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        layer(packed)[0].data.sum().backward()

    return call


def main(arguments: list[str]) -> None:
    """Print milliseconds of forward and backward, dense and ragged, and their ratios."""
    print(f"{torch.get_num_threads()} threads; forward and backward, ms")
    print(f"{'layer':<6}{'T, B, H':<16}{'torch':>9}{'ours':>9}{'×':>7}", end="")
    print(f"{'packed':>10}{'lengths':>9}{'×':>7}{'reference':>11}")
    for name in ("LSTM", "GRU", "RNN"):
        for steps, rows, size in SHAPES:
            torch.manual_seed(0)
            theirs, ours = getattr(nn, name)(size, size), getattr(hg, name)(size, size)
            x = torch.randn(steps, rows, size, requires_grad=True)
            lengths = torch.randint(steps // 4, steps + 1, (rows,)).tolist()

            def reference(layer: nn.Module = ours, x: Tensor = x) -> None:
                with hg.using("reference"):
                    _train(layer, x)()

            found = _times(
                {
                    "torch": _train(theirs, x),
                    "ours": _train(ours, x),
                    "packed": _packed(theirs, x, lengths),
                    "lengths": _train(ours, x, lengths),
                    "reference": reference,
                }
            )
            dense, ragged = found["torch"] / found["ours"], found["packed"] / found["lengths"]
            print(
                f"{name:<6}{f'{steps}, {rows}, {size}':<16}{found['torch']:>9.2f}"
                f"{found['ours']:>9.2f}{dense:>7.2f}{found['packed']:>10.2f}"
                f"{found['lengths']:>9.2f}{ragged:>7.2f}{found['reference']:>11.2f}",
                flush=True,
            )
