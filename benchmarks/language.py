"""Words a second of a language model on the Penn Treebank, with torch.nn's layers and with ours.

It is the small model of Zaremba, Sutskever & Vinyals 2014, which has no dropout. Every contestant
begins with the same weights and reads the same batches, so that its loss has to follow torch's. To
that end the loss is the mean over all words and the rate is a half: with the paper's sum over the
steps and rate of one a difference of rounding grows more than tenfold in ten batches. The work is
the same. The output layer is most of this model; a fused form of it takes part as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headgate.bench.machine import describe
from headgate.bench.rivals import OURS, THEIRS, training
from headgate.bench.timing import Budget, Contestant, Times, interleave, unsteady
from headgate.errors import DataError

FILE = "ptb.train.txt"
UNITS, LAYERS, ROWS, STEPS = 200, 2, 20, 20
RATE, CLIP, RANGE = 0.5, 5.0, 0.1  # of the learning, the gradient's norm, the first weights
BLOCK = 20  # batches of a contestant before the next one's turn
BUDGET = Budget(least=5, most=5, seconds=0.0, slow=math.inf)  # every round to the end: losses
CLOSE = 1e-3  # of a loss near 7: what sums in another order come to within so many batches
CHUNK = 200  # rows whose logits the fused loss holds at once
WORDS = ROWS * STEPS  # of a batch

State = Any  # the hidden state, for an LSTM (h, c)
Loss = Callable[[Tensor, nn.Linear, Tensor], Tensor]


def read(folder: str) -> tuple[Tensor, int]:
    """Read the training text as ROWS columns of word numbers, [S, B], and count its words."""
    place = Path(folder) / FILE
    if not place.is_file():
        raise DataError(f"the folder has no {FILE}; name the one that holds the text", path=folder)
    words = place.read_text(encoding="utf-8").replace("\n", " <eos> ").split()
    vocabulary = {word: number for number, word in enumerate(sorted(set(words)))}
    numbers = torch.tensor([vocabulary[word] for word in words])
    length = len(words) // ROWS
    return numbers[: length * ROWS].view(ROWS, length).t().contiguous(), len(vocabulary)


def plain_loss(y: Tensor, output: nn.Linear, target: Tensor) -> Tensor:
    """The mean cross-entropy of a word, as torch.nn computes it."""
    return F.cross_entropy(output(y), target)


def fused_loss(y: Tensor, output: nn.Linear, target: Tensor) -> Tensor:
    """The same in one function, with its gradient."""
    found = FusedLoss.apply(y, output.weight, output.bias, target)
    assert isinstance(found, Tensor)
    return found


class FusedLoss(torch.autograd.Function):
    """A linear layer and its cross-entropy that never hold more than CHUNK rows of logits.

    A row's gradient needs nothing of other rows: it is taken as soon as its logits are there.
    There is no second derivative.
    """

    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
        total = y.new_zeros(())
        slopes = torch.empty_like(y), torch.zeros_like(weight), torch.zeros_like(bias)
        room = y.new_empty(min(CHUNK, len(y)), len(weight))
        for begin in range(0, len(y), CHUNK):
            rows, wanted = y[begin : begin + CHUNK], target[begin : begin + CHUNK, None]
            logits = torch.addmm(bias, rows, weight.t(), out=room[: len(rows)])
            total += _to_gradient(logits, wanted, len(y))
            torch.mm(logits, weight, out=slopes[0][begin : begin + CHUNK])
            slopes[1].addmm_(logits.t(), rows)
            slopes[2].add_(logits.sum(0))
        ctx.slopes = slopes
        return total / len(y)

    @staticmethod
    def backward(ctx: Any, *scale: Tensor) -> tuple[Tensor | None, ...]:
        slopes, ctx.slopes = ctx.slopes, None  # not kept: the parameters take them over uncopied
        if scale[0] != 1:
            slopes = tuple(slope.mul_(scale[0]) for slope in slopes)
        return (*slopes, None)


def _to_gradient(logits: Tensor, wanted: Tensor, count: int) -> Tensor:
    """Turn logits into the gradient of a mean of count losses, and give the sum of their own."""
    logits -= logits.amax(1, keepdim=True)
    chosen = logits.gather(1, wanted)
    sums = logits.exp_().sum(1, keepdim=True)
    logits *= 1 / (count * sums)
    logits.scatter_add_(1, wanted, torch.full_like(chosen, -1 / count))
    return (sums.log() - chosen).sum()


class LanguageModel(nn.Module):
    """Words to the loss of the words that follow.

    Args:
        vocabulary: the number of words.
        recurrent: the layers in the middle.
        loss: the output layer's.
    """

    def __init__(self, vocabulary: int, recurrent: nn.RNNBase, loss: Loss) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, UNITS)
        self.recurrent = recurrent
        self.output = nn.Linear(UNITS, vocabulary)
        self.loss = loss
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -RANGE, RANGE)

    def forward(self, words: Tensor, target: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.recurrent(self.embedding(words), state)
        return self.loss(y.flatten(0, 1), self.output, target.flatten()), state


def detach(state: State) -> State:
    """Cut a state off from the batch that it comes from."""
    return state.detach() if isinstance(state, Tensor) else tuple(each.detach() for each in state)


def train(
    model: LanguageModel,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[tuple[Tensor, Tensor]],
    state: State,
) -> tuple[float, State]:
    """Train on one block: the mean loss of a word, and the state for the next block."""
    total = torch.zeros(())
    for _ in range(BLOCK):
        loss, state = model(*next(batches), state)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        state = detach(state)
        total += loss.detach()
    return float(total) / BLOCK, state


def batches_of(text: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the words of each batch, [T, B], and those that follow them."""
    for begin in range(0, len(text) - STEPS, STEPS):
        yield text[begin : begin + STEPS], text[begin + 1 : begin + 1 + STEPS]


