"""Many steps as few columns: what a picture of a long input can hold."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError

MOST_COLUMNS = 2000


class Bins(NamedTuple):
    """Steps in bins that lie one after the other; bin c holds the steps edges[c] to edges[c + 1].

    The last of them is left out. ``mean``, ``low`` and ``high`` are those of each bin, [..., C];
    ``edges`` is [C + 1].
    """

    mean: Float[Tensor, "*rows _"]
    low: Float[Tensor, "*rows _"]
    high: Float[Tensor, "*rows _"]
    edges: Int[Tensor, "_"]


def binned(values: Float[Tensor, "*rows T"], most: int = MOST_COLUMNS) -> Bins:
    """Gather steps in bins of equal sizes, or of two sizes that differ by one.

    Args:
        values: one value of each step, [..., T].
        most: the most bins; where there are no more steps than that, each is a bin of its own.

    Returns:
        The mean, the least and the greatest value of each bin, and where the bins begin and end.
        A bin with a NaN is NaN.

    Raises:
        DataError: no step, or no bin, is wanted.

    Example:
        >>> bins = binned(torch.tensor([1.0, 3.0, 5.0, 6.0]), most=2)
        >>> bins.mean.tolist(), bins.low.tolist(), bins.high.tolist(), bins.edges.tolist()
        ([2.0, 5.5], [1.0, 5.0], [3.0, 6.0], [0, 2, 4])
    """
    steps = values.shape[-1]
    if steps < 1 or most < 1:
        raise DataError(f"one step and one bin at least are wanted, not {steps} and {most}")
    count = min(steps, most)
    edges = torch.arange(count + 1, device=values.device) * steps // count
    if count == steps:
        return Bins(values, values, values, edges.cpu())
    # a bin that is one step short has its last step twice: its least and greatest are the same
    places = edges[:-1, None] + torch.arange(-(-steps // count), device=values.device)
    inside = places < edges[1:, None]
    held = values[..., torch.minimum(places, edges[1:, None] - 1)]
    total = torch.where(inside, held.double(), 0.0).sum(-1)
    mean = (total / inside.sum(-1)).to(values.dtype)
    return Bins(mean, held.amin(-1), held.amax(-1), edges.cpu())
