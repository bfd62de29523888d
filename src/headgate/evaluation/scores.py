"""A score with what it needs to be judged by: an interval and a baseline."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# Of these less is better; of all others more. Of "name:part" the name counts.
LESS_IS_BETTER = frozenset(
    {
        "perplexity",
        "bits_per_character",
        "character_error_rate",
        "word_error_rate",
        "nll",
        "mse",
        "rmse",
        "mase",
        "smape",
        "crps",
        "mae",
    }
)


@dataclass(frozen=True)
class Score:
    """What a model reached on some rows.

    Attributes:
        value: the score on the rows as they are.
        low: the lower end of its 95 % interval.
        high: the upper end.
        baseline: what a model that looks at little or nothing reaches on the same rows, or
            None if there is none.

    Example:
        >>> print(Score(0.987, 0.981, 0.992, 0.871))
        0.987 (95 % interval 0.981 to 0.992; baseline 0.871)
    """

    value: float
    low: float
    high: float
    baseline: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Give the four numbers by name, as they go into ``metrics.json``."""
        return asdict(self)

    def __str__(self) -> str:
        numbers = [self.value, self.low, self.high, self.baseline or 0.0]
        digits = 3 if all(abs(number) <= 1 for number in numbers) else 2  # BLEU ends at 100
        value, low, high = (f"{number:.{digits}f}" for number in numbers[:3])
        beside = "" if self.baseline is None else f"; baseline {self.baseline:.{digits}f}"
        return f"{value} (95 % interval {low} to {high}{beside})"


def less_is_better(name: str) -> bool:
    """Tell whether less of a score is better.

    Args:
        name: the score's name, perhaps with a part after a colon.

    Returns:
        Whether it is one of ``LESS_IS_BETTER``.

    Example:
        >>> less_is_better("perplexity"), less_is_better("f1:spam")
        (True, False)
    """
    return name.partition(":")[0] in LESS_IS_BETTER
