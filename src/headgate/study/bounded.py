"""What becomes of the state of a simple network whose activation has no bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headgate.layers import Recurrent
from headgate.study.finding import Finding, Setting
from headgate.study.panels import Lines
from headgate.study.wording import listed, written

TITLE = "Why activations are bounded"
QUESTION = "What does a state grow to where nothing bounds it?"
SOURCES = (
    "Elman 1990, Finding structure in time (the network)",
    "Pascanu, Mikolov & Bengio 2013, On the difficulty of training recurrent neural networks",
    "Le, Jaitly & Hinton 2015, A simple way to initialize recurrent networks of rectified linear "
    "units",
)
ACTIVATIONS = ("tanh", "relu", "linear")
_FEATURES, _UNITS, _ROWS, _RATE = 8, 32, 8, 0.01


@dataclass(frozen=True)
class Growth:
    """The runs of one activation at one spectral radius.

    Args:
        norms: of the state after each step; the median of the runs.
        gradient: norm of the loss's gradient in the recurrent weights; the median.
        failed: the share of runs whose loss was not finite, before or while they were trained.
    """

    norms: tuple[float, ...]
    gradient: float
    failed: float


Runs = Mapping[tuple[str, float], Growth]


def bounded(setting: Setting) -> Finding:
    """Run and train the simple network with tanh, relu and no activation at several radii.

    Args:
        setting: what the user says.

    Returns:
        What was found.
    """
    steps, trained, seeds = (20, 2, 3) if setting.quick else (100, 20, 11)
    radii = (0.5, 2.0) if setting.quick else (0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 3.0)
    runs: dict[tuple[str, float], Growth] = {}
    for activation in ACTIVATIONS:
        setting.say(f"bounded: {activation}, {len(radii)} spectral radii")
        for radius in radii:
            found = [
                _run((activation, radius), setting.seed + seed, steps=steps, trained=trained)
                for seed in range(seeds)
            ]
            runs[activation, radius] = _together(found)
    return Finding(
        TITLE,
        QUESTION,
        ("activation", "radius", f"‖h‖ after {steps}", "‖∂L/∂W‖", "loss not finite"),
        tuple(
            (*key, each.norms[-1], each.gradient, f"{each.failed:.0%}")
            for key, each in runs.items()
        ),
        _panels(radii, runs),
        tell(radii, runs, trained=trained),
        SOURCES,
        f"hₜ = f(W x + U h + b) with {_UNITS} units, {_FEATURES} normal random numbers a step and "
        f"{steps} steps, in 32 bits. U is normal, scaled to its spectral radius. The loss is the "
        "mean square of the difference between the last state's units and random targets; "
        f"training is {trained} steps of plain gradient descent at {_RATE:g}, without clipping. "
        f"Norms are the medians of {seeds} draws.",
    )


def _run(
    kind: tuple[str, float], seed: int, *, steps: int, trained: int
) -> tuple[list[float], float, bool]:
    """The state's norms, the gradient's before training, and whether the loss stayed finite."""
    activation, radius = kind
    chance = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    layer = Recurrent("rnn", _FEATURES, _UNITS, activation=activation)
    _scale(layer, radius)
    x = torch.randn(steps, _ROWS, _FEATURES, generator=chance)
    target = torch.randn(_ROWS, _UNITS, generator=chance)
    descent = torch.optim.SGD(layer.parameters(), _RATE)
    norms, gradient = list[float](), math.nan
    for step in range(trained + 1):
        states = layer(x)[0]
        loss = (states[-1] - target).square().mean()
        if step == 0:
            norms = states.detach().double().norm(dim=2).mean(1).tolist()
        if not math.isfinite(float(loss.detach())):
            return norms, gradient if step else math.inf, True
        descent.zero_grad()
        loss.backward()
        if step == 0:
            grad = layer.get_parameter("weight_hh_l0").grad
            gradient = math.nan if grad is None else _norm(grad)
        descent.step()
    return norms, gradient, False


def _norm(gradient: Tensor) -> float:
    """The norm, as infinite where some of it is no number."""
    norm = float(gradient.double().norm())
    return norm if math.isfinite(norm) else math.inf


@torch.no_grad()
def _scale(layer: nn.Module, radius: float) -> None:
    """Draw the recurrent weights anew, at a spectral radius."""
    weight = layer.get_parameter("weight_hh_l0")
    drawn = torch.randn(weight.shape)
    weight.copy_(drawn * (radius / torch.linalg.eigvals(drawn).abs().max()))


def _together(found: Sequence[tuple[list[float], float, bool]]) -> Growth:
    lines = torch.tensor([norms for norms, _, _ in found], dtype=torch.float64)
    lines = lines.nan_to_num(nan=math.inf, posinf=math.inf)  # ∞ − ∞ is no number, but was ∞
    gradient = torch.tensor([gradient for _, gradient, _ in found], dtype=torch.float64)
    return Growth(
        tuple(lines.median(0).values.tolist()),
        float(gradient.median()),
        sum(failed for _, _, failed in found) / len(found),
    )


def _panels(radii: Sequence[float], runs: Runs) -> tuple[Lines, Lines]:
    shown = _shown(radii)
    growth = {
        activation: [(float(at + 1), norm) for at, norm in enumerate(runs[activation, shown].norms)]
        for activation in ACTIVATIONS
    }
    gradients = {
        activation: [(radius, runs[activation, radius].gradient) for radius in radii]
        for activation in ACTIVATIONS
    }
    return (
        Lines(growth, "step", f"norm of the state, spectral radius {shown:g}", powers=True),
        Lines(gradients, "spectral radius", "norm of the gradient in U", powers=True, ticks=radii),
    )


def _shown(radii: Sequence[float]) -> float:
    """The radius that the text speaks of: the first that is well above 1."""
    return next(radius for radius in radii if radius >= 2)


def tell(radii: Sequence[float], runs: Runs, *, trained: int) -> tuple[str, str]:
    """Put the numbers into words.

    Args:
        radii: the spectral radii, growing.
        runs: by the activation and the radius.
        trained: steps of training.

    Returns:
        What was measured, and what follows.
    """
    low, shown = radii[0], _shown(radii)
    steps = len(runs["tanh", low].norms)
    first = (
        f"At a spectral radius of {low:g} the state has a norm of "
        f"{_norms(runs, low)} after {steps} steps. At {shown:g} it has one of "
        f"{_norms(runs, shown)}, and the gradient in the recurrent weights one of "
        f"{listed([f'{written(runs[a, shown].gradient)} ({a})' for a in ACTIVATIONS])}."
    )
    ceiling = math.sqrt(_UNITS)
    held = max(runs["tanh", radius].norms[-1] for radius in radii)
    said = [
        f"A unit of tanh lies between −1 and 1, so that the norm of {_UNITS} units cannot pass "
        f"{written(ceiling)}; the greatest measured is {written(held)}.",
        *_failures(radii, runs, trained),
    ]
    if runs["relu", shown].norms[-1] > ceiling or runs["linear", shown].norms[-1] > ceiling:
        said.append(
            "Without a bound the same matrix is applied at each step and what it stretches is "
            "stretched again: the norm grows by a factor a step."
        )
    said.append(_price(radii, runs))
    return first, " ".join(said)


def _norms(runs: Runs, radius: float) -> str:
    return listed([f"{written(runs[a, radius].norms[-1])} ({a})" for a in ACTIVATIONS])


def _failures(radii: Sequence[float], runs: Runs, trained: int) -> Iterator[str]:
    """Say of each activation at which radii its loss stopped being finite."""
    for activation in ACTIVATIONS:
        failed = [(radius, runs[activation, radius].failed) for radius in radii]
        some = [f"{share:.0%} at {radius:g}" for radius, share in failed if share]
        if some:
            yield (
                f"With {activation} the loss ceased to be finite within {trained} steps of "
                f"training in some of the runs, or all: {listed(some)}."
            )
        else:
            yield f"With {activation} the loss stayed finite in every run."


def _price(radii: Sequence[float], runs: Runs) -> str:
    """Say what a bound does not cure."""
    least, most = runs["tanh", radii[0]].gradient, runs["tanh", radii[-1]].gradient
    return (
        f"A bound on the state is none on the gradient: with tanh its norm is {written(least)} at "
        f"{radii[0]:g} and {written(most)} at {radii[-1]:g}."
    )
