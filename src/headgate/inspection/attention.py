"""An attention map: how much each target token looked at each source token.

`AttentionMap` holds the numbers and the labels, checked once. The pictures of it are made by
`attention_text` (terminal), `attention_svg` (drawing) and `attention_html` (page).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.inspection.labels import visible

_WORST_SHOWN = 3


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """The attention of one decoded sequence; `attention_map` makes one from any numbers.

    Args:
        weights: how much each target token took from each source token, 0 or more; [L, S].
        source: the S source tokens.
        target: the L target tokens.

    Raises:
        ShapeError: The weights do not fit the labels.
        DataError: A weight is negative or not finite.
    """

    weights: Float[Tensor, "L S"]
    source: tuple[str, ...]
    target: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_shape(self.weights, source=self.source, target=self.target)
        _check_values(self)


def attention_map(
    weights: Tensor | Sequence[Sequence[float]],
    *,
    source: Sequence[str],
    target: Sequence[str],
) -> AttentionMap:
    """Put attention weights and their labels together.

    Args:
        weights: [target, source], 0 or more; a tensor on any device or nested lists, copied.
        source: the S source tokens; a string is taken character by character.
        target: the L target tokens, likewise.

    Returns:
        The attention, in float64 on the CPU, without gradient.

    Raises:
        ShapeError: The weights are ragged or do not fit the labels.
        DataError: A weight is negative or not finite.

    Example:
        >>> attention_map([[0.9, 0.1]], source="ab", target="A").target
        ('A',)
    """
    if isinstance(weights, Tensor):
        values = weights.detach().to("cpu", torch.float64, copy=True)
    else:
        values = _from_rows(weights, len(source))
    _check_shape(values, source=source, target=target)  # here too: any number of axes can come
    return AttentionMap(values, tuple(source), tuple(target))


def entropy(attention: AttentionMap) -> Float[Tensor, " L"]:
    """Measure how widely each target token looks about.

    H = −Σₛ pₛ log₂ pₛ, where p is the row divided by its sum.

    Args:
        attention: the attention, L target by S source tokens.

    Returns:
        Bits, [L]: 0 where one source token has all the weight, log₂ S where all have the same. A
        row without any weight has 0.

    Example:
        >>> entropy(attention_map([[1.0, 0.0], [0.5, 0.5]], source="ab", target="xy")).tolist()
        [0.0, 1.0]
    """
    totals = attention.weights.sum(dim=1, keepdim=True)
    shares = attention.weights / totals.where(totals > 0, torch.ones_like(totals))
    return torch.special.entr(shares).sum(dim=1) / math.log(2)


def strongest(attention: AttentionMap) -> list[int | None]:
    """Find the source token that each target token looks at most.

    Args:
        attention: the attention, L target by S source tokens.

    Returns:
        L indices into the source, the first one where several are equal; None where a row has no
        weight at all.
    """
    if not attention.source:
        return [None] * len(attention.target)
    peaks, indices = attention.weights.max(dim=1)
    return [
        index if peak > 0 else None
        for peak, index in zip(peaks.tolist(), indices.tolist(), strict=True)
    ]


def alignment_line(attention: AttentionMap) -> str:
    """Write the strongest links as one line.

    Args:
        attention: the attention.

    Returns:
        "source→target" for each target token in order; ∅ stands for no source.

    Example:
        >>> alignment_line(attention_map([[0.9, 0.1], [0.2, 0.8]], source="ab", target="AB"))
        'a→A b→B'
    """
    return " ".join(
        f"{'∅' if index is None else visible(attention.source[index])}→{visible(token)}"
        for index, token in zip(strongest(attention), attention.target, strict=True)
    )


def to_dict(attention: AttentionMap) -> dict[str, Any]:
    """Give the map as plain data, ready for `json.dumps`.

    Args:
        attention: the attention.

    Returns:
        "source" and "target", lists of strings, and "weights", a list of rows [target][source];
        `attention_map` takes these three back.
    """
    return {
        "source": list(attention.source),
        "target": list(attention.target),
        "weights": attention.weights.tolist(),
    }


def _from_rows(rows: Sequence[Sequence[float]], columns: int) -> Tensor:
    for number, row in enumerate(rows):
        if len(row) != columns:
            raise ShapeError(
                f"row {number} of the attention weights has {len(row)} numbers,"
                f" but there are {columns} source tokens"
            )
    return torch.tensor([list(row) for row in rows], dtype=torch.float64).reshape(
        len(rows), columns
    )


def _check_shape(weights: Tensor, *, source: Sequence[str], target: Sequence[str]) -> None:
    wanted, came = (len(target), len(source)), tuple(weights.shape)
    if came != wanted:
        hint = "; they look transposed" if came == wanted[::-1] else ""
        raise ShapeError(
            f"the labels are {wanted[0]} target and {wanted[1]} source tokens, so the weights must"
            f" be [target, source] = {wanted}, but they are {came}{hint}"
        )


def _check_values(attention: AttentionMap) -> None:
    bad = ~(attention.weights.isfinite() & (attention.weights >= 0))
    if not bad.any():
        return
    places = bad.nonzero().tolist()
    named = [
        f"{float(attention.weights[row, column])} at target {row} {attention.target[row]!r},"
        f" source {column} {attention.source[column]!r}"
        for row, column in places[:_WORST_SHOWN]
    ]
    more = f"; {len(places) - _WORST_SHOWN} more" if len(places) > _WORST_SHOWN else ""
    raise DataError(f"attention weights must be numbers of 0 or more, got {'; '.join(named)}{more}")
