"""Many steps to one vector: of a whole sequence at once, or step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from headgate.equations.notation import Equation
from headgate.errors import UnknownNameError

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
    # without a gradient in the order of the steps, as a stream adds them up
    total = y.sum(0) if y.requires_grad else reduce(torch.add, y)
    return total / valid.sum(0).clamp(min=1)[:, None]


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


def _mean_step(x, mean, total, count):
    total, count = total + x.output, count + 1
    return total / count, total, count


def _peak_step(x, peak):
    return torch.maximum(peak, x.output)


def _mean_and_peak_step(x, mean, peak, total, count):
    total, count = total + x.output, count + 1
    return total / count, torch.maximum(peak, x.output), total, count


@dataclass(frozen=True)
class Pooling:
    """A way to make one vector of many steps.

    Args:
        whole: from all steps, [T, B, N], and where they are, [T, B], to vectors.
        width: how many times N the vector has.
        step: the same step by step, as a cell whose first states are the vector; None where a
            layer's output is the vector itself.
        initial: what its states begin from, zero where absent.
    """

    whole: Callable[[Tensor, Tensor], Tensor]
    width: int
    step: Equation | None = None
    initial: Mapping[str, float] = field(default_factory=dict)


_LEAST = {"peak": float("-inf")}
POOLS: dict[str, Pooling] = {
    "last": Pooling(last, 1),
    "max": Pooling(peak, 1, Equation(_peak_step), _LEAST),
    "mean": Pooling(mean, 1, Equation(_mean_step)),
    "mean+max": Pooling(mean_and_peak, 2, Equation(_mean_and_peak_step), _LEAST),
}


class Pool(nn.Module):
    """The steps of each row as one vector.

    Args:
        name: a key of ``POOLS``.

    Raises:
        UnknownNameError: no pool has that name.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in POOLS:
            raise UnknownNameError("pool", name, POOLS)
        self.name, self.pooling = name, POOLS[name]

    def forward(self, y: States, valid: Valid) -> Float[Tensor, "B _"]:
        """Pool the steps.

        Args:
            y: outputs, [T, B, N], zero past each row's end.
            valid: True where a row has a step, [T, B].

        Returns:
            One vector a row, [B, N] or [B, 2·N].
        """
        return self.pooling.whole(y, valid)

    def extra_repr(self) -> str:
        """Name the pool in its printed form.

        Returns:
            The name.
        """
        return repr(self.name)
