"""Ancestral sampling: at every step a token drawn from what the decoder expects."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .path import follow
from .protocol import Decoder, Hypothesis, Rows, State
from .sampling import Sampling, draw


def sample(
    decoder: Decoder[State],
    state: State,
    rows: Rows,
    sampling: Sampling,
    *,
    numbers: Sequence[int] | None = None,
) -> list[Hypothesis]:
    """Draw a sequence for each row, up to its end mark.

    Each row has its own chance, so that it comes out alike in any batch.

    Args:
        decoder: the decoder to draw from.
        state: its state before the first step, one row for each of ``rows``.
        rows: the rows to decode, with their marks and limits.
        sampling: how a token is drawn; a repetition counts within the row.
        numbers: of the rows, which their chance hangs on beside the seed; as they stand where
            None.

    Returns:
        One hypothesis a row; its log-probability is that of the decoder itself, whatever the
        temperature, and its score the same over the length.
    """
    generators = [sampling.generator(n) for n in numbers or range(rows.count)]

    def drawn(
        log_probabilities: Tensor, chosen: list[int], seen: list[list[int]]
    ) -> tuple[Tensor, Tensor]:
        shares = sampling.probabilities(log_probabilities, seen)
        tokens = draw(shares, [generators[row] for row in chosen])
        values = log_probabilities.gather(1, tokens[:, None])[:, 0]
        return values.double().clamp(max=0.0), tokens

    return follow(decoder, state, rows, drawn, length_penalty=1.0)
