"""Many to many, unaligned: an encoder, attention or none, and a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from headgate.equations import Equation
from headgate.errors import ShapeError
from headgate.kernels.linear import linear
from headgate.layers import Attention, Linear, Recurrent
from headgate.models.embedding import TokenEmbedding
from headgate.program import Program


@dataclass(frozen=True)
class Memory:
    """What the decoder needs of a source: all that a beam has to keep, row by row.

    Args:
        keys: encoder states, [B, S, E].
        mask: True where the source has a step, [B, S].
        states: the decoder's states, each [layers, B, N].
    """

    keys: Tensor
    mask: Tensor
    states: tuple[Tensor, ...]

    def select(self, rows: Tensor) -> Memory:
        """Keep, repeat or reorder rows.

        Args:
            rows: which rows, [J].

        Returns:
            The memory of these rows.
        """
        return Memory(self.keys[rows], self.mask[rows], tuple(s[:, rows] for s in self.states))


class EncoderDecoder(nn.Module):
    """An encoder in both directions and a decoder that attends after its own pass.

        d = decoder(y)           c, a = attention(d, e)
        logits = E tanh(W_c [c, d] + b_c) + b,   E the decoder's own embedding

    The order is Luong's (2015), so that training needs one scan for each layer. Without attention
    c is left out: the plain encoder-decoder of Sutskever (2014).

    Args:
        source: from source ids to vectors.
        target: from target ids to vectors; its table is the output layer too (Press & Wolf 2017).
        encoder: bidirectional, as many layers as the decoder.
        decoder: one direction.
        attention: how d looks at e, or None.
        dropout: the probability that a unit before the output layer is dropped.
    """

    def __init__(
        self,
        source: TokenEmbedding,
        target: TokenEmbedding,
        *,
        encoder: Recurrent,
        decoder: Recurrent,
        attention: Attention | None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.source, self.target = source, target
        self.encoder, self.decoder, self.attention = encoder, decoder, attention
        vocabulary, size = target.table.weight.shape
        inputs = decoder.output_size + (encoder.output_size if attention else 0)
        self.combine = Linear(inputs, size)
        self.bridge = nn.ModuleList(
            nn.Linear(2 * before, after)
            for before, after in zip(encoder.state_sizes(), decoder.state_sizes(), strict=True)
        )
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = nn.Dropout(dropout)

    def encode(self, ids: Int[Tensor, "B S"], lengths: Int[Tensor, "B"]) -> Memory:
        """Read the sources.

        Args:
            ids: source ids, [B, S].
            lengths: tokens of each source, [B].

        Returns:
            What the decoder needs.
        """
        outputs, last = self.encoder(self.source(ids), lengths=lengths)[:2]
        finals = (last,) if isinstance(last, Tensor) else last
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths.to(ids.device)[:, None]
        pairs = zip(self.bridge, finals, strict=True)
        return Memory(outputs.transpose(0, 1), mask, tuple(_bridge(*pair) for pair in pairs))

    def decode(
        self, ids: Int[Tensor, "B L"], memory: Memory
    ) -> tuple[Float[Tensor, "B L E"], Memory, Float[Tensor, "B L S"] | None]:
        """Run the decoder over target tokens that are given.

        Args:
            ids: target ids, each the input of its step, [B, L].
            memory: what ``encode`` or an earlier step left.

        Returns:
            What the output layer takes, [B, L, E]; the memory after the last step; the attention
            weights, [B, L, S].
        """
        outputs, last = self.decoder(self.target(ids), memory.states)[:2]
        features, weights = self.look(outputs.transpose(0, 1), memory)
        after = (last,) if isinstance(last, Tensor) else last
        return features, Memory(memory.keys, memory.mask, after), weights

    def look(
        self, d: Float[Tensor, "B L N"], memory: Memory
    ) -> tuple[Float[Tensor, "B L E"], Float[Tensor, "B L S"] | None]:
        """Look at the source from states of the decoder, and put both together.

        Args:
            d: states of the decoder, [B, L, N].
            memory: what ``encode`` left.

        Returns:
            What the output layer takes, [B, L, E]; the attention weights, [B, L, S], or None.
        """
        weights = None
        if self.attention is not None:
            context, weights = self.attention(d, memory.keys, memory.mask)
            d = torch.cat([context, d], -1)
        return self.dropout(torch.tanh(self.combine(d))), weights

    def logits(self, features: Float[Tensor, "*rows E"]) -> Float[Tensor, "*rows V"]:
        """Score every token of the vocabulary.

        Args:
            features: what ``decode`` gave, [..., E].

        Returns:
            Logits, [..., V].
        """
        return linear(features, self.target.table.weight, self.bias)

    def step(self, tokens: Int[Tensor, "K"], state: Memory) -> tuple[Float[Tensor, "K V"], Memory]:
        """Take one step of a search.

        Args:
            tokens: the token that each hypothesis chose last, [K].
            state: the memory of each hypothesis.

        Returns:
            Log-probabilities of the next token, [K, V]; the memory after the step.
        """
        features, after, _ = self.decode(tokens[:, None], state)
        return self.logits(features[:, 0]).log_softmax(-1), after

    def select(self, state: Memory, rows: Int[Tensor, "J"]) -> Memory:
        """Keep, repeat or reorder the hypotheses of a search.

        Args:
            state: the memory of each hypothesis.
            rows: which of them, [J].

        Returns:
            Their memory.
        """
        return state.select(rows)


def _bridge(linear: nn.Module, last: Tensor) -> Tensor:
    """The last states of both directions, side by side, to the first state of the decoder."""
    layers = last.unflatten(0, (-1, 2))
    return linear(torch.cat([layers[:, 0], layers[:, 1]], -1))


def build_encoder_decoder(
    source: TokenEmbedding,
    target: TokenEmbedding,
    *,
    cell: str | Equation | Program,
    hidden_size: int,
    attention: str | None = "general",
    max_source: int | None = None,
    **layers: Any,
) -> EncoderDecoder:
    """Wire an encoder-decoder for token ids.

    Args:
        source: from source ids to vectors.
        target: from target ids to vectors of the same size.
        cell: a key of ``CELLS``, an equation or a program.
        hidden_size: units of the decoder, and of both directions of the encoder together.
        attention: a key of ``SCORES``, or None.
        max_source: the greatest source length, for the location score.
        **layers: what ``Recurrent`` takes for both, such as num_layers, dropout, and the cell's
            own options; the dropout also stands before the output layer.

    Returns:
        The network.

    Raises:
        ShapeError: ``hidden_size`` is odd, so that two directions cannot share it.
    """
    if hidden_size % 2:
        raise ShapeError(f"both directions share hidden_size, so it is even, not {hidden_size}")
    features = source.table.embedding_dim
    encoder = Recurrent(cell, features, hidden_size // 2, bidirectional=True, **layers)
    decoder = Recurrent(cell, features, hidden_size, **layers)
    sizes = (decoder.output_size, encoder.output_size)
    attend = None if attention is None else Attention(attention, *sizes, max_source=max_source)
    return EncoderDecoder(
        source,
        target,
        encoder=encoder,
        decoder=decoder,
        attention=attend,
        dropout=layers.get("dropout", 0.0),
    )
