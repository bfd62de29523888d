"""What can be seen of a trained model without an input: its weights, and how its training went."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from headgate.inspection.findings import Finding
from headgate.inspection.passes import Pass, passes_of
from headgate.inspection.spectra import weight_radii
from headgate.layers import GRU, LSTM, RNN, Recurrent
from headgate.program import split
from headgate.program.retention import retention

_TAME, _WILD = 0.1, 3.0  # spectral radii of a cell that makes its state anew at every step
_LOST = 0.25  # of what a loss had gained
_NOTICED = 0.1  # of the best loss: a rise that is more than chance
_LATE = 0.1  # of the steps
_GAINING = 0.1  # of all gain, in those last steps

Rows = Sequence[Mapping[str, float]]


def check_weights(network: nn.Module) -> tuple[list[Finding], dict[str, float]]:
    """Look at the weights of a network.

    Args:
        network: any network with recurrent layers.

    Returns:
        The findings; and the spectral radius of each square recurrent matrix, by layer and block.
    """
    found = [
        finding
        for name, parameter in network.named_parameters()
        if (finding := _unsound(name, parameter)) is not None
    ]
    radii: dict[str, float] = {}
    for name, part in network.named_modules():
        if not isinstance(part, Recurrent | RNN | LSTM | GRU):
            continue
        for side in (side for sides in passes_of(part) for side in sides):
            where = f"{name}, layer {side.name}" if name else f"layer {side.name}"
            own = {block: r for block, r in weight_radii(side).items() if math.isfinite(r)}
            radii |= {f"{where}, {block}": radius for block, radius in own.items()}
            found += _judged(side, where, own)
    return found, radii


def _unsound(name: str, parameter: Tensor) -> Finding | None:
    count = int((~torch.isfinite(parameter)).sum())
    if not count:
        return None
    return Finding(
        "not finite",
        name,
        count,
        f"{name}: {count} of {parameter.numel()} weights are not finite, so no answer is; go back "
        "to an earlier model, and train with a smaller learning_rate",
    )


def _judged(side: Pass, where: str, radii: Mapping[str, float]) -> list[Finding]:
    found: list[Finding] = []
    # where a state is kept by a gate, the matrices say little of how long
    for block, radius in {} if retention(side.program) else radii.items():
        if radius > _WILD:
            does = "small differences grow from step to step, and so do gradients"
        elif radius < _TAME:
            does = "what was read is forgotten within a few steps"
        else:
            continue
        found.append(
            Finding(
                "spectral radius",
                where,
                radius,
                f"{where}: the recurrent weights {block} have a spectral radius of {radius:.3g}, "
                f"so {does}; train with a smaller learning_rate, or a cell such as lstm or gru",
            )
        )
    idle = _idle(side)
    if idle:
        found.append(
            Finding(
                "idle",
                where,
                idle,
                f"{where}: {idle} units have only weights of zero, so they read nothing; fewer "
                "units or a smaller weight_decay would do as well",
            )
        )
    return found


def _idle(side: Pass) -> int:
    """Count the units that read neither the input nor a state."""
    parts = split(side.program, side.weights)
    reads = [part for (kind, _), part in parts.items() if kind in ("input", "matmul")]
    heights = {part.shape[0] for part in reads if part.dim() == 2}
    if len(heights) != 1:
        return 0
    zero = torch.stack([(part == 0).all(1) for part in reads if part.dim() == 2])
    return int(zero.all(0).sum())


def check_history(rows: Rows) -> list[Finding]:
    """Look at how the losses of a training went.

    Args:
        rows: one for each validation, with "step", "epoch", "train_loss" and "valid_loss".

    Returns:
        The findings.
    """
    known = [row for row in rows if math.isfinite(row.get("valid_loss", math.nan))]
    if len(known) < 3:
        return []
    return [*_overfit(known), *_risen(known), *_unfinished(known)]


def _overfit(rows: Rows) -> list[Finding]:
    losses = [row["valid_loss"] for row in rows]
    best = losses.index(min(losses))
    lost = losses[-1] - losses[best]
    learned = rows[-1]["train_loss"] < rows[best]["train_loss"]
    least = max(_LOST * (losses[0] - losses[best]), _NOTICED * abs(losses[best]))
    if not learned or lost <= least:
        return []
    epoch = int(rows[best]["epoch"])
    return [
        Finding(
            "overfit",
            "training",
            epoch,
            f"since epoch {epoch} valid_loss has risen from {losses[best]:.4g} to {losses[-1]:.4g} "
            "while train_loss fell: it learns the rows by heart; more rows, dropout, weight_decay "
            "or fewer units help, not more epochs",
        )
    ]


def _risen(rows: Rows) -> list[Finding]:
    losses = [row["train_loss"] for row in rows]
    best = losses.index(min(losses))
    lost, gained = losses[-1] - losses[best], losses[0] - losses[best]
    if not lost > max(2 * _LOST * gained, 0.0) or best == 0:
        return []
    return [
        Finding(
            "risen loss",
            "training",
            losses[-1],
            f"train_loss rose at the end, from {losses[best]:.4g} at epoch "
            f"{int(rows[best]['epoch'])} to {losses[-1]:.4g}: a smaller learning_rate or a longer "
            "warmup holds it",
        )
    ]


def _unfinished(rows: Rows) -> list[Finding]:
    losses = [row["valid_loss"] for row in rows]
    whole = losses[0] - losses[-1]
    since = (1 - _LATE) * rows[-1]["step"]
    before = [row["valid_loss"] for row in rows if row["step"] <= since]
    if not before or losses[-1] > min(losses) or whole <= 0:
        return []
    gain = (before[-1] - losses[-1]) / whole
    if gain <= _GAINING:
        return []
    return [
        Finding(
            "unfinished",
            "training",
            gain,
            f"valid_loss was still falling when the training ended: the last tenth of the steps "
            f"brought {gain:.0%} of all it gained; more epochs or minutes would bring more",
        )
    ]
