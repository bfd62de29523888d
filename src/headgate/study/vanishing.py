"""How much of a gradient goes back through the steps of an untrained network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from headgate.inspection.cell_gradients import compare_gradients
from headgate.layers import Recurrent
from headgate.study.finding import Finding, Setting
from headgate.study.panels import Lines
from headgate.study.training import OPEN, opened
from headgate.study.wording import listed, written

TITLE = "The vanishing gradient"
QUESTION = "How much of a gradient is left, the further it goes back in time?"
SOURCES = (
    "Hochreiter 1991, Untersuchungen zu dynamischen neuronalen Netzen",
    "Bengio, Simard & Frasconi 1994, Learning long-term dependencies with gradient descent is "
    "difficult",
    "Pascanu, Mikolov & Bengio 2013, On the difficulty of training recurrent neural networks",
)
SMALL = 1e-3  # of the gradient at the last step
_FEATURES, _UNITS = 16, 64
_OPENED = ", gates open"


@dataclass(frozen=True)
class Decay:
    """How one cell's gradient falls.

    Args:
        line: the gradient's norm 0, 1, … steps before the last, as a share of that at the last.
        factor: what a step back multiplies it by, on average.
        reach: the first distance at which less than ``SMALL`` is left; None where there is none.
    """

    line: tuple[float, ...]
    factor: float
    reach: int | None

    @classmethod
    def of(cls, line: Tensor) -> Decay:
        """Sum a line up.

        Args:
            line: norms by distance, above 0 at the first.

        Returns:
            The decay.
        """
        shares = (line / line[0]).tolist()
        reach = next((at for at, share in enumerate(shares) if share < SMALL), None)
        return cls(tuple(shares), shares[-1] ** (1 / (len(shares) - 1)), reach)


def vanishing(setting: Setting) -> Finding:
    """Measure the gradient of a last output in the state of every earlier step.

    Args:
        setting: what the user says.

    Returns:
        What was found.
    """
    steps, seeds = (24, 2) if setting.quick else (201, 5)
    runs = []
    for seed in range(seeds):
        setting.say(f"vanishing: draw {seed + 1} of {seeds}")
        torch.manual_seed(setting.seed + seed)
        found = compare_gradients(_layers(), length=steps, seed=setting.seed + seed)
        runs.append(found)
    middle = torch.stack([found.whole for found in runs]).median(0).values
    decays = {name: Decay.of(line) for name, line in zip(runs[0].names, middle, strict=True)}
    return Finding(
        TITLE,
        QUESTION,
        ("cell", "factor per step", f"left after {steps - 1}", "below a thousandth after"),
        tuple(_row(name, decay) for name, decay in decays.items()),
        (_panel(decays),),
        tell(decays),
        SOURCES,
        f"{_UNITS} units, {_FEATURES} normal random numbers a step, {steps} steps, 8 sequences, "
        f"weights as hg.Recurrent draws them; the median of {seeds} draws. The norm is that of "
        "the gradient in the whole state: h, and of the LSTM c too.",
    )


def _layers() -> dict[str, Recurrent]:
    named = {name: name for name in ("rnn", "lstm", "gru")}
    open_ones = {f"{name}{_OPENED}": opened(name) for name in ("lstm", "gru")}
    cells = named | open_ones
    return {name: Recurrent(cell, _FEATURES, _UNITS) for name, cell in cells.items()}


def _row(name: str, decay: Decay) -> tuple[str, float, float, str]:
    reach = "never" if decay.reach is None else f"{decay.reach} steps"
    return name, decay.factor, decay.line[-1], reach


def _panel(decays: Mapping[str, Decay]) -> Lines:
    return Lines(
        {
            name: [(float(at), share) for at, share in enumerate(decay.line)]
            for name, decay in decays.items()
        },
        "steps back from the last",
        "gradient, as a share of the last step's",
        powers=True,
        level=(SMALL, "a thousandth"),
    )


def tell(decays: Mapping[str, Decay]) -> tuple[str, str]:
    """Put the numbers into words.

    Args:
        decays: by the cell's name: rnn, lstm, gru, and the two whose gates begin open.

    Returns:
        What was measured, and what follows.
    """
    plain = {name: decays[name] for name in ("rnn", "lstm", "gru")}
    factors = listed([f"{written(each.factor)} ({name})" for name, each in plain.items()])
    back = len(decays["rnn"].line) - 1
    left = listed([f"{written(each.line[-1])} ({name})" for name, each in plain.items()])
    fallen = [name for name, each in plain.items() if each.reach is not None]
    fall = (
        f"Less than a thousandth is left after "
        f"{listed([f'{plain[name].reach} steps ({name})' for name in fallen])}."
        if fallen
        else "In none of them does it fall below a thousandth."
    )
    first = (
        "A gradient that goes back one step is multiplied by the derivative of that step, so that "
        f"over many steps the factors multiply. Measured, the factor of a step is {factors} on "
        f"average; {back} steps back, {left} of the gradient is left. {fall} What the loss says "
        "about such a step is lost among what it says about the nearer ones."
    )
    return first, f"{_gates(plain)} {_opened(decays)}"


def _gates(plain: Mapping[str, Decay]) -> str:
    rnn = plain["rnn"].factor
    better = [name for name in ("lstm", "gru") if plain[name].factor > 1.05 * rnn]
    alike = [name for name in ("lstm", "gru") if name not in better]
    said = (
        "The state of a gated cell is kept where its gate is open, and the gradient passes by the "
        "same way: its factor is about the gate's value."
    )
    if better:
        said += f" So the {listed(better)} {_lets(better)} more through than the rnn."
    if alike:
        said += (
            f" But the untrained {listed(alike)} {_lets(alike)} no more through than the rnn, or "
            f"hardly: without a bias a gate begins about half open, and {written(0.5)} of a state "
            "goes on by it."
        )
    return said


def _lets(names: list[str]) -> str:
    return "let" if len(names) > 1 else "lets"


def _opened(decays: Mapping[str, Decay]) -> str:
    pairs = [(name, decays[name], decays[name + _OPENED]) for name in ("lstm", "gru")]
    changes = listed(
        [f"{written(a.factor)} to {written(b.factor)} ({name})" for name, a, b in pairs]
    )
    value = 1 / (1 + math.exp(-OPEN))
    said = (
        f"With a bias of {OPEN:g}, at which a gate alone would let σ({OPEN:g}) = {written(value)} "
        f"through, the factor goes from {changes}."
    )
    if all(b.factor > a.factor for _, a, b in pairs):
        said += " What carries a gradient is thus not the gate, but that it is open."
    return said
