"""What the machine can do at all: torch's matrix products, measured beside every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from headgate.bench.sizes import Sizes
from headgate.bench.timing import Contestant, Times

SIDE = 1024


@dataclass(frozen=True)
class Product:
    """A matrix product that runs in turn with a row's contestants.

    Args:
        contestant: the product.
        flops: its operations.
    """

    contestant: Contestant
    flops: int


def product(name: str, shape: tuple[int, int, int], threads: int) -> Product:
    """Make a product of two random matrices, [rows, inner] · [inner, columns].

    Args:
        name: what it is called.
        shape: rows, inner and columns.
        threads: torch's threads.

    Returns:
        The product.
    """
    rows, inner, columns = shape
    left, right = torch.rand(rows, inner), torch.rand(inner, columns)
    into = torch.empty(rows, columns)
    call = partial(torch.mm, left, right, out=into)
    return Product(Contestant(name, call, threads), 2 * rows * inner * columns)


def products(sizes: Sizes, gates: int, threads: int) -> list[Product]:
    """Make the products of a row: a large square one, and the row's own input projection.

    Args:
        sizes: the row.
        gates: blocks of N units.
        threads: torch's threads.

    Returns:
        The products.
    """
    own = (sizes.steps * sizes.rows, sizes.inputs, gates * sizes.units)
    return [
        product("product", (SIDE, SIDE, SIDE), threads),
        product("projection", own, threads),
    ]


def peak(times: Mapping[str, Times], made: Sequence[Product], threads: int) -> float:
    """Find the fastest of a row's products.

    Args:
        times: what `interleave` gave.
        made: the products that ran.
        threads: the number of threads whose products count.

    Returns:
        Operations a second, in units of 10⁹.
    """
    return max(
        each.flops / times[each.contestant.key].median / 1e9
        for each in made
        if each.contestant.threads == threads
    )
