"""What a classifier is made of, and its defaults."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.errors import UnknownNameError
from headgate.layers.checks import check_probability
from headgate.tasks.many_to_one import ManyToOneSettings


@dataclass
class ClassifySettings(ManyToOneSettings):
    """What a classifier is made of.

    Args:
        class_weights: "balanced" weighs each class by its rarity in the loss.
        threshold: from which probability on an input is of the rarer of two classes; "tune"
            chooses it on the validation part, for the highest F1.
    """

    class_weights: str | None = None
    threshold: float | str = 0.5

    def __post_init__(self) -> None:
        if self.class_weights not in (None, "balanced"):
            raise UnknownNameError("class_weights", self.class_weights, ["balanced", "None"])
        if isinstance(self.threshold, str) and self.threshold != "tune":
            raise UnknownNameError("threshold", self.threshold, ["tune", "a number from 0 to 1"])
        if not isinstance(self.threshold, str):
            check_probability(threshold=self.threshold)
