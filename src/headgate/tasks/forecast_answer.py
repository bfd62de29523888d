"""What is foretold of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Outlook:
    """The steps that follow a series.

    Args:
        series: which it is.
        steps: their stamps, or their numbers from 1.
        mean: of each value, [T, L].
        quantiles: the values that lie above a share of the paths, [T, L] for each of
            ``QUANTILES``; of a point the same as the mean.
        names: of the L values.
        raw: of a stream the network's numbers for the next step, [L, size].
    """

    series: str
    steps: tuple[str, ...]
    mean: Float[Tensor, "T L"]
    quantiles: Mapping[float, Tensor]
    names: tuple[str, ...]
    raw: Tensor | None = None

    @classmethod
    def of(
        cls,
        series: str,
        steps: Sequence[str],
        paths: Float[Tensor, "K T L"],
        names: Sequence[str],
    ) -> Outlook:
        """Summarise sample paths.

        Args:
            series: which it is.
            steps: their stamps or numbers.
            paths: the paths.
            names: of the values.

        Returns:
            The outlook.
        """
        exact = paths.double()
        found = exact.quantile(torch.tensor(QUANTILES, dtype=torch.float64), dim=0)
        quantiles = dict(zip(QUANTILES, found, strict=True))
        return cls(series, tuple(steps), exact.mean(0), quantiles, tuple(names))

    @property
    def median(self) -> Float[Tensor, "T L"]:
        """The middle of the paths."""
        return self.quantiles[0.5]

    def rows(self) -> list[dict[str, str]]:
        """Give a row of a table for each step.

        Returns:
            The series, the step, the mean and the quantiles; of several values the names of these
            come before each.
        """
        columns = self._columns()
        return [
            {"series": self.series, "step": step}
            | {name: each[number] for name, each in columns.items()}
            for number, step in enumerate(self.steps)
        ]

    def row(self) -> dict[str, str | tuple[str, ...]]:
        """Give all steps as one row of a table.

        Returns:
            The same columns as ``rows``, each a sequence.
        """
        return {"series": self.series, "step": self.steps} | {
            name: tuple(each) for name, each in self._columns().items()
        }

    def plain(self) -> dict[str, Any]:
        """Give the answer as what JSON holds.

        Returns:
            The series, its steps and the names of its values; the mean of each value as a list a
            step, and likewise the quantiles, by their level as a text.
        """
        return {
            "series": self.series,
            "steps": list(self.steps),
            "names": list(self.names),
            "mean": self.mean.tolist(),
            "quantiles": {str(level): each.tolist() for level, each in self.quantiles.items()},
        }

    def _columns(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for place, name in enumerate(self.names):
            before = f"{name} " if len(self.names) > 1 else ""
            found[f"{before}mean"] = [f"{value:.7g}" for value in self.mean[:, place].tolist()]
            for level, values in self.quantiles.items():
                found[f"{before}{level}"] = [f"{value:.7g}" for value in values[:, place].tolist()]
        return found

    def __str__(self) -> str:
        return ", ".join(f"{value:.4g}" for value in self.median[:, 0].tolist())
