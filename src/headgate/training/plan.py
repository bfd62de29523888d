"""How long and how fast a model learns."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.errors import TrainingError

_HIGHEST_RATE = 1e30  # float32 holds its steps
_SEEDS = 2**63  # torch holds so many, above zero and below


@dataclass(frozen=True)
class Plan:
    """The limits and rates of one training.

    Args:
        epochs: passes over the training part at most.
        minutes: minutes of training at most; None sets no limit. A run that time ends is not
            repeatable to the bit; one that epochs end is.
        batch_size: rows of a batch.
        learning_rate: the highest rate of AdamW (Loshchilov & Hutter 2019).
        weight_decay: the decay of every matrix.
        warmup: steps over which the rate rises; from there it falls to zero in a straight line.
        clip: the largest norm of a gradient.
        average: how much the running mean of the weights, which is what is validated and kept,
            holds on to its past at each step (Polyak & Juditsky 1992); 0 keeps the weights.
        patience: validations without a better score before the training stops.
        validate_every: steps between validations where an epoch is longer.
        save_every: seconds between checkpoints, of a run that has a directory; more where writing
            them would take more than a fiftieth of the time; 0 writes one after every step.
        seed: of the weights, the batches and the dropout.
        threads: of the processor; where None one for a small network, else torch's.
    """

    epochs: int = 20
    minutes: float | None = None
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: int = 100
    clip: float = 1.0
    average: float = 0.98
    patience: int = 5
    validate_every: int = 1000
    save_every: float = 60.0
    seed: int = 42
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "validate_every", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise TrainingError(f"{name} is at least 1, not {value}")
        if self.minutes is not None and not self.minutes > 0:
            raise TrainingError(f"minutes is more than 0, not {self.minutes}")
        if not 0 < self.learning_rate <= _HIGHEST_RATE:
            raise TrainingError(
                f"learning_rate is more than 0, not {self.learning_rate}; {_HIGHEST_RATE:g} at most"
            )
        if not -_SEEDS <= self.seed < _SEEDS:
            raise TrainingError(f"seed is a whole number of 64 bits, not {self.seed}")
        if not 0 <= self.average < 1:
            raise TrainingError(f"average is from 0 to below 1, not {self.average}")
        if not self.clip > 0:
            raise TrainingError(f"clip is more than 0, not {self.clip}")
        for name in ("weight_decay", "warmup", "save_every"):
            if not getattr(self, name) >= 0:
                raise TrainingError(f"{name} is 0 or more, not {getattr(self, name)}")
