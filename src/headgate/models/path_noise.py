"""Chance for sample paths, of which each row has its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

_EDGE = 1e-6  # how near a uniform number comes to 0 and to 1


class Noise:
    """Chance for the sample paths of some rows, of which each has its own.

    What a row draws does not depend on the rows beside it. Uniform numbers are drawn in strata
    over the paths of a row (McKay 1979): each path's is uniform, and together they cover the line
    evenly, so that a mean over few paths is near that over many.

    Args:
        seeds: of each row.
        paths: K, draws of each row.
    """

    def __init__(self, seeds: Sequence[int], paths: int) -> None:
        self.paths = paths
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def uniform(self, width: int) -> Float[Tensor, "B K L"]:
        """Draw uniform numbers.

        Args:
            width: L, how many for each path.

        Returns:
            Numbers between 0 and 1.
        """
        drawn = torch.stack(
            [torch.rand(2, self.paths, width, generator=g) for g in self.generators]
        )
        stratum = drawn[:, 0].argsort(1)
        return ((stratum + drawn[:, 1]) / self.paths).clamp(_EDGE, 1 - _EDGE)

    def negative_binomial(
        self, count: Float[Tensor, "B K L"], mean: Float[Tensor, "B K L"]
    ) -> Float[Tensor, "B K L"]:
        """Draw counts: of Poisson's law, whose rate is of a gamma law.

        Args:
            count: the number of failures r.
            mean: of the counts.

        Returns:
            Whole numbers, 0 or more.
        """
        rows = []
        for r, m, generator in zip(count, mean, self.generators, strict=True):
            gamma = torch._standard_gamma(r, generator=generator)  # type: ignore[attr-defined]
            rate = gamma * m / r
            rows.append(torch.poisson(rate, generator=generator))
        return torch.stack(rows)
