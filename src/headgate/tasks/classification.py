"""What a classifier says of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LISTED = 20


@dataclass(frozen=True)
class Classification:
    """A class, and how sure the model is.

    Args:
        label: the class.
        probabilities: of every class.
    """

    label: str
    probabilities: dict[str, float]

    @property
    def probability(self) -> float:
        """The probability of the class that was chosen."""
        return self.probabilities[self.label]

    def row(self) -> dict[str, str]:
        """Give the label, its probability, and that of each class where there are not many."""
        found = {"prediction": self.label, "probability": f"{self.probability:.4f}"}
        if len(self.probabilities) <= LISTED:
            found |= {f"p({name})": f"{p:.4f}" for name, p in self.probabilities.items()}
        return found

    def plain(self) -> dict[str, Any]:
        """Give the label, its probability, and that of every class, as what JSON holds."""
        return {
            "label": self.label,
            "probability": self.probability,
            "probabilities": dict(self.probabilities),
        }

    def __str__(self) -> str:
        return f"{self.label} ({self.probability:.3f})"
