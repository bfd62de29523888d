"""A language model on its way: the text in columns, a window of them at a time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from headgate.data.ragged import Ragged
from headgate.decoding.sampling import Sampling
from headgate.models import LanguageModel
from headgate.tasks.continuation import continue_text
from headgate.training import Plan, Validation

if TYPE_CHECKING:
    from headgate.tasks.generate import Generate

_ANEW = 0.05  # of the columns of a document begin a window with an empty state
_COLUMNS = 32  # of a validation; each begins with an empty state
_LONG = 200  # steps at least of such a column, so that its beginning weighs little
_LOGITS = 8_000_000  # numbers of a window's logits: 32 MB
_AT_ONCE = 1 << 24  # tokens up to which an epoch is laid out whole
_SAMPLED, _SHOWN = 120, 100  # tokens and characters of a sample


@dataclass(frozen=True)
class Window:
    """Some steps of every column.

    Args:
        ids: the tokens that are read, [B, T].
        targets: the token after each, [B, T].
        anew: the columns that begin anew, whatever was carried to them, [B]; none where None.
    """

    ids: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    anew: Bool[Tensor, "B"] | None = None


def windows(ids: Int[Tensor, "T"], start: int, *, columns: int, steps: int) -> list[Window]:
    """Lay a text into columns side by side, and cut them into windows.

    Args:
        ids: the text, one token after the other.
        start: what stands before its first token.
        columns: how many columns, B; each goes on where the one before it ends.
        steps: of a window; the last one may have fewer.

    Returns:
        The windows. Of the text the last tokens are left out that do not fill a step of all
        columns, fewer than B.
    """
    length, ids = len(ids) // columns, ids.long()
    read = torch.cat([ids.new_tensor([start]), ids[:-1]])
    laid = [each[: columns * length].view(columns, length) for each in (read, ids)]
    cuts = range(0, length, steps)
    return [Window(*(each[:, cut : cut + steps] for each in laid)) for cut in cuts]


@dataclass(frozen=True)
class Windows(Sequence[Window]):
    """What ``windows`` gives, each of them laid out when it is asked for.

    Args:
        ids: the text, in any order, and perhaps on disk.
        places: where in ``ids`` tokens stand that are counted in the order of reading.
        start: what stands before the first token that is read.
        columns: how many columns, B.
        steps: of a window.
        anew: for each window the columns that begin anew, [W, B]; none where None.
    """

    ids: Int[Tensor, "T"]
    places: Callable[[Tensor], Tensor]
    start: int
    columns: int
    steps: int
    anew: Bool[Tensor, "K B"] | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.ids) // self.columns / self.steps)

    @overload
    def __getitem__(self, index: int) -> Window: ...

    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...

    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return [self[number] for number in numbers]
        length, cut = len(self.ids) // self.columns, numbers * self.steps
        steps = torch.arange(cut - 1, min(cut + self.steps, length))
        order = torch.arange(self.columns)[:, None] * length + steps
        tokens = self.ids[self.places(order.clamp(min=0))].long()
        if not numbers:
            tokens[0, 0] = self.start
        anew = None if self.anew is None else self.anew[numbers]
        return Window(tokens[:, :-1], tokens[:, 1:], anew)


def resets_of(window: Window, end: int | None) -> Bool[Tensor, "T B"] | None:
    """Find the steps before which a column begins anew.

    Args:
        window: some steps of every column.
        end: the mark that ends a text, which is also what the next one begins with; None where
            nothing ends.

    Returns:
        The steps, [T, B]; None where there are none to be looked for.
    """
    if end is None and window.anew is None:
        return None
    found = (window.ids == (-1 if end is None else end)).T.contiguous()
    if window.anew is not None:
        found[0] |= window.anew
    return found


class GenerateLearner:
    """What the loop trains.

    Every epoch lays the text out anew: several texts in another order, a document from another
    place on. So what does not fill the columns, fewer tokens than a batch has rows, is left out
    in one epoch and not in the next, and no window begins twice at the same token.

    Now and then a column of a document begins a window anew. A state that is always carried on is
    never empty but once an epoch, so that a model would not have learned to begin: to read a
    prompt.

    Args:
        task: the task.
        train: ids of the texts to learn from; a document is one. Of a long text, or of many, an
            epoch is not laid out whole, but window by window.
        valid: ids of the validation part.
        plan: the limits of the training.

    Attributes:
        carried: the state that goes from window to window; empty where an epoch begins.
    """

    def __init__(
        self, task: Generate, train: Sequence[Tensor] | Ragged, valid: Tensor, plan: Plan
    ) -> None:
        self.task, self.valid, self.plan = task, valid, plan
        self.network: nn.Module = task.network
        self.carried: tuple[Tensor, ...] = ()
        self.sizes = torch.tensor(train.lengths if isinstance(train, Ragged) else _sizes(train))
        tokens, steps = int(self.sizes.sum()), task.settings.bptt
        self.columns = max(1, min(plan.batch_size, tokens // steps))
        self.flat = None if tokens <= _AT_ONCE else _flat(train)
        if self.flat is not None:
            self.train: Sequence[Tensor] = ()
        elif isinstance(train, Ragged):
            self.train = train.flat.long().split(self.sizes.tolist())
        else:
            self.train = train

    def batches(self, epoch: int) -> Sequence[Window]:
        """Lay out an epoch, the same for the same number.

        Args:
            epoch: its number.

        Returns:
            The windows, to be read one after the other.
        """
        self.carried = ()
        seed = random.Random(f"{self.plan.seed}/{epoch}").getrandbits(63)
        chance = torch.Generator().manual_seed(seed)
        several = len(self.sizes) > 1
        found = self._in_another_order(chance) if several else self._from_another_place(chance)
        if self.task.rows:
            return found
        anew = torch.rand(len(found), self.columns, generator=chance) < _ANEW
        if isinstance(found, Windows):
            return replace(found, anew=anew)
        return [replace(window, anew=each) for window, each in zip(found, anew, strict=True)]

    def _in_another_order(self, chance: torch.Generator) -> Sequence[Window]:
        order = torch.randperm(len(self.sizes), generator=chance)
        if self.flat is None:
            ids = torch.cat([self.train[row] for row in order.tolist()])
            return self._windows(ids, self.task.text.start)
        ends = self.sizes[order].cumsum(0)
        begins = self.sizes.cumsum(0) - self.sizes
        shift = begins[order] - (ends - self.sizes[order])

        def places(tokens: Tensor) -> Tensor:
            return tokens + shift[torch.searchsorted(ends, tokens, right=True)]

        return self._lazily(self.flat, places, self.task.text.start)

    def _from_another_place(self, chance: torch.Generator) -> Sequence[Window]:
        ids = self.train[0] if self.flat is None else self.flat
        place = int(torch.randint(len(ids), (1,), generator=chance))
        start = int(ids[place - 1]) if place else self.task.text.start
        if self.flat is None:
            return self._windows(ids.roll(-place), start)
        return self._lazily(ids, lambda tokens: (tokens + place) % len(ids), start)

    def _windows(self, ids: Tensor, start: int) -> list[Window]:
        return windows(ids, start, columns=self.columns, steps=self.task.settings.bptt)

    def _lazily(self, ids: Tensor, places: Callable[[Tensor], Tensor], start: int) -> Windows:
        return Windows(ids, places, start, self.columns, self.task.settings.bptt)

    def loss(self, batch: Window) -> Tensor:
        """Give the mean surprise of a window's tokens, and carry the state on.

        Args:
            batch: some steps of every column.

        Returns:
            Nats a token, with a gradient that ends where the window begins.
        """
        nats, state = self.task.read_window(self.task.network, batch, self.carried)
        self.carried = tuple(each.detach() for each in state)
        return nats.mean()

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Validation:
        """Judge a network on the validation part.

        Args:
            network: the network, in evaluation mode.

        Returns:
            Minus the nats a token, and a line that the network writes.
        """
        assert isinstance(network, LanguageModel)
        columns = max(1, min(_COLUMNS, len(self.valid) // _LONG))
        steps = max(1, min(256, _LOGITS // (columns * len(self.task.field))))
        state: tuple[Tensor, ...] = ()
        total, count = 0.0, 0
        for window in windows(self.valid, self.task.text.start, columns=columns, steps=steps):
            nats, state = self.task.read_window(network, window, state)
            total, count = total + float(nats.double().sum()), count + nats.numel()
        mean = total / count
        values = {"valid_loss": mean, "valid_perplexity": math.exp(min(mean, 700.0))}
        return Validation(-mean, values, self._samples(network))

    def _samples(self, network: LanguageModel) -> list[str]:
        """Let the network write; its chance is its own, so that training has the same without."""
        pieces = continue_text(
            network, self.task.text, [], length=_SAMPLED, sampling=Sampling(0.8, seed=0)
        )
        return [line[:_SHOWN] for line in "".join(pieces).split("\n") if line.strip()][:2]


def _sizes(texts: Sequence[Tensor]) -> list[int]:
    return [len(each) for each in texts]


def _flat(texts: Sequence[Tensor] | Ragged) -> Int[Tensor, "T"]:
    """Give all texts, one after the other; of a single one no copy."""
    if isinstance(texts, Ragged):
        return texts.flat
    return texts[0] if len(texts) == 1 else torch.cat(list(texts))