@dataclass
class Training:
    """A contestant's own training, which goes on block after block.

    Args:
        model: its model.
        batches: what it has not read yet.
        state: the state after what it has read; zeros where None.
        losses: of a word, a number for each block.
    """

    model: LanguageModel
    batches: Iterator[tuple[Tensor, Tensor]]
    state: State = None
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=RATE)

    def block(self) -> None:
        """Train on the next block."""
        loss, self.state = train(self.model, self.optimizer, self.batches, self.state)
        self.losses.append(loss)


def trainings(cell: str, text: Tensor, vocabulary: int) -> dict[str, Training]:
    """Make the contestants of a cell; all have the weights of the first."""
    torch.manual_seed(0)
    kinds: dict[str, tuple[Callable[..., nn.RNNBase], Loss]] = {
        "torch": (THEIRS[cell], plain_loss),
        "headgate": (OURS[cell], plain_loss),
        "torch, fused loss": (THEIRS[cell], fused_loss),
        "headgate, fused loss": (OURS[cell], fused_loss),
    }
    made: dict[str, Training] = {}
    for name, (layer, loss) in kinds.items():
        model = LanguageModel(vocabulary, layer(UNITS, UNITS, num_layers=LAYERS), loss)
        if made:
            model.load_state_dict(made["torch"].model.state_dict())
        made[name] = Training(model, batches_of(text))
    return made


def whole(cell: str, text: Tensor, vocabulary: int, threads: int) -> dict[str, Times]:
    """Time the whole step of every contestant, print it, and check the losses."""
    made = trainings(cell, text, vocabulary)
    contestants = [Contestant(name, each.block, threads) for name, each in made.items()]
    times = interleave(contestants, BUDGET)
    table("whole step", times, BLOCK)
    reference = made["torch"].losses
    print(f"  loss of a word in batches {BLOCK * BUDGET.most + 1} to {BLOCK * len(reference)},")
    print("  and the largest difference from torch's of any block:")
    for name, each in made.items():
        apart = max(abs(a - b) for a, b in zip(each.losses, reference, strict=True))
        verdict = "" if apart <= CLOSE else f"  MORE THAN {CLOSE}: these times compare nothing"
        print(f"    {name:<22}{each.losses[-1]:.5f}  {apart:.1e}{verdict}")
    return times


def parts(cell: str, text: Tensor, vocabulary: int, threads: int) -> None:
    """Time the parts of a step one by one, each with its gradient."""
    made = trainings(cell, text, vocabulary)
    x, gradient = (torch.randn(STEPS, ROWS, UNITS) for _ in range(2))
    y, target = torch.randn(WORDS, UNITS), text[1 : STEPS + 1].flatten()
    x.requires_grad_()
    y.requires_grad_()
    output = made["torch"].model.output
    groups: Mapping[str, Mapping[str, Callable[[], object]]] = {
        "recurrent layers alone": {
            "torch": training(made["torch"].model.recurrent, x, gradient),
            "headgate": training(made["headgate"].model.recurrent, x, gradient),
        },
        "output layer and loss alone": {
            "nn.Linear, cross_entropy": partial(output_step, plain_loss, y, output, target),
            "fused": partial(output_step, fused_loss, y, output, target),
        },
        "embedding, clipping, update": {
            "torch": partial(other_step, made["torch"], text[:STEPS], gradient)
        },
    }
    for group, calls in groups.items():
        contestants = [Contestant(k, partial(repeat, call), threads) for k, call in calls.items()]
        table(group, interleave(contestants, BUDGET), BLOCK)


def repeat(call: Callable[[], object]) -> None:
    """Call as often as a block has batches."""
    for _ in range(BLOCK):
        call()


def output_step(loss: Loss, y: Tensor, output: nn.Linear, target: Tensor) -> None:
    """One batch through the output layer, forward and backward."""
    y.grad = output.weight.grad = output.bias.grad = None
    loss(y, output, target).backward()


def other_step(of: Training, words: Tensor, gradient: Tensor) -> None:
    """What is left of a step: it leaves the weights as they are, in the same time."""
    embedding = of.model.embedding
    embedding.weight.grad = None
    embedding(words).backward(gradient)
    for parameter in of.model.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    nn.utils.clip_grad_norm_(of.model.parameters(), CLIP)
    of.optimizer.param_groups[0]["lr"] = 0.0
    of.optimizer.step()


def table(title: str, times: Mapping[str, Times], batches: int) -> None:
    """Print the times of contestants, the first of them as the measure of the others."""
    print(f"  {title:<28}{'ms a batch':>12}{'words/s':>10}{'faster':>9}")
    first = next(iter(times.values())).median
    for key, taken in times.items():
        ms, speed = 1e3 * taken.median / batches, WORDS * batches / taken.median
        mark = "  ~" if unsteady([taken]) else ""
        name = key.rpartition("@")[0]
        print(f"    {name:<26}{ms:>12.2f}{speed:>10.0f}{first / taken.median:>8.2f}x{mark}")


def main(arguments: list[str]) -> None:
    """Print the table of LSTM and GRU on one thread and on all."""
    text, vocabulary = read(arguments[0])
    machine = describe()
    print(f"{machine['cpu']}, torch {machine['torch']}, load {machine['load']}")
    print(f"{text.numel()} words, {vocabulary} of them different; ~: unsteady, run it again")
    for cell in ("lstm", "gru"):
        for threads in sorted({1, torch.get_num_threads()}):
            print(f"\n{cell}, {threads} thread{'s' if threads > 1 else ''}", flush=True)
            whole(cell, text, vocabulary, threads)
            parts(cell, text, vocabulary, threads)
