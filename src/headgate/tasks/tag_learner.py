"""A tagger on its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from headgate.data.batches import Batches, pad
from headgate.data.examples import Examples
from headgate.data.fields import LabelField
from headgate.errors import DataError
from headgate.evaluation.tagging import chunk_values, tag_accuracy
from headgate.models.tagger import Tagger
from headgate.tasks.tag_encoding import Reader
from headgate.tasks.tag_network import tag_ids
from headgate.tasks.tag_settings import NO_SCHEME, TagSettings
from headgate.training import Plan, Validation

_SHOWN = 12  # words of a sample


@runtime_checkable
class Tags(Protocol):
    """What a learner needs of its task."""

    settings: TagSettings
    network: Tagger
    reader: Reader
    labels: LabelField


class TagLearner:
    """A tagger that learns.

    A sentence is learned from to its word ``longest``; under a CRF with constraints to the last
    word before it that a sentence may end with.

    Args:
        task: the task.
        train: what is learned from.
        valid: what is chosen by.
        plan: the limits and rates.

    Raises:
        DataError: no sentence is left that can be learned from.
    """

    carried: tuple[Tensor, ...] = ()

    def __init__(self, task: Tags, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.valid = task, valid
        self.network: nn.Module = task.network
        kept = [self._kept(tags) for tags in train.targets]
        rows = [row for row, size in enumerate(kept) if size]
        if not rows:
            raise DataError(f"no sentence has an end within {task.settings.longest} words")
        self.encoded = task.reader.encode([train.inputs[row][: kept[row]] for row in rows])
        self.tags = [
            [task.labels.encode(tag) for tag in train.targets[row][: kept[row]]] for row in rows
        ]
        self.dealer = Batches(
            [len(row) for row in self.tags], batch_size=plan.batch_size, seed=plan.seed
        )

    def _kept(self, tags: Sequence[str]) -> int:
        """Count the words that are learned from."""
        longest, crf = self.task.settings.longest, self.task.network.crf
        if len(tags) <= longest or crf is None or crf.allowed_ends is None:
            return min(len(tags), longest)
        ends = crf.allowed_ends.tolist()
        sizes = range(longest, 0, -1)
        return next((n for n in sizes if ends[self.task.labels.encode(tags[n - 1])]), 0)

    def batches(self, epoch: int) -> list[list[int]]:
        """Give the batches of an epoch.

        Args:
            epoch: its number, which with the seed decides all.

        Returns:
            The rows of each batch.
        """
        return self.dealer.epoch(epoch)

    def loss(self, batch: Any) -> Tensor:
        """Give the loss of a batch.

        Args:
            batch: rows of the training part.

        Returns:
            The mean negative log-likelihood of a token, in nats.
        """
        network = self.task.network
        device = next(network.parameters()).device
        read = self.encoded.batch(batch, device)
        tags, _ = pad([self.tags[row] for row in batch], 0)
        return network.loss(network(read), tags.to(device), read.lengths)

    def validate(self, network: nn.Module) -> Validation:
        """Judge a network by its chunks where tags follow a scheme, else by its accuracy.

        Args:
            network: the tagger, in evaluation mode.

        Returns:
            The scores.
        """
        assert isinstance(network, Tagger)
        settings, names = self.task.settings, self.task.labels.classes
        ids = tag_ids(network, self.task.reader, self.valid.inputs, longest=settings.longest)
        given = [[names[number] for number in row] for row in ids]
        values = {"valid_accuracy": tag_accuracy(given, self.valid.targets).value}
        if settings.scheme != NO_SCHEME:
            found = chunk_values(given, self.valid.targets, scheme=settings.scheme)
            values = {f"valid_{name}": value for name, value in found.items()} | values
        return Validation(next(iter(values.values())), values, self._samples(given))

    def _samples(self, given: list[list[str]]) -> list[str]:
        rows = zip(self.valid.inputs[:3], given[:3], strict=True)
        return [
            " ".join(f"{word}/{tag}" for word, tag in list(zip(words, tags, strict=True))[:_SHOWN])
            for words, tags in rows
        ]
