"""A transcriber on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from headgate.data.batches import Batches, pad
from headgate.data.examples import Examples
from headgate.data.frames import Frames
from headgate.data.ragged import Ragged
from headgate.decoding.ctc import frames_needed
from headgate.evaluation.edits import character_error_rate, word_error_rate
from headgate.models.transcriber import Transcriber
from headgate.training import Plan, Validation

if TYPE_CHECKING:
    from headgate.tasks.transcribe import Transcribe

_SAMPLES = 3
_TIE = 1e-3  # of the loss: it alone tells models apart that say nothing yet


class TranscribeLearner:
    """A transcriber that learns.

    Args:
        task: the task.
        train: what is learned from.
        valid: what is chosen by.
        plan: the limits and rates.

    Raises:
        DataError: a text is longer than its sound has steps; the message has the row.
    """

    carried: tuple[Tensor, ...] = ()

    def __init__(self, task: Transcribe, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.network, self.valid = task, task.network, valid
        self.rows, self.labels = self._encoded(train)
        _check_lengths(train, self.rows, self.labels, task.reading.seconds)
        self.valid_rows, self.valid_labels = self._encoded(valid)
        self.dealer = Batches(self.rows.lengths, batch_size=plan.batch_size, seed=plan.seed)

    def _encoded(self, examples: Examples) -> tuple[Frames, Ragged]:
        task = self.task
        return task.reading.encode_rows(examples.inputs), task.text.encode_rows(examples.targets)

    def batches(self, epoch: int) -> list[list[int]]:
        """Give the batches of an epoch, the same for the same number."""
        return self.dealer.epoch(epoch)

    def loss(self, rows: list[int]) -> Tensor:
        """Give the nats of a label, the mean over the batch."""
        return _nats(self.task, self.network, self.rows, self.labels, rows)

    def validate(self, network: nn.Module) -> Validation:
        """Judge a network by the errors of its likeliest paths."""
        assert isinstance(network, Transcriber)
        found = self.task.texts(network, self.valid_rows, width=1)
        rates = {"character": character_error_rate, "word": word_error_rate}
        wanted, unit = self.task.comparable(self.valid.targets), self.task.settings.unit
        rate = rates[unit](found, wanted).value
        numbers = Batches(self.valid_rows.lengths, batch_size=64).in_order()
        sizes = [sum(len(self.valid_labels[row]) for row in rows) for rows in numbers]
        total = sum(
            size * float(_nats(self.task, network, self.valid_rows, self.valid_labels, rows))
            for rows, size in zip(numbers, sizes, strict=True)
        )
        loss = total / max(1, sum(sizes))
        samples = [
            f"{one}  ←  {other}" for one, other in zip(found[:_SAMPLES], wanted, strict=False)
        ]
        values = {"valid_loss": loss, f"valid_{unit}_error_rate": rate}
        return Validation(-rate - _TIE * loss, values, samples)


def _nats(
    task: Transcribe, network: nn.Module, encoded: Frames, labels: Ragged, rows: list[int]
) -> Tensor:
    """Give the mean nats of a label over some rows."""
    assert isinstance(network, Transcriber)
    device = next(network.parameters()).device
    frames, lengths = task.reading.pad([encoded[row] for row in rows])
    wanted, counts = pad([labels[row] for row in rows], network.blank)
    said = network(frames.to(device), lengths)
    nats = network.nats(said, lengths, wanted.to(device), counts)
    return nats.sum() / counts.sum().clamp(min=1)


def _check_lengths(examples: Examples, rows: Frames, labels: Ragged, seconds: float) -> None:
    """Refuse a text that no path can stand for."""
    for row, (steps, text) in enumerate(zip(rows.lengths, labels, strict=True)):
        needed = frames_needed(text)
        if needed > steps:
            raise examples.error(
                f"the text has {len(text)} labels, which need {needed} steps at least (one more "
                f"between equal neighbours), and its sound has {steps} of {seconds * 1000:.0f} ms: "
                "is it the text of this sound? A smaller stack makes more steps",
                row,
                of="target",
            )
