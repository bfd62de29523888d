"""A training under watch: a loss that diverges, a clip that always bites, a doctor's visits."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from headgate.training.plan import Plan
from headgate.training.protocol import Doctor, Note

SHARE = 0.02  # of the time at most goes to the doctor's visits
FIRST = 0.06  # seconds that the first visit is taken to last, before one was timed
_PATIENCE = 50  # steps in a row with a loss far above its best
_FAR, _MARGIN = 3.0, 1.0  # spreads above the best, and how much at least
_CLIPPED, _OFTEN = 10.0, 0.9  # times the clip, and at which share of the steps
_MEMORY = 0.99  # of that share


@dataclass
class Course:
    """How a loss goes: where it began, its best, and how long it has been far above.

    Args:
        first: the loss of the first step.
        best: the least running mean.
        spread: how far the losses lay from their running mean at the best.
        deviation: a running mean of the squares of that.
        far: steps in a row that were far above the best.
    """

    first: float = math.nan
    best: float = math.inf
    spread: float = 0.0
    deviation: float = 0.0
    far: int = 0

    def follow(self, loss: float, mean: float) -> bool:
        """Take the loss of a step.

        Args:
            loss: of the step.
            mean: its running mean.

        Returns:
            Whether the loss has diverged: it was over twice the first and far above the best for
            so many steps in a row that it is no outlier.
        """
        self.first = loss if math.isnan(self.first) else self.first
        self.deviation = 0.95 * self.deviation + 0.05 * (loss - mean) ** 2
        if mean < self.best:
            self.best, self.spread = mean, math.sqrt(self.deviation)
        least = self.best + max(_MARGIN, _FAR * self.spread)
        least = max(least, self.first + abs(self.first))
        # one wild batch lifts the mean for long: each loss has to be far above, too
        self.far = self.far + 1 if min(loss, mean) > least else 0
        return self.far >= _PATIENCE


@dataclass(frozen=True)
class Seen:
    """What was seen without a doctor.

    Args:
        kind: a word for it.
        where: what it is about.
        sentence: what is seen, and what to do.
    """

    kind: str
    where: str
    sentence: str


class Watch:
    """Follows a training.

    Args:
        plan: the limits and rates.
        doctor: who looks at the network; nobody where None.
    """

    def __init__(self, plan: Plan, doctor: Doctor | None = None) -> None:
        self.plan, self.doctor = plan, doctor
        self.course = Course()
        self.spent, self.last = 0.0, FIRST  # seconds
        self.clipped, self.norm = 0.0, 0.0
        self.said: list[list[str]] = []  # kind, where
        self.listened = False

    def listening(self, network: nn.Module, seconds: float) -> AbstractContextManager[None]:
        """Let the doctor listen to a step, where a visit is due.

        Args:
            network: what trains.
            seconds: how long it has trained.

        Returns:
            What the loss is computed in.
        """
        self.listened = self.spent + self.last <= SHARE * seconds
        if self.doctor is None or not self.listened:
            return nullcontext()
        return self.doctor.listening(network)

    def clips(self, norm: Tensor) -> None:
        """Take the norm of a step's gradient.

        Args:
            norm: before it is clipped.
        """
        value = float(norm)
        over = not value <= _CLIPPED * self.plan.clip
        self.clipped = _MEMORY * self.clipped + (1 - _MEMORY) * over
        if math.isfinite(value):
            self.norm = _MEMORY * self.norm + (1 - _MEMORY) * value

    def notes(self, step: int) -> list[Note]:
        """Give what is new after a step.

        Args:
            step: its number.

        Returns:
            Each kind once for each place in a run.
        """
        found: list[Note] = []
        if self.clipped > _OFTEN:
            found.append(self._clipping())
        if self.doctor is not None and self.listened:
            found += self._visited(self.doctor, step)
        fresh: list[Note] = []
        for note in found:
            if [note.kind, note.where] not in self.said:
                self.said.append([note.kind, note.where])
                fresh.append(note)
        return fresh

    def _visited(self, doctor: Doctor, step: int) -> Sequence[Note]:
        began = time.monotonic()
        try:
            return doctor.visit(step)
        except Exception as error:  # a training is not to end because of its doctor
            self.doctor = None
            text = f"{type(error).__name__}: {error}"
            return [Seen("unseen", "", f"the layers could not be looked at ({text})")]
        finally:
            self.last = time.monotonic() - began
            self.spent += self.last

    def _clipping(self) -> Seen:
        clip = self.plan.clip
        return Seen(
            "clipped",
            "gradient",
            f"the gradient's norm, {self.norm:.3g} of late, is over {_CLIPPED:g} times clip "
            f"({clip:g}) at {self.clipped:.0%} of the steps, so clip sets the size of each; a "
            "greater clip, targets on a smaller scale or a loss that is a mean let it count again",
        )

    def diverged(self, step: int, mean: float) -> Seen:
        """Say that the loss has diverged.

        Args:
            step: the number of the last step.
            mean: the running mean of the loss, or the loss that is not finite.

        Returns:
            The note.
        """
        best = "" if math.isinf(self.course.best) else f", after a best of {self.course.best:.4g}"
        return Seen(
            "diverged",
            "loss",
            f"the loss is {mean:.4g} at step {step}{best}; a smaller learning_rate than "
            f"{self.plan.learning_rate:g} or a longer warmup may hold it",
        )

    def numbers(self) -> dict[str, Any]:
        """Give what a checkpoint keeps of it."""
        own = {name: getattr(self, name) for name in _NUMBERS}
        return own | {"course": asdict(self.course)}

    def restore(self, numbers: dict[str, Any]) -> None:
        """Undo ``numbers``.

        Args:
            numbers: what was given; nothing is undone where it is empty.
        """
        if not numbers:
            return
        self.course = Course(**numbers["course"])
        for name in _NUMBERS:
            setattr(self, name, numbers[name])


_NUMBERS = ("spent", "last", "clipped", "norm", "said")
