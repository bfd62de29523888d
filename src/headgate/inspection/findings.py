"""What a doctor finds: the rules, and a sentence for each that says what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from headgate.inspection.vitals import Vitals
from headgate.program.retention import retention, with_retention

_VANISHED, _EXPLODED = 1e-3, 1e3  # of the gradient at distance 0
# Within so many steps no gated cell loses its gradient by its first weights alone; one that makes
# its state anew at every step loses it sooner or later, and this share of the steps is soon.
_SOON, _QUARTER = 9, 0.25
# A gate's values, and how much it moves; one that begins with a bias of 5, to keep a memory long,
# is between them.
_SHUT, _OPEN, _STILL = 0.005, 0.995, 0.01
_MOST = 0.5  # of a gate's units
_CONSTANT, _DEAD = 1e-6, 0.1  # how much a dead unit moves; the share of units that is a finding
_GROWN, _LARGE, _HUGE = 10.0, 10.0, 100.0  # a state's growth, and its mean size
_FEWEST = 8  # steps, below which nothing can be said of time
_VALUES = 20  # steps of all rows, below which a unit may stand still by chance


@dataclass(frozen=True)
class Finding:
    """One defect.

    Args:
        kind: "vanishing", "exploding", "saturated", "dead", "growing" and others.
        where: the layer.
        number: what was measured: steps, a share, a size.
        sentence: what is seen, and what to do.
        step: of the training, where it was seen in one.
    """

    kind: str
    where: str
    number: float
    sentence: str
    step: int | None = None


def judge(vitals: Vitals, where: str) -> list[Finding]:
    """Find the defects of one pass.

    Args:
        vitals: what was measured.
        where: how a reader knows the layer.

    Returns:
        The findings, one of a kind at most.
    """
    rules = (_exploding, _vanishing, _growing, _saturated, _dead)
    return [found for rule in rules for found in rule(vitals, where)][:5]


def vanished_after(vitals: Vitals) -> int | None:
    """Give the distance after which a gradient is under a thousandth of itself, and stays so.

    Args:
        vitals: what was measured.

    Returns:
        Steps, between two measured distances as if it fell evenly; None where it never is.
    """
    under = [ratio < _VANISHED for ratio in vitals.ratios]
    if not under[-1]:
        return None
    place = max((n for n, each in enumerate(under) if not each), default=-1) + 1
    far, small = vitals.distances[place], vitals.ratios[place]
    near, large = (vitals.distances[place - 1], vitals.ratios[place - 1]) if place else (0, 1.0)
    if not small > 0 or not math.isfinite(large):
        return far
    share = math.log(large / _VANISHED) / math.log(large / small)
    return math.ceil(near + share * (far - near))


def _vanishing(vitals: Vitals, where: str) -> Iterator[Finding]:
    steps, after = vitals.steps, vanished_after(vitals)
    if after is None or steps < _FEWEST:
        return
    soon = _SOON if retention(vitals.program) else max(_SOON, _QUARTER * steps)
    if after > min(soon, steps / 2):
        return
    yield Finding(
        "vanishing",
        where,
        after,
        f"{where}: {after} of {steps} steps back the gradient is under a thousandth, so what lies "
        f"further back teaches nothing; {_further(vitals)}",
    )


def _further(vitals: Vitals) -> str:
    """Say what would carry a gradient further."""
    kept = with_retention(vitals.program)[1]
    if not retention(vitals.program):
        return "a cell that keeps its state, such as lstm or gru, carries it further"
    gates = [name for name in kept.values() if name in vitals.gates]
    opened = f"start the gate {gates[0]} further open" if gates else "keep more of the state"
    return f"{opened}, or let attention or a mean over the steps reach back"


def _exploding(vitals: Vitals, where: str) -> Iterator[Finding]:
    pairs = zip(vitals.distances, vitals.ratios, strict=True)
    far = [(at, ratio) for at, ratio in pairs if not ratio <= _EXPLODED]
    if not far:
        return
    at, ratio = far[0]
    size = f"{ratio:.0f} times itself" if math.isfinite(ratio) else "not finite"
    yield Finding(
        "exploding",
        where,
        ratio,
        f"{where}: {at} steps back the gradient is {size}, so a few early steps decide all that is "
        f"learned; smaller recurrent weights (orthogonal ones, or layer_norm), a smaller "
        f"learning_rate or shorter sequences hold it",
    )


def _growing(vitals: Vitals, where: str) -> Iterator[Finding]:
    for name, state in vitals.states.items():
        if vitals.steps < _FEWEST:
            return
        # of all units: a single one that counts may well grow large
        size = state.abs().mean((1, 2))
        most = float(size[-max(1, len(size) // 10) :].mean())
        growth = _growth(size) / max(1.0, _growth(vitals.x.abs().mean((1, 2))))
        if most <= _HUGE and not (most > _LARGE and growth > _GROWN):
            continue
        reached = f"has a mean of {most:.3g}" if math.isfinite(most) else "is no longer finite"
        yield Finding(
            "growing",
            where,
            most,
            f"{where}: the state {name} {reached} after {vitals.steps} steps and would grow on in "
            f"a longer input; smaller recurrent weights, layer_norm or an activation with a bound, "
            f"such as tanh, hold it",
        )
        return


def _growth(size: Tensor) -> float:
    """The last tenth of the steps in relation to the second tenth."""
    tenth = max(1, len(size) // 10)
    early, late = float(size[tenth : 2 * tenth].mean()), float(size[-tenth:].mean())
    return late / max(early, 1e-12) if math.isfinite(late) else math.inf


def _saturated(vitals: Vitals, where: str) -> Iterator[Finding]:
    """One gate that stands open may be what keeps a memory; a cell of which none moves is stuck."""
    if not vitals.gates or not _tells(vitals):
        return
    shares = {name: _stuck(gate) for name, gate in vitals.gates.items()}
    if min(shares.values()) <= _MOST:
        return
    least = min(shares.values())
    gates = ", ".join(shares)
    yield Finding(
        "saturated",
        where,
        least,
        f"{where}: no gate moves ({gates}): {least:.0%} or more of the units of each stand wholly "
        "open or shut, whatever is read, so they learn next to nothing; a smaller learning_rate, "
        "biases nearer to 0 or layer_norm free them",
    )


def _stuck(gate: Tensor) -> float:
    """The share of a gate's units that stand at one end and do not move."""
    values = gate.flatten(0, 1)
    ends = (values > _OPEN).all(0) | (values < _SHUT).all(0)
    return float((ends & (values.std(0) < _STILL)).float().mean())


def _dead(vitals: Vitals, where: str) -> Iterator[Finding]:
    if not _tells(vitals):
        return
    for name, state in vitals.states.items():
        values = state.flatten(0, 1)
        dead = int((values.std(0) < _CONSTANT).sum())
        share = dead / values.shape[1]
        if share < _DEAD:
            continue
        yield Finding(
            "dead",
            where,
            share,
            f"{where}: {dead} of {values.shape[1]} units of the state {name} never change, "
            f"whatever is read; a smaller learning_rate, or tanh in place of relu, keeps units "
            f"alive, and fewer units would do as well",
        )
        return


def _tells(vitals: Vitals) -> bool:
    """Whether what was read is long and varied enough for a unit to be moved by it."""
    x = vitals.x.flatten(0, 1)
    moved = len(x) >= _VALUES and bool((x.std(0) > _CONSTANT).any())
    return moved and all(bool(state.isfinite().all()) for state in vitals.states.values())
