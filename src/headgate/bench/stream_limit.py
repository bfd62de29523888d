"""The time below which no step can fall: its weights are read once, its products taken once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from headgate.bench.peak import Product, peak, products
from headgate.bench.plan import Record
from headgate.bench.sizes import GATES, Sizes
from headgate.bench.timing import Contestant, Times

_ENTRIES = 2**22  # that a call reads, at least: the call itself must not show
_COLUMNS = 64


@dataclass(frozen=True)
class Reader:
    """A way to read a buffer that runs in turn with a row's contestants.

    Args:
        contestant: the reading.
        read: bytes of a call.
    """

    contestant: Contestant
    read: int


@dataclass(frozen=True)
class Limit:
    """What bounds a step of a row from below, measured beside it.

    Args:
        size: bytes of the weight matrices.
        flops: operations of the step's products.
        readers: ways to read as many bytes.
        made: matrix products.
    """

    size: int
    flops: int
    readers: tuple[Reader, ...]
    made: tuple[Product, ...]

    @property
    def contestants(self) -> list[Contestant]:
        """All that has to run in turn with the row's contestants."""
        return [each.contestant for each in (*self.readers, *self.made)]

    def compare(self, times: Mapping[str, Times]) -> Record:
        """Find the limit.

        Args:
            times: what `interleave` gave.

        Returns:
            The time of reading, that of the products, the greater one, and what they follow from.
        """
        rates = {  # of the fastest round: a limit must not be too high
            each.contestant.name: each.read / min(times[each.contestant.key].seconds)
            for each in self.readers
        }
        reader = max(rates, key=rates.__getitem__)
        top = peak(times, self.made, 1)
        reading, arithmetic = self.size / rates[reader], self.flops / top / 1e9
        return {
            "weight_bytes": self.size,
            "flops": self.flops,
            "read_gbytes": rates[reader] / 1e9,
            "read_by": reader,
            "peak_gflops": top,
            "reading_us": 1e6 * reading,
            "arithmetic_us": 1e6 * arithmetic,
            "limit_us": 1e6 * max(reading, arithmetic),
        }


def matrix_entries(layer: nn.RNNBase) -> int:
    """Count the entries of the weight matrices: each is read once in a step.

    Args:
        layer: torch.nn's layers.

    Returns:
        The number, without biases.
    """
    matrices = (value for name, value in layer.named_parameters() if name.startswith("weight"))
    return sum(value.numel() for value in matrices)


def limit_of(cell: str, layer: nn.RNNBase, sizes: Sizes, count: int) -> Limit:
    """Make what measures the limit of a row.

    Args:
        cell: a key of ``GATES``.
        layer: torch.nn's layers.
        sizes: the row.
        count: steps of a timed call, which reads the weights as often.

    Returns:
        The limit; its contestants have not run.
    """
    entries = matrix_entries(layer)
    # one step's product of a layer, its input and its state side by side
    step = Sizes(1, sizes.rows, sizes.inputs + sizes.units, sizes.units)
    return Limit(
        size=4 * entries,
        flops=step_flops(layer, sizes),
        readers=readers(entries, count),
        made=tuple(products(step, GATES[cell], 1)),
    )


def step_flops(layer: nn.RNNBase, sizes: Sizes) -> int:
    """Count the operations of the products of one step; a multiply-add is two.

    Args:
        layer: torch.nn's layers.
        sizes: the row.

    Returns:
        Operations.
    """
    return 2 * sizes.rows * matrix_entries(layer)


def readers(entries: int, passes: int) -> tuple[Reader, ...]:
    """Make every way to read a buffer of float32: which is the fastest depends on the caches.

    Args:
        entries: of the buffer, made a multiple of ``_COLUMNS``.
        passes: how often a call reads all of it, at least: only a first pass finds cold caches.

    Returns:
        The ways.
    """
    buffer = torch.rand(-(-entries // _COLUMNS) * _COLUMNS)
    times = max(passes, _ENTRIES // buffer.numel())
    ways = {
        "sum": _reduction(torch.sum, buffer, times),
        "sum64": _reduction(torch.sum, buffer.view(torch.float64), times),
        "maximum": _reduction(torch.amax, buffer.view(torch.uint8), times),  # waits for no sum
        "mv": _mv(buffer, times),
    }
    read = buffer.nbytes * times
    return tuple(Reader(Contestant(name, way), read) for name, way in ways.items())


def _reduction(reduce: Callable[..., Tensor], buffer: Tensor, times: int) -> Callable[[], object]:
    """Reduce a buffer so many times with one call from Python, which would else take longer."""
    rows = buffer.expand(times, buffer.numel())  # all the same memory
    return partial(reduce, rows, 1, out=torch.empty(times, dtype=buffer.dtype))


def _mv(buffer: Tensor, times: int) -> Callable[[], object]:
    """Read by the product of a matrix, stored by columns, and a vector."""
    matrix, vector = buffer.view(_COLUMNS, -1).t(), torch.ones(_COLUMNS)
    out = torch.empty(matrix.shape[0])

    def call() -> None:
        for _ in range(times):
            torch.mv(matrix, vector, out=out)

    return call
