"""How long an rnn, an lstm and a gru can be taught to remember: copying and adding."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from headgate.layers import Linear, Recurrent
from headgate.study.finding import Finding, Setting
from headgate.study.panels import Lines
from headgate.study.training import OPEN, fit, opened, size_of, smallest
from headgate.study.wording import listed, written

TITLE = "Long-term dependency"
QUESTION = "Over how many steps can a network be taught to remember?"
SOURCES = (
    "Hochreiter & Schmidhuber 1997, Long short-term memory (adding)",
    "Arjovsky, Shah & Bengio 2016, Unitary evolution recurrent neural networks (copying, there of "
    "ten symbols, here of one)",
    "Tallec & Ollivier 2018, Can recurrent neural networks warp time? (gates that begin open)",
)
CELLS = ("rnn", "lstm", "gru")
SYMBOLS = 8
MEAN = 1 / 6  # the variance of a sum of two numbers, each even from 0 to 1
CHANCE = 1 / SYMBOLS
_UNITS, _ROWS = 24, 32
_RATES = {"rnn": 0.002, "lstm": 0.02, "gru": 0.02}  # for each the better one of these two


class Reader(nn.Module):
    """A recurrent layer and a linear layer over its outputs.

    Args:
        cell: a key of ``CELLS``.
        features: of a step.
        units: of the state.
        outputs: numbers that each step gives.
    """

    def __init__(self, cell: str, features: int, units: int, outputs: int) -> None:
        super().__init__()
        self.recurrent = Recurrent(opened(cell), features, units)
        self.head = Linear(units, outputs)

    def forward(self, x: Float[Tensor, "T B M"]) -> Float[Tensor, "T B _"]:
        """Read sequences.

        Args:
            x: steps, [T, B, M].

        Returns:
            What each step gives, [T, B, outputs].
        """
        return self.head(self.recurrent(x)[0])


@dataclass(frozen=True)
class Task:
    """A task of memory.

    Args:
        features: of a step.
        outputs: of the network.
        draw: from a length, the rows and a generator to inputs, [T, B, M], and targets.
        loss: of the outputs and the targets.
        score: of the outputs and the targets.
        nothing: the score of who remembers nothing.
        solved: the score from which the task counts as solved, half of the way to perfection.
    """

    features: int
    outputs: int
    draw: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor], float]
    nothing: float
    solved: float

    def is_solved(self, score: float) -> bool:
        """Say whether a score is as good as ``solved``, on the side away from ``nothing``."""
        return (score - self.solved) * (self.solved - self.nothing) >= 0


def draw_adding(
    steps: int, rows: int, chance: torch.Generator
) -> tuple[Float[Tensor, "T B M"], Float[Tensor, "B"]]:
    """Draw rows of numbers of which one in each half is marked.

    Args:
        steps: of a row, 2 at least.
        rows: how many.
        chance: of every draw.

    Returns:
        Numbers beside their marks, [T, B, 2], and the sum of the two that are marked, [B].
    """
    values, marks = torch.rand(steps, rows, generator=chance), torch.zeros(steps, rows)
    half, each = steps // 2, torch.arange(rows)
    marks[torch.randint(0, half, (rows,), generator=chance), each] = 1
    marks[torch.randint(half, steps, (rows,), generator=chance), each] = 1
    return torch.stack([values, marks], -1), (values * marks).sum(0)


def draw_copying(
    steps: int, rows: int, chance: torch.Generator
) -> tuple[Float[Tensor, "T B M"], Int[Tensor, "B"]]:
    """Draw a symbol that comes first, blanks, and a mark at which it is asked for.

    Args:
        steps: from the symbol to the mark.
        rows: how many.
        chance: of every draw.

    Returns:
        The steps, each one of ten, [T, B, 10], and the symbols, [B].
    """
    symbols = torch.randint(0, SYMBOLS, (rows,), generator=chance)
    ids = torch.full((steps + 1, rows), SYMBOLS)
    ids[0], ids[-1] = symbols, SYMBOLS + 1
    return functional.one_hot(ids, SYMBOLS + 2).float(), symbols


def _adding_loss(y: Tensor, target: Tensor) -> Tensor:
    return functional.mse_loss(y[-1, :, 0], target)


def _copying_loss(y: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(y[-1], target)


def _right(y: Tensor, target: Tensor) -> float:
    return float((y[-1].argmax(-1) == target).double().mean())


TASKS: dict[str, Task] = {
    "copying": Task(
        *(SYMBOLS + 2, SYMBOLS, draw_copying, _copying_loss, _right),
        nothing=CHANCE,
        solved=(1 + CHANCE) / 2,
    ),
    "adding": Task(
        *(2, 1, draw_adding, _adding_loss, lambda y, target: float(_adding_loss(y, target))),
        nothing=MEAN,
        solved=MEAN / 2,
    ),
}


def memory(setting: Setting) -> Finding:
    """Train each cell on both tasks at growing length, each time from the beginning.

    Args:
        setting: what the user says.

    Returns:
        What was found.
    """
    lengths, steps = ((4, 8), 8) if setting.quick else ((10, 20, 50, 100, 200), 300)
    scores: dict[str, dict[str, list[float]]] = {}
    for name in TASKS:
        scores[name] = {}
        for cell in CELLS:
            setting.say(f"memory: {name}, {cell}, {len(lengths)} lengths")
            scores[name][cell] = [
                _measure(name, cell, length, steps=steps, seed=setting.seed) for length in lengths
            ]
    sizes = listed([f"{_units('adding', cell)} ({cell})" for cell in CELLS])
    return Finding(
        TITLE,
        QUESTION,
        ("task", "steps", *CELLS, "who remembers nothing"),
        tuple(
            (name, length, *(scores[name][cell][place] for cell in CELLS), TASKS[name].nothing)
            for name in TASKS
            for place, length in enumerate(lengths)
        ),
        _panels(lengths, scores),
        tell(lengths, scores, steps=steps),
        SOURCES,
        f"Each network is trained anew at each length, {steps} steps of {_ROWS} fresh rows, with "
        f"Adam from {_RATES['rnn']:g} (rnn) or {_RATES['lstm']:g} (lstm, gru), the better one of "
        f"the two for each; the units are {sizes} for adding, so that all have about as many "
        f"parameters; gates begin open, with a bias of {OPEN:g}. The score is that of "
        "1,000 fresh rows, of one run each.",
    )


def _reader(task: Task, cell: str, units: int) -> Reader:
    return Reader(cell, task.features, units, task.outputs)


@functools.cache
def _units(name: str, cell: str) -> int:
    """How many units a cell has in a task for the parameters of the lstm."""
    if cell == "lstm":
        return _UNITS
    task = TASKS[name]
    size = size_of(_reader(task, "lstm", _UNITS))
    return smallest(lambda units: _reader(task, cell, units), size)


def _measure(name: str, cell: str, length: int, *, steps: int, seed: int) -> float:
    task, units = TASKS[name], _units(name, cell)
    chance = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network = _reader(task, cell, units)

    def loss() -> Tensor:
        x, target = task.draw(length, _ROWS, chance)
        return task.loss(network(x), target)

    fit(network, loss, steps=steps, rate=_RATES[cell])
    x, target = task.draw(length, 1000, torch.Generator().manual_seed(seed + 1_000_003))
    with torch.no_grad():
        return task.score(network(x), target)


def _panels(
    lengths: Sequence[int], scores: Mapping[str, Mapping[str, Sequence[float]]]
) -> tuple[Lines, Lines]:
    def lines(name: str) -> dict[str, list[tuple[float, float]]]:
        return {
            cell: [(float(at), score) for at, score in zip(lengths, line, strict=True)]
            for cell, line in scores[name].items()
        }

    ticks = [float(length) for length in lengths]
    copying = Lines(
        lines("copying"),
        "steps to wait",
        "copying a symbol: share that is right",
        ticks=ticks,
        level=(CHANCE, "guessing"),
        bounds=(0.0, 1.0),
    )
    adding = Lines(
        lines("adding"),
        "steps of a sequence",
        "adding: mean squared error (lower is better)",
        powers=True,
        ticks=ticks,
        level=(MEAN, "saying the mean"),
    )
    return copying, adding


def tell(
    lengths: Sequence[int],
    scores: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    steps: int,
) -> tuple[str, str]:
    """Put the numbers into words.

    Args:
        lengths: at which the tasks were learned, growing.
        scores: one a length, by the task's name and the cell's.
        steps: of training.

    Returns:
        What was measured, and what follows.
    """
    first = (
        f"In {steps:,} steps of training, saying one of {SYMBOLS} symbols again after a wait "
        f"is learned {_far(lengths, scores, 'copying')}; adding two marked numbers of a sequence "
        f"is learned {_far(lengths, scores, 'adding')}. Learned means: half of the way at least "
        f"from the score of who remembers nothing ({written(CHANCE)} right, or an error of "
        f"{written(MEAN)}) to perfection, at this length and every shorter one."
    )
    longest = {
        name: {cell: _longest(TASKS[name], lengths, line) for cell, line in lines.items()}
        for name, lines in scores.items()
    }
    return first, " ".join([_last(lengths, scores), _compared(longest), _why(longest)])


def _far(
    lengths: Sequence[int], scores: Mapping[str, Mapping[str, Sequence[float]]], name: str
) -> str:
    parts = []
    for cell, line in scores[name].items():
        most = _longest(TASKS[name], lengths, line)
        parts.append(f"up to {most} steps by the {cell}" if most else f"at no length by the {cell}")
    return listed(parts)


def _longest(task: Task, lengths: Sequence[int], line: Sequence[float]) -> int:
    """Give the length up to which every one is solved; 0 where not even the first is."""
    longest = 0
    for length, score in zip(lengths, line, strict=True):
        if not task.is_solved(score):
            break
        longest = length
    return longest


def _last(lengths: Sequence[int], scores: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    copied = listed([f"{written(line[-1])} ({cell})" for cell, line in scores["copying"].items()])
    added = listed([f"{written(line[-1])} ({cell})" for cell, line in scores["adding"].items()])
    return (
        f"At {lengths[-1]} steps, {copied} of the symbols are right, and the error of adding is "
        f"{added}."
    )


def _compared(longest: Mapping[str, Mapping[str, int]]) -> str:
    said = []
    for name, reach in longest.items():
        more = [cell for cell in ("lstm", "gru") if reach[cell] > reach["rnn"]]
        less = [cell for cell in ("lstm", "gru") if reach[cell] < reach["rnn"]]
        if more:
            said.append(f"In {name} the {listed(more)} got further than the rnn.")
        if less:
            said.append(f"In {name} the {listed(less)} did not get as far as the rnn.")
        if not more and not less:
            said.append(f"In {name} all three got equally far at these lengths.")
    return " ".join(said)


def _why(longest: Mapping[str, Mapping[str, int]]) -> str:
    said = (
        "While a symbol is kept the input is blank; while a sum is made every step brings a "
        "number, which a state that writes all it reads mixes with what it keeps."
    )
    gated = [name for name, r in longest.items() if all(r[c] > r["rnn"] for c in ("lstm", "gru"))]
    if gated:
        said += (
            f" Where both gated cells got further ({listed(gated)}), they had as many parameters, "
            "rows and steps of training as the rnn: a gate can carry a value, and the gradient "
            "that teaches it, past what comes in between."
        )
    return f"{said} Where two come close, another seed or a longer training may turn them round."
