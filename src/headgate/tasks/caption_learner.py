"""A captioner on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from headgate.data.batches import Batches
from headgate.data.examples import Examples
from headgate.models import Captioner
from headgate.tasks.caption_rows import Grouped, caption_logits, picture_nats
from headgate.tasks.pair_settings import Search
from headgate.training import Plan, Validation

if TYPE_CHECKING:
    from headgate.tasks.caption import Caption

_SAMPLES = 3


class CaptionLearner:
    """What the loop trains: a batch is some pictures with all captions of each.

    Args:
        task: the task with its network.
        train: what it learns from.
        valid: what it is chosen by.
        plan: captions of a batch, and seed.
    """

    carried: tuple[Tensor, ...] = ()

    def __init__(self, task: Caption, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.network = task, task.network
        self.rows, self.valid = task.rows(train), task.rows(valid)
        self.samples = Grouped.of(valid).inputs[:_SAMPLES]
        each = len(train) / len(self.rows)
        size = max(1, round(plan.batch_size / each))
        self.dealer = Batches(self.rows.sources.lengths, batch_size=size, seed=plan.seed)

    def batches(self, epoch: int) -> list[list[int]]:
        """Give the batches of an epoch, the same for the same number."""
        return self.dealer.epoch(epoch)

    def loss(self, pictures: list[int]) -> Tensor:
        """Give the cross-entropy of a word, the mean over the batch."""
        settings = self.task.settings
        seen, places = self.task.sight.batch([self.rows.sources[each] for each in pictures])
        source = (self.task.sight.moved(seen, settings), places)
        logits, wanted, _ = caption_logits(self.network, source, *self.rows.targets(pictures))
        return functional.cross_entropy(logits, wanted, label_smoothing=settings.label_smoothing)

    def validate(self, network: nn.Module) -> Validation:
        """Judge a network by the nats of a word."""
        assert isinstance(network, Captioner)
        nats, tokens = picture_nats(network, self.task.sight, self.valid)
        mean = float(nats.sum()) / int(tokens.sum())
        return Validation(-mean, {"valid_loss": mean}, self._samples(network))

    def _samples(self, network: Captioner) -> list[str]:
        found = self.task.answered(network, self.samples, Search(beam_width=1))
        pairs = zip(self.samples, found, strict=True)
        return [f"{self.task.shown(each)}  →  {best[0].text}" for each, best in pairs]
