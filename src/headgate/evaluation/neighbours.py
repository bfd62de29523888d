"""The nearest neighbour: what a model that learns nothing knows of an input."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

_AT_ONCE = 1 << 24  # distances held at once: 64 MB


def nearest(known: Float[Tensor, "K N"], asked: Float[Tensor, "B N"]) -> Int[Tensor, "B"]:
    """Find the row nearest to each by Euclid's distance.

    Source: Cover & Hart, "Nearest neighbor pattern classification", 1967.

    Args:
        known: what is known, [K, N].
        asked: what is asked for, [B, N].

    Returns:
        For each row that is asked for the number of the nearest; of equals the first, [B].

    Example:
        >>> nearest(torch.tensor([[0.0], [5.0]]), torch.tensor([[1.0], [4.0], [2.5]]))
        tensor([0, 1, 0])
    """
    size = max(1, _AT_ONCE // max(1, len(known)))
    found = [torch.cdist(part, known).argmin(1) for part in asked.split(size)]
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
