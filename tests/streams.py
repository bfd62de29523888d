"""What the tests of streams share: a chain's whole run, and a stream's in pieces."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from tests.tolerances import assert_equal
from torch import Tensor, nn

from headgate.kernels import native
from headgate.layers import GRU, LSTM, RNN, Recurrent
from headgate.models.embedding import TokenEmbedding
from headgate.models.pooling import Pool
from headgate.streaming import Stream

NAN, INF = float("nan"), float("inf")
ODD = (1, 7, 33, 65, 130)  # sizes that fill no panel, no vector and no block


@torch.no_grad()
def whole(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Run modules one after the other, each over all steps at once.

    Args:
        modules: the chain.
        x: features [T, B, M], or ids [T, B].

    Returns:
        What comes out of each step, [T, B, V].
    """
    for module in modules:
        was = module.training
        x = _forward(module.eval(), x)
        module.train(was)
    return x


def _forward(module: nn.Module, x: Tensor) -> Tensor:
    if isinstance(module, (Recurrent, RNN, LSTM, GRU)):
        turned = x.transpose(0, 1) if module.batch_first else x
        y = module(turned)[0]
        return y.transpose(0, 1) if module.batch_first else y
    if isinstance(module, TokenEmbedding):
        return module(x.T)
    if isinstance(module, Pool):
        valid = torch.ones(x.shape[:2], dtype=torch.bool)
        ends = range(1, len(x) + 1)
        return torch.stack([module(x[:end], valid[:end]) for end in ends])
    return module(x)


def in_pieces(stream: Stream, x: Tensor, seed: int = 0) -> Tensor:
    """Let a stream take steps, cut at random places into single ones and chunks, empty ones too."""
    draw, outputs = random.Random(seed), []
    while len(x):
        if draw.random() < 0.5:
            outputs.append(stream.step(x[0])[None])
            x = x[1:]
        else:
            size = draw.randint(0, len(x))
            outputs.append(stream.steps(x[:size]))
            x = x[size:]
    return torch.cat(outputs)


def drawn_pool(name: str, size: int) -> Pool:
    """A pool whose parameters, if it has any, are not the ones it begins with."""
    pool = Pool(name, size)
    for parameter in pool.parameters():
        nn.init.normal_(parameter)
    return pool


def batch(rows: int | None) -> list[int]:
    """The axis of rows of a stream's input, where it has one."""
    return [] if rows is None else [rows]


def draw_input(modules: Sequence[nn.Module], steps: int, rows: int) -> Tensor:
    """Draw what a chain reads: features [T, B, M] of its type of number, or ids [T, B]."""
    first: Any = modules[0]
    table = first.table if isinstance(first, TokenEmbedding) else first
    if isinstance(table, nn.Embedding):
        return torch.randint(table.num_embeddings, (steps, rows))
    features: Any = first.in_features if isinstance(first, nn.Linear) else first.input_size
    return torch.randn(steps, rows, features, dtype=next(first.parameters()).dtype)


def equal(actual: Tensor, expected: Tensor) -> None:
    """To the bit where the native part serves, else within the table."""
    assert_equal(actual, expected, "bits" if native.available else "output")


def keeps_the_law(modules: Sequence[nn.Module], steps: int = 9) -> None:
    """Three rows together, and one of them alone, give what the whole run gives."""
    x = draw_input(modules, steps, 3)
    expected = whole(modules, x)
    together, alone = Stream(*modules, rows=3), Stream(*modules)
    equal(in_pieces(together, x, seed=1), expected)
    equal(in_pieces(alone, x[:, 1].contiguous(), seed=2), expected[:, 1])
