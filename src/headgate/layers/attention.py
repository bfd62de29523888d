"""Attention: each decoder state looks at the encoder's states and takes a weighted mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from headgate.equations.attention import SCORES
from headgate.errors import CellError, ShapeError, UnknownNameError
from headgate.layers.checks import check_positive


@dataclass(frozen=True)
class Keys:
    """The encoder's states, made ready to be looked at any number of times.

    Args:
        values: encoder states, zero where the source has no step, [B, S, N].
        projected: what the score takes of them, [B, S, N]; the same tensor where the score has
            no matrix for them.
        mask: True where the source has a step, [B, S]; everywhere where None.
    """

    values: Tensor
    projected: Tensor
    mask: Tensor | None = None

    def select(self, rows: Tensor) -> Keys:
        """Keep, repeat or reorder rows.

        Args:
            rows: which rows, [J].

        Returns:
            The keys of these rows.
        """
        values = self.values[rows]
        same = self.projected is self.values
        mask = None if self.mask is None else self.mask[rows]
        return Keys(values, values if same else self.projected[rows], mask)


class Attention(nn.Module):
    """Score, normalise, and take the context.

        score: one of ``SCORES``,  a = softmax(score),  context = Σ_s a_s e_s

    Args:
        score: a key of ``SCORES``.
        query_size: units of the decoder's state d.
        key_size: units of an encoder's state e.
        attention_size: units of the additive score; ``query_size`` where None.
        max_source: the greatest source length of the location score, which has to be named.

    Raises:
        UnknownNameError: no score has that name.
        ShapeError: a score without a matrix needs equal sizes.
        CellError: the location score needs ``max_source``.

    Example:
        >>> context, weights = Attention("general", 4, 6)(torch.zeros(2, 3, 4), torch.ones(2, 5, 6))
        >>> context.shape, weights.shape
        (torch.Size([2, 3, 6]), torch.Size([2, 3, 5]))
    """

    def __init__(
        self,
        score: str,
        query_size: int,
        key_size: int,
        *,
        attention_size: int | None = None,
        max_source: int | None = None,
    ) -> None:
        super().__init__()
        if score not in SCORES:
            raise UnknownNameError("attention score", score, SCORES)
        self.name, self.score, self.max_source = score, SCORES[score], max_source
        if score in ("dot", "scaled") and query_size != key_size:
            raise ShapeError(
                f"{score} multiplies d and e unit by unit, but they have {query_size} and "
                f"{key_size} units; 'general' has a matrix between them"
            )
        check_positive(query_size=query_size, key_size=key_size)
        if (score == "location") != (max_source is not None):
            raise CellError("the location score, and no other, needs max_source")
        if score != "additive" and attention_size is not None:
            raise CellError(f"attention_size is the additive score's, not that of {score!r}")
        given = {"attention_size": attention_size, "max_source": max_source}
        given = {name: size for name, size in given.items() if size is not None}
        check_positive(**given)
        size = next(iter(given.values()), query_size)
        self.query = nn.Linear(query_size, size, bias=False) if self.score.query else nn.Identity()
        self.key = nn.Linear(key_size, size, bias=False) if self.score.key else nn.Identity()
        self.v = nn.Parameter(torch.empty(size)) if self.score.vector else None
        if self.v is not None:
            nn.init.uniform_(self.v, -(size**-0.5), size**-0.5)

    def forward(
        self,
        queries: Float[Tensor, "B L Q"],
        keys: Float[Tensor, "B S E"],
        mask: Bool[Tensor, "B S"] | None = None,
    ) -> tuple[Float[Tensor, "B L E"], Float[Tensor, "B L S"]]:
        """Attend from every query to every key.

        Args:
            queries: decoder states, [B, L, N].
            keys: encoder states, [B, S, N].
            mask: True where the source has a step, [B, S]; everywhere where None.

        Returns:
            The contexts, [B, L, N]; the weights, [B, L, S], which sum to 1 over the source.

        Raises:
            ShapeError: the source is longer than the location score reaches, or a row is empty.
        """
        return self.attend(queries, self.prepare(keys, mask))

    def prepare(
        self, keys: Float[Tensor, "B S E"], mask: Bool[Tensor, "B S"] | None = None
    ) -> Keys:
        """Do once what every step that attends to a source has in common.

        Args:
            keys: encoder states, [B, S, N].
            mask: True where the source has a step, [B, S]; everywhere where None.

        Returns:
            What ``attend`` takes.

        Raises:
            ShapeError: the source is longer than the location score reaches, or a row is empty.
        """
        if self.max_source is not None and keys.shape[1] > self.max_source:
            raise ShapeError(
                f"the location score reaches {self.max_source} source steps, not {keys.shape[1]}"
            )
        if mask is not None:
            # while a compiler makes a graph, there are no values to look at
            if not torch.compiler.is_compiling() and not bool(mask.any(1).all()):
                raise ShapeError("a row of the mask hides its whole source: nothing to attend to")
            # a weight of zero does not stop a NaN
            keys = keys.masked_fill(~mask[..., None], 0.0)
        return Keys(keys, self.key(keys), mask)

    def attend(
        self, queries: Float[Tensor, "B L Q"], keys: Keys
    ) -> tuple[Float[Tensor, "B L E"], Float[Tensor, "B L S"]]:
        """Attend from every query to keys that were prepared.

        Args:
            queries: decoder states, [B, L, N].
            keys: what ``prepare`` gave.

        Returns:
            The contexts, [B, L, N]; the weights, [B, L, S], which sum to 1 over the source.
        """
        arguments = (self.query(queries), keys.projected)
        scores = self.score.function(*arguments, *(() if self.v is None else (self.v,)))
        if keys.mask is not None:
            scores = scores.masked_fill(~keys.mask[:, None], float("-inf"))
        weights = scores.softmax(-1)
        return weights @ keys.values, weights
