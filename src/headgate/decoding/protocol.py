"""What a search asks of a decoder, and what it gives back.

The state is the decoder's own: a search only carries it and has rows of it selected. So a state
need not hold what a search never reads. Attention weights, for one, are found afterwards by
running the decoder once over the tokens of a hypothesis.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import HeadgateError, ShapeError

State = TypeVar("State")

# The most by which rounding may lift a log-probability over 0, also in half precision.
_ROUNDING = 1e-2
# What a place of the source that no token looked at counts for: its logarithm is finite.
_LEAST_COVERAGE = 1e-30


@runtime_checkable
class Decoder(Protocol[State]):
    """A model that gives the next token's distribution for several rows at once."""

    def step(self, tokens: Int[Tensor, "K"], state: State) -> tuple[Float[Tensor, "K V"], State]:
        """Read one token a row and give the log-probabilities of the next.

        Args:
            tokens: the last token of each row, [K].
            state: the state of the K rows.

        Returns:
            The log-probabilities of the next token, [K, V], and the state after the step.
        """
        ...

    def select(self, state: State, rows: Int[Tensor, "J"]) -> State:
        """Keep, repeat and reorder rows of a state.

        Args:
            state: the state of K rows.
            rows: indices into the K rows, [J]; some may be missing and some may come twice.

        Returns:
            The state of the J rows.
        """
        ...


@runtime_checkable
class Attentive(Protocol):
    """What a decoder has besides where a search may ask how it looked at the source."""

    def coverage(self, state: Any) -> Float[Tensor, "K S"] | None:
        """Give the attention of each row so far, summed over its steps.

        Args:
            state: the state of K rows.

        Returns:
            The sums, [K, S], 1 or more where a row's source has no token; None where the decoder
            has no attention.
        """
        ...


@dataclass(frozen=True)
class Penalties:
    """What a score takes into account besides the log-probability (Wu et al. 2016, equation 14).

        s(Y, X) = log P(Y | X) / lp(Y) + cp(X, Y)
        lp(Y) = ((5 + |Y|) / 6)^α        cp(X, Y) = β Σ_s log min(Σ_t a_{t,s}, 1)

    Attributes:
        length: α of ``length_norm``; 0 leaves the log-probability as it is, more favours longer
            outputs.
        coverage: β of ``coverage_penalty``, 0 or more; more favours outputs that looked at all
            of the source.
    """

    length: float = 1.0
    coverage: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.length):
            raise HeadgateError(f"the length penalty is a finite number, got {self.length}")
        if not 0 <= self.coverage < math.inf:
            raise HeadgateError(
                f"the coverage penalty is a number of 0 or more, got {self.coverage}"
            )


@dataclass(frozen=True)
class Rows:
    """The rows that a search is to decode: where each starts and where it must end.

    Attributes:
        count: the number of rows.
        bos: the start mark, which every row reads first.
        eos: the end mark.
        max_length: the most tokens a row may get, the end mark among them; one number for all
            rows, or one for each, [B].
        min_length: the fewest tokens a row may get, the end mark not among them: before so many
            stand, the end mark is not possible, whatever its probability.
        barred: tokens that may never come.
        device: where the decoder takes its tokens.
    """

    count: int
    _: KW_ONLY
    bos: int
    eos: int
    max_length: int | Int[Tensor, "B"]
    min_length: int = 0
    barred: tuple[int, ...] = ()
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        if self.min_length < 0:
            raise HeadgateError(f"min_length must be 0 or more, got {self.min_length}")

    def limits(self) -> list[int]:
        """Give the length limit of each row, in tokens.

        Returns:
            One limit a row.

        Raises:
            ShapeError: if there is not one limit a row.
            HeadgateError: if a limit is negative.
        """
        if not isinstance(self.max_length, Tensor):
            limits = [self.max_length] * self.count
        elif self.max_length.shape == (self.count,):
            limits = [int(limit) for limit in self.max_length.tolist()]
        else:
            raise ShapeError(
                f"max_length must be a number or a tensor of shape ({self.count},), one limit "
                f"a row; it has shape {tuple(self.max_length.shape)}"
            )
        for row, limit in enumerate(limits):
            if limit < 0:
                raise HeadgateError(f"row {row}: max_length must be 0 or more, got {limit}")
        return limits

    def possible(self, log_probabilities: Float[Tensor, "K V"], step: int) -> Float[Tensor, "K V"]:
        """Leave out what may not come.

        What is left is not normalised again, so that a hypothesis keeps the log-probability that
        the decoder gives it.

        Args:
            log_probabilities: what the decoder gave, [K, V].
            step: the number of the step, from 0.

        Returns:
            The same, with -inf for the tokens that are barred, and for the end mark before
            ``min_length`` tokens stand.
        """
        gone = [*self.barred, *([self.eos] if step < self.min_length else [])]
        if not gone:
            return log_probabilities
        left = log_probabilities.clone()
        left[:, gone] = -math.inf
        return left


