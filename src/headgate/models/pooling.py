"""Many steps to one vector."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

States = Float[Tensor, "T B N"]
Valid = Bool[Tensor, "T B"]


def mean(y: States, valid: Valid) -> Float[Tensor, "B N"]:
    """Average the steps of each row.

    Args:
        y: outputs, [T, B, N], zero past each row's end.
        valid: True where a row has a step, [T, B].

    Returns:
        One vector a row, [B, N].
    """
    return y.sum(0) / valid.sum(0).clamp(min=1)[:, None]


def peak(y: States, valid: Valid) -> Float[Tensor, "B N"]:
    """Take each unit's largest value over the steps of a row.

    Args:
        y: outputs, [T, B, N].
        valid: True where a row has a step, [T, B].

    Returns:
        One vector a row, [B, N].
    """
    return y.masked_fill(~valid[..., None], float("-inf")).amax(0)


def last(y: States, valid: Valid) -> Float[Tensor, "B N"]:
    """Take each row's last step.

    Args:
        y: outputs, [T, B, N].
        valid: True where a row has a step, [T, B].

    Returns:
        One vector a row, [B, N].
    """
    end = (valid.sum(0) - 1).clamp(min=0)
    return y[end, torch.arange(y.shape[1], device=y.device)]


def mean_and_peak(y: States, valid: Valid) -> Float[Tensor, "B N2"]:
    """Put the mean and the peak side by side: what is said often, and what is said once.

    Args:
        y: outputs, [T, B, N].
        valid: True where a row has a step, [T, B].

    Returns:
        One vector a row, [B, 2·N].
    """
    return torch.cat([mean(y, valid), peak(y, valid)], -1)


POOLS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], int]] = {
    "last": (last, 1),
    "max": (peak, 1),
    "mean": (mean, 1),
    "mean+max": (mean_and_peak, 2),
}
