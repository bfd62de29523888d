"""What a search asks of a decoder, and what it gives back.

The state is the decoder's own: a search only carries it and has rows of it selected. So a state
need not hold what a search never reads. Attention weights, for one, are found afterwards by
running the decoder once over the tokens of a hypothesis.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import HeadgateError, ShapeError

State = TypeVar("State")

# The most by which rounding may lift a log-probability over 0, also in half precision.
_ROUNDING = 1e-2


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


@dataclass(frozen=True)
class Rows:
    """The rows that a search is to decode: where each starts and where it must end.

    Attributes:
        count: the number of rows.
        bos: the start mark, which every row reads first.
        eos: the end mark.
        max_length: the most tokens a row may get, the end mark among them; one number for all
            rows, or one for each, [B].
        device: where the decoder takes its tokens.
    """

    count: int
    _: KW_ONLY
    bos: int
    eos: int
    max_length: int | Int[Tensor, "B"]
    device: torch.device | str = "cpu"

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


@dataclass(frozen=True)
class Hypothesis:
    """A sequence that a search found.

    Attributes:
        tokens: the tokens, without the start and the end mark.
        log_probability: the sum of the log-probabilities, the end mark's among them.
        score: what the search ranks by, the log-probability over ``length_norm``.
        finished: whether the end mark came; if not, the length limit cut the sequence off, or
            no token was possible after it.
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float
    finished: bool


def length_norm(length: int, length_penalty: float) -> float:
    """Give GNMT's length normalisation, lp(Y) = ((5 + |Y|) / 6)^α.

    Source: Wu et al., "Google's Neural Machine Translation System", 2016, equation 14, without
    the coverage term.

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