@dataclass(frozen=True)
class Hypothesis:
    """A sequence that a search found.

    Attributes:
        tokens: the tokens, without the start and the end mark.
        log_probability: the sum of the log-probabilities, the end mark's among them.
        score: what the search ranks by, the log-probability over ``length_norm`` plus the
            coverage penalty where there is one.
        finished: whether the end mark came; if not, the length limit cut the sequence off, or
            no token was possible after it.
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float
    finished: bool


def length_norm(length: int, length_penalty: float) -> float:
    """Give GNMT's length normalisation, lp(Y) = ((5 + |Y|) / 6)^α.

    Source: Wu et al., "Google's Neural Machine Translation System", 2016, equation 14.

    Args:
        length: |Y|, in tokens, the end mark among them.
        length_penalty: α; 0 leaves the log-probability as it is, more favours longer outputs.

    Returns:
        The number that the log-probability is divided by.

    Example:
        >>> length_norm(7, 1.0)
        2.0
    """
    return ((5 + length) / 6) ** length_penalty


def coverage_penalty(decoder: Any, state: Any, weight: float) -> Float[Tensor, "K"]:
    """Give GNMT's coverage penalty, cp(X, Y) = β Σ_s log min(Σ_t a_{t,s}, 1), of each row.

    Source: Wu et al., "Google's Neural Machine Translation System", 2016, equation 14.

    Args:
        decoder: the decoder, which must be ``Attentive``.
        state: its state of K rows.
        weight: β.

    Returns:
        The penalty, 0 or less, [K], in float64.

    Raises:
        HeadgateError: the decoder has no attention.
    """
    summed = decoder.coverage(state) if isinstance(decoder, Attentive) else None
    if summed is None:
        raise HeadgateError(
            f"a coverage penalty of {weight:g} was asked for, but the decoder has no attention "
            "that it could be taken from: set it to 0, or take a decoder that attends"
        )
    return weight * summed.double().clamp(_LEAST_COVERAGE, 1.0).log().sum(1)


def check_log_probabilities(
    log_probabilities: Float[Tensor, "K V"], *, rows: list[int], step: int, eos: int
) -> None:
    """Refuse what a decoder must not give.

    Args:
        log_probabilities: what the decoder gave, [K, V].
        rows: the row of the batch that each of the K rows belongs to.
        step: the number of the step, from 0.
        eos: the end mark, which must be one of the V tokens.

    Raises:
        ShapeError: if there are not K rows, or the end mark is not among the V tokens.
        HeadgateError: if there is a NaN or a value above 0; it names the row and the step.
    """
    shape = tuple(log_probabilities.shape)
    if len(shape) != 2 or shape[0] != len(rows):
        raise ShapeError(
            f"step {step}: the decoder must give log-probabilities of shape ({len(rows)}, V); "
            f"they have shape {shape}"
        )
    if not 0 <= eos < shape[1]:
        raise ShapeError(f"the end mark {eos} is not among the decoder's {shape[1]} tokens")
    if rows and not bool(log_probabilities.max() <= _ROUNDING):  # a NaN fails this too
        row, token = (int(at) for at in torch.nonzero(~(log_probabilities <= _ROUNDING))[0])
        raise HeadgateError(
            f"row {rows[row]}, step {step}: the log-probability of token {token} is "
            f"{log_probabilities[row, token].item()}; a decoder must give numbers of 0 or less, "
            "such as log_softmax of finite logits"
        )


def likeliest(
    log_probabilities: Float[Tensor, "K V"], *, count: int
) -> tuple[Float[Tensor, "K J"], Int[Tensor, "K J"]]:
    """Give the best next tokens of each row; every search breaks its ties here.

    Args:
        log_probabilities: the log-probabilities of the next token, [K, V].
        count: how many tokens are wanted; there are V at most.

    Returns:
        Their log-probabilities in float64, best first, and the tokens: both [K, J] with
        J = min(count, V).
    """
    values, tokens = log_probabilities.topk(min(count, log_probabilities.shape[1]), dim=1)
    return values.double().clamp(max=0.0), tokens
