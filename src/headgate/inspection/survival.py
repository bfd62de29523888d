"""How long a memory lasts: what is left of it after k steps."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

_AT_ONCE = 1 << 16  # factors that are worked on together: they stay in the cache
_HALF = 0.5 - 1e-9  # a factor of one half, to the bit, leaves half, however a sum is rounded


@dataclass(frozen=True, eq=False)
class Survival:
    """What survives of a state's old value.

    Args:
        steps: numbers of steps: 1, 2, 4, … and T.
        share: the share that survives so many steps, the mean over all starts, [D, _, N]. Its
            sign is left out: a memory that a cell turns round at each step is there still. It is
            above 1 where a cell lets it grow.
        half_life: the fewest steps after which less than half survives, [D, N]; inf where it is
            more than half after T.
    """

    steps: Int[Tensor, "_"]
    share: Float[Tensor, "D _ N"]
    half_life: Float[Tensor, "D N"]


def survival(kept: Float[Tensor, "D T N"]) -> Survival:
    """Measure what survives of a state.

        sₖ = mean over t of |kₜ₊₁ kₜ₊₂ ⋯ kₜ₊ₖ|

    The products are differences of sums of logarithms, so the cost does not grow with k; a factor
    of zero has no logarithm and is counted apart.

    Args:
        kept: what the old value is multiplied by at every step.

    Returns:
        The shares and half-lives.

    Example:
        >>> found = survival(torch.full((1, 8, 1), 0.8))
        >>> found.steps.tolist(), found.half_life.tolist()
        ([1, 2, 4, 8], [[4.0]])
    """
    count = kept.shape[1]
    steps = [1 << power for power in range((count - 1).bit_length())] + [count]
    some = max(1, _AT_ONCE // count)
    found = [_of_units(each, steps) for layer in kept for each in layer.T.split(some)]
    shares = torch.cat([share for share, _ in found]).view(len(kept), -1, len(steps))
    lives = torch.cat([life for _, life in found]).view(len(kept), -1)
    return Survival(torch.tensor(steps), shares.transpose(1, 2), lives)


def _of_units(
    kept: Float[Tensor, "N T"], steps: list[int]
) -> tuple[Float[Tensor, "N _"], Float[Tensor, "N"]]:
    windows = _Windows(kept)
    share = torch.stack([windows.over(length) for length in steps], 1)
    lives = [_half_life(windows.of(unit), steps, each) for unit, each in enumerate(share.tolist())]
    return share, torch.tensor(lives, dtype=torch.float64)


class _Windows:
    """Products of the factors of k steps, for all starts at once."""

    def __init__(self, kept: Float[Tensor, "*rows T"]) -> None:
        zero = kept == 0
        self.sums = _from_zero(torch.where(zero, 1.0, kept.double()).abs_().log_())
        self.zeros = _from_zero(zero.int()) if bool(zero.any()) else None

    def of(self, unit: int) -> _Windows:
        """Give those of one unit."""
        one = copy(self)
        one.sums = self.sums[unit]
        one.zeros = None if self.zeros is None else self.zeros[unit]
        return one

    def over(self, length: int) -> Float[Tensor, "*rows"]:
        """Give the mean product of windows of a length."""
        products = (self.sums[..., length:] - self.sums[..., :-length]).exp_()
        if self.zeros is not None:
            products[self.zeros[..., length:] != self.zeros[..., :-length]] = 0.0
        return products.mean(-1)


def _from_zero(values: Float[Tensor, "*rows T"] | Int[Tensor, "*rows T"]) -> Tensor:
    """The sums of the first 0, 1, 2, … values."""
    return functional.pad(values.cumsum(-1), (1, 0))


def _half_life(windows: _Windows, steps: list[int], share: list[float]) -> float:
    """Halve the gap between a length that more than half survives and one that it does not."""
    if any(each != each for each in share):
        return math.nan
    first = next((place for place, each in enumerate(share) if each < _HALF), None)
    if first is None:
        return math.inf
    above, below = ([0, *steps])[first], steps[first]
    while below - above > 1:
        middle = (above + below) // 2
        if float(windows.over(middle)) < _HALF:
            below = middle
        else:
            above = middle
    return float(below)
