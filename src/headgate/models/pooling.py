"""Many steps to one vector: of a whole sequence at once, or step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from headgate.equations.notation import Equation
from headgate.errors import ShapeError, UnknownNameError
from headgate.kernels import native
from headgate.kernels.plain import is_plain
from headgate.kernels.scan import prefers, scan
from headgate.program import trace

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
    whole = y.requires_grad or torch.compiler.is_compiling()
    total = y.sum(0) if whole else reduce(torch.add, y)
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


def attention(y: States, valid: Valid, score: Float[Tensor, "N"]) -> Float[Tensor, "B N"]:
    """Weigh the steps of each row by a softmax over their scores, and add them up.

        e_t = w · y_t,   a = softmax(e),   v = Σ_t a_t y_t

    Args:
        y: outputs, [T, B, N], zero past each row's end.
        valid: True where a row has a step, [T, B].
        score: w, [N].

    Returns:
        One vector a row, [B, N].

    Source: the attention of Felbo et al. 2017, "Using millions of emoji occurrences to learn
    any-domain representations", section 3.2; step by step as in Milakov & Gimelshein 2018, "Online
    normalizer calculation for softmax".
    """
    weights = {"weight_ih": _attention_weight(score)}
    tensors = (y, *weights.values())
    gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    serves = native.available and is_plain(tensors) and prefers("native", tensors)
    if serves and not gradient and len(y) and bool((valid[1:] <= valid[:-1]).all()):
        return _attention_by_steps(y, valid, weights)
    scores = (y @ score).masked_fill(~valid, float("-inf"))
    return (scores.softmax(0)[..., None] * y).sum(0)


def _attention_by_steps(
    y: Tensor, valid: Tensor, weights: Mapping[str, Tensor]
) -> Float[Tensor, "B N"]:
    """Run the cell of a stream, so that both give the same bits."""
    pooling = POOLS["attention"]
    assert pooling.step is not None
    program = trace(pooling.step, bias=False)
    first = tuple(y.new_full(y.shape[1:], pooling.initial.get(s, 0.0)) for s in program.states)
    return scan(program, y, weights, first, lengths=valid.sum(0).cpu()).states[0]


def _attention_weight(score: Float[Tensor, "N"]) -> Float[Tensor, "N2 N"]:
    """Lay a cell's projection out: to each unit the output itself, and to each the score."""
    size = len(score)
    unit = torch.eye(size, dtype=score.dtype, device=score.device)
    return torch.cat([unit, score.expand(size, size)])


def _mean_step(x, mean, total, count):
    total, count = total + x.output, count + 1
    return total / count, total, count


def _peak_step(x, peak):
    return torch.maximum(peak, x.output)


def _mean_and_peak_step(x, mean, peak, total, count):
    total, count = total + x.output, count + 1
    return total / count, torch.maximum(peak, x.output), total, count


def _attention_step(x, attended, most, normaliser, total):
    higher = torch.maximum(most, x.score)
    kept, weight = torch.exp(most - higher), torch.exp(x.score - higher)
    normaliser = kept * normaliser + weight
    total = kept * total + weight * x.output
    return total / normaliser, higher, normaliser, total


@dataclass(frozen=True)
class Pooling:
    """A way to make one vector of many steps.

    Args:
        whole: from all steps, [T, B, N], and where they are, [T, B], to vectors.
        width: how many times N the vector has.
        step: the same step by step, as a cell whose first states are the vector; None where a
            layer's output is the vector itself.
        initial: what its states begin from, zero where absent.
        scored: whether it has a vector of parameters, [N], by which each step is scored; ``whole``
            then takes it as well.
    """

    whole: Callable[..., Tensor]
    width: int
    step: Equation | None = None
    initial: Mapping[str, float] = field(default_factory=dict)
    scored: bool = False


_LEAST = {"peak": float("-inf")}
_ATTENTION = Equation(_attention_step, layout=("output", "score"))
POOLS: dict[str, Pooling] = {
    "attention": Pooling(attention, 1, _ATTENTION, {"most": float("-inf")}, scored=True),
    "last": Pooling(last, 1),
    "max": Pooling(peak, 1, Equation(_peak_step), _LEAST),
    "mean": Pooling(mean, 1, Equation(_mean_step)),
    "mean+max": Pooling(mean_and_peak, 2, Equation(_mean_and_peak_step), _LEAST),
}


class Pool(nn.Module):
    """The steps of each row as one vector.

    Args:
        name: a key of ``POOLS``.
        size: units N of a step's output; only a pool that has parameters asks for it.

    Raises:
        UnknownNameError: no pool has that name.
        ShapeError: the pool has parameters, and no size came.
    """

    score: nn.Parameter | None

    def __init__(self, name: str, size: int | None = None) -> None:
        super().__init__()
        if name not in POOLS:
            raise UnknownNameError("pool", name, POOLS)
        self.name, self.pooling = name, POOLS[name]
        if self.pooling.scored and (size is None or size < 1):
            raise ShapeError(
                f"the pool {name!r} scores each step, so that it needs the number of units of a "
                f"step's output: Pool({name!r}, size), not size={size!r}"
            )
        # zero: it begins as the mean
        score = nn.Parameter(torch.zeros(size)) if self.pooling.scored and size else None
        self.register_parameter("score", score)

    def forward(self, y: States, valid: Valid) -> Float[Tensor, "B _"]:
        """Pool the steps.

        Args:
            y: outputs, [T, B, N], zero past each row's end.
            valid: True where a row has a step, [T, B].

        Returns:
            One vector a row, [B, N] or [B, 2·N].
        """
        own = () if self.score is None else (self.score,)
        return self.pooling.whole(y, valid, *own)

    def weights(self) -> dict[str, Tensor]:
        """Give the parameters of its step.

        Returns:
            The tensors by name, as a cell has them; none where it reads the outputs as they are.
        """
        return {} if self.score is None else {"weight_ih": _attention_weight(self.score)}

    def extra_repr(self) -> str:
        """Name the pool in its printed form.

        Returns:
            The name.
        """
        return repr(self.name)
