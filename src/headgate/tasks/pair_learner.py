"""A model from text to text on its way, and how well it expects given targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from headgate.data.batches import Batches, pad, restore
from headgate.data.examples import Examples
from headgate.data.fields import TextField
from headgate.models import AttentiveDecoder, EncoderDecoder, Memory
from headgate.tasks.pair_fields import Pair, PairIds
from headgate.tasks.pair_settings import Search
from headgate.training import Plan, Validation

if TYPE_CHECKING:
    from headgate.tasks.pairs import Pairs

_AT_ONCE = 64  # rows that are judged together
_SAMPLES = 3


class PairLearner:
    """What the loop trains.

    Args:
        task: the task with its network.
        train: what it learns from.
        valid: what it is chosen by.
        plan: batch size and seed.
    """

    carried: tuple[Tensor, ...] = ()

    def __init__(self, task: Pairs, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.network, self.valid = task, task.network, valid
        self.train_pairs, self.valid_pairs = self._pairs(train), self._pairs(valid)
        self.dealer = Batches(
            _lengths(self.train_pairs), batch_size=plan.batch_size, seed=plan.seed
        )

    def _pairs(self, examples: Examples) -> PairIds:
        return self.task.pairs(examples, longest=self.task.settings.longest)

    def batches(self, epoch: int) -> list[list[int]]:
        """Give the batches of an epoch, the same for the same number."""
        return self.dealer.epoch(epoch)

    def loss(self, rows: list[int]) -> Tensor:
        """Give the cross-entropy of a target's token, the mean over the batch."""
        pairs = [self.train_pairs[row] for row in rows]
        logits, wanted, _ = expected(self.network, pairs)
        smoothing = self.task.settings.label_smoothing
        total = functional.cross_entropy(logits, wanted, reduction="sum", label_smoothing=smoothing)
        return total / len(wanted)

    def validate(self, network: nn.Module) -> Validation:
        """Judge a network by the nats of a target's token."""
        assert isinstance(network, EncoderDecoder)
        nats, tokens = row_nats(network, self.valid_pairs)
        mean = float(nats.sum()) / int(tokens.sum())
        return Validation(-mean, {"valid_loss": mean}, self._samples(network))

    def _samples(self, network: EncoderDecoder) -> list[str]:
        shown = list(self.valid.inputs[:_SAMPLES])
        found = self.task.answering(network).search(shown, Search(beam_width=1))
        return [f"{source}  →  {best[0].text}" for source, best in zip(shown, found, strict=True)]


def expected(
    network: EncoderDecoder, pairs: Sequence[Pair]
) -> tuple[Float[Tensor, "K V"], Int[Tensor, "K"], Int[Tensor, "K"]]:
    """Run the decoder over the targets, each token given the true ones before it.

    Args:
        network: the network.
        pairs: the ids of B pairs.

    Returns:
        The logits of every target token, the end marks among them, [K, V]; the tokens, [K]; and
        the pair that each is of, [K].
    """
    device = next(network.parameters()).device
    sources, lengths = pad([source for source, _ in pairs], TextField.pad)
    memory = network.encode(sources.to(device), lengths)
    return expected_of(network, memory, [target for _, target in pairs])


def expected_of(
    network: AttentiveDecoder, memory: Memory, targets: Sequence[Sequence[int]]
) -> tuple[Float[Tensor, "K V"], Int[Tensor, "K"], Int[Tensor, "K"]]:
    """Do the same over sources that were read.

    Args:
        network: the network.
        memory: of B sources.
        targets: the ids of the target of each.

    Returns:
        As ``expected`` does.
    """
    device = next(network.parameters()).device
    given, counts = pad([[TextField.bos, *target] for target in targets], TextField.pad)
    wanted, _ = pad([[*target, TextField.eos] for target in targets], TextField.pad)
    features = network.decode(given.to(device), memory)[0]
    real = torch.arange(given.shape[1]) < counts[:, None]
    of = real.nonzero()[:, 0].to(device)
    real = real.to(device)
    return network.logits(features[real]), wanted.to(device)[real], of


@torch.no_grad()
def row_nats(
    network: EncoderDecoder, pairs: Sequence[Pair]
) -> tuple[Float[Tensor, "B"], Int[Tensor, "B"]]:
    """Give the negative log-likelihood of each target, its end mark counted.

    Args:
        network: the network, in evaluation mode.
        pairs: the ids of B pairs.

    Returns:
        Nats in float64, [B]; and how many tokens these are of, [B].
    """
    batches = Batches(_lengths(pairs), batch_size=_AT_ONCE).in_order()
    found = []
    for rows in batches:
        logits, wanted, of = expected(network, [pairs[row] for row in rows])
        each = functional.cross_entropy(logits, wanted, reduction="none").double()
        found.append(each.new_zeros(len(rows)).index_add(0, of, each).tolist())
    tokens = torch.tensor([len(target) + 1 for _, target in pairs])
    return torch.tensor(restore(batches, found), dtype=torch.float64), tokens


def _lengths(pairs: Sequence[Pair]) -> list[tuple[int, int]]:
    shared: dict[tuple[int, int], tuple[int, int]] = {}  # of equal lengths one object
    found = ((len(source), len(target)) for source, target in pairs)
    return [shared.setdefault(each, each) for each in found]
