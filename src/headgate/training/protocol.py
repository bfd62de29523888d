"""What the loop asks of a task, and whom it tells what happens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


@dataclass(frozen=True)
class Validation:
    """How good a model is on the validation part.

    Args:
        score: what is selected on; more is better.
        values: every figure by name, for the history.
        samples: a few lines of what the model says, for the eye.
    """

    score: float
    values: dict[str, float]
    samples: list[str] = field(default_factory=list)


@runtime_checkable
class Learner(Protocol):
    """A task on its way: a network, its batches, its loss, its validation.

    ``carried`` is what goes from batch to batch, such as the state of a text that is read in
    pieces; () where nothing does. Chance comes from torch's default generators in ``loss``, and
    from generators of its own elsewhere.
    """

    carried: tuple[Tensor, ...]

    @property
    def network(self) -> nn.Module:
        """The network that learns."""
        ...

    def batches(self, epoch: int, /) -> Sequence[Any]:
        """Begin an epoch: give its batches, the same for the same number."""
        ...

    def loss(self, batch: Any, /) -> Tensor:
        """Give the loss of a batch, a scalar with a gradient."""
        ...

    def validate(self, network: nn.Module, /) -> Validation:
        """Judge a network, in evaluation mode and without gradients."""
        ...


@dataclass(frozen=True)
class Moment:
    """Where a training stands.

    Args:
        epoch: the epoch, from 1.
        step: the step, from 1.
        fraction: how much of the run is over, from 0 to 1.
        seconds: how long it has run.
        loss: a running mean of the training loss.
    """

    epoch: int
    step: int
    fraction: float
    seconds: float
    loss: float

    @property
    def left(self) -> float:
        """Seconds left at this pace."""
        return self.seconds * (1 / max(self.fraction, 1e-9) - 1)


@runtime_checkable
class Note(Protocol):
    """A defect of a training or of what trains: of what kind, where, and what to do."""

    @property
    def kind(self) -> str:
        """A word for it."""
        ...

    @property
    def where(self) -> str:
        """The layer that it is about."""
        ...

    @property
    def sentence(self) -> str:
        """What is seen, and what to do."""
        ...


@runtime_checkable
class Reporter(Protocol):
    """Whoever wants to know: a terminal, a file, or nobody."""

    def resumed(self, moment: Moment) -> None:
        """Hear that the training goes on from a checkpoint."""
        ...

    def step(self, moment: Moment) -> None:
        """Hear of a step."""
        ...

    def validation(self, moment: Moment, validation: Validation, *, best: bool) -> None:
        """Hear of a validation, and whether it is the best so far."""
        ...

    def note(self, moment: Moment, note: Note) -> None:
        """Hear of a defect, when it is first seen."""
        ...

    def end(self, reason: str) -> None:
        """Hear why the training ended."""
        ...


@runtime_checkable
class Doctor(Protocol):
    """Whoever looks at a network while it trains; it changes nothing of it or of torch's chance."""

    def listening(self, network: nn.Module, /) -> AbstractContextManager[None]:
        """Keep what a visit needs of the step that is computed inside the block."""
        ...

    def visit(self, step: int, /) -> Sequence[Note]:
        """Look at the network after that step."""
        ...
