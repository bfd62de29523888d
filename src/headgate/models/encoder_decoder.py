"""Many to many, unaligned: an encoder, attention or none, and a decoder."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from headgate.errors import CellError, ShapeError, UnknownNameError
from headgate.kernels.linear import linear
from headgate.layers import Attention, Linear, Recurrent
from headgate.models.embedding import TokenEmbedding
from headgate.models.memory import Memory

ORDERS = ("luong", "input_feeding", "bahdanau")


class EncoderDecoder(nn.Module):
    """An encoder in both directions, a decoder, and attention in one of three orders.

        luong           d_t = decoder(y_t, d_{t-1})              c_t, a_t = attention(d_t, e)
        input_feeding   d_t = decoder([y_t, o_{t-1}], d_{t-1})   c_t, a_t = attention(d_t, e)
        bahdanau        c_t, a_t = attention(d_{t-1}, e)         d_t = decoder([y_t, c_t], d_{t-1})

        o_t = tanh(W_c [c_t, d_t] + b_c)       logits = E o_t + b,   E the decoder's own embedding

    Luong's order (2015) needs one scan for each layer. With input feeding (his section 3.3, o_0 is
    zero) a step knows where the one before it looked, and with Bahdanau's order (2015) a state is
    made of what it looked at; both run step by step, which costs time. Bahdanau's own output layer
    is a maxout of d_{t-1}, y_t and c_t; here it is o_t in every order. Without attention c is left
    out: the plain encoder-decoder of Sutskever (2014).

    Where source and target are one embedding, a state dict has its table once.

    Args:
        source: from source ids to vectors.
        target: from target ids to vectors; its table is the output layer too (Press & Wolf 2017).
        encoder: bidirectional, as many layers as the decoder.
        decoder: one direction; beside a token it takes what its order adds. Its dropout also
            stands before the output layer.
        attention: how d looks at e, or None.
        order: one of ``ORDERS``.

    Raises:
        UnknownNameError: there is no such order.
        CellError: the order needs attention, or its steps cannot share a recurrent dropout.
    """

    def __init__(
        self,
        source: TokenEmbedding,
        target: TokenEmbedding,
        *,
        encoder: Recurrent,
        decoder: Recurrent,
        attention: Attention | None,
        order: str = "luong",
    ) -> None:
        super().__init__()
        _check(order, attention, decoder)
        self.source, self.target, self.order = source, target, order
        self.encoder, self.decoder, self.attention = encoder, decoder, attention
        vocabulary, size = target.table.weight.shape
        inputs = decoder.output_size + (encoder.output_size if attention else 0)
        self.combine = Linear(inputs, size)
        self.bridge = nn.ModuleList(
            nn.Linear(2 * before, after)
            for before, after in zip(encoder.state_sizes(), decoder.state_sizes(), strict=True)
        )
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = nn.Dropout(decoder.dropout)
        if source is target:
            self.register_state_dict_post_hook(_leave_out)
            self.register_load_state_dict_pre_hook(_put_back)

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
        pairs = zip(self.bridge, finals, strict=True)
        states = tuple(_bridge(*pair) for pair in pairs)
        fed = None
        if self.order == "input_feeding":
            fed = outputs.new_zeros(len(ids), self.combine.weight.shape[0])
        if self.attention is None:
            return Memory(states)
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths.to(ids.device)[:, None]
        keys = self.attention.prepare(outputs.transpose(0, 1), mask)
        return Memory(states, keys, outputs.new_zeros(mask.shape), fed)

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
        inputs = self.target(ids)
        if self.order == "luong":
            outputs, last = self.decoder(inputs, memory.states)[:2]
            features, weights = self.look(outputs.transpose(0, 1), memory)
            return features, memory.after(last), weights
        turn = self._fed if self.order == "input_feeding" else self._made_of_context
        turns = []
        for y in inputs:
            *found, memory = turn(y, memory)
            turns.append(found)
        features, weights = (torch.cat(each, 1) for each in zip(*turns, strict=True))
        return features, memory, weights

    def _fed(self, y: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None, Memory]:
        """Take a step of input feeding, from one token's vector, [B, E]."""
        assert memory.fed is not None
        d, last = self.decoder(torch.cat([y, memory.fed], -1)[None], memory.states)[:2]
        features, weights = self.look(d.transpose(0, 1), memory)
        return features, weights, memory.after(last, features[:, 0])

    def _made_of_context(self, y: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Memory]:
        """Take a step in Bahdanau's order, from one token's vector, [B, E]."""
        assert self.attention is not None
        assert memory.keys is not None
        before = memory.states[0][-1]  # of the last layer, the state that it shows
        context, weights = self.attention.attend(before[:, None], memory.keys)
        d, last = self.decoder(torch.cat([y, context[:, 0]], -1)[None], memory.states)[:2]
        return self._combined(context, d.transpose(0, 1)), weights, memory.after(last)

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
        if self.attention is None or memory.keys is None:
            return self._combined(None, d), None
        context, weights = self.attention.attend(d, memory.keys)
        return self._combined(context, d), weights

    def _combined(self, context: Tensor | None, d: Tensor) -> Tensor:
        both = d if context is None else torch.cat([context, d], -1)
        return self.dropout(torch.tanh(self.combine(both)))

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
        features, after, weights = self.decode(tokens[:, None], state)
        return self.logits(features[:, 0]).log_softmax(-1), after.having_looked(weights)

    def select(self, state: Memory, rows: Int[Tensor, "J"]) -> Memory:
        """Keep, repeat or reorder the hypotheses of a search.

        Args:
            state: the memory of each hypothesis.
            rows: which of them, [J].

        Returns:
            Their memory.
        """
        return state.select(rows)

    def coverage(self, state: Memory) -> Float[Tensor, "K S"] | None:
        """Give how much of the source each hypothesis of a search has looked at.

        Args:
            state: the memory of each hypothesis.

        Returns:
            The attention summed over its steps, [K, S], 1 where the source has no token; None
            without attention.
        """
        if state.looked is None or state.keys is None or state.keys.mask is None:
            return None
        return state.looked.masked_fill(~state.keys.mask, 1.0)


def _bridge(linear: nn.Module, last: Tensor) -> Tensor:
    """The last states of both directions, side by side, to the first state of the decoder."""
    layers = last.unflatten(0, (-1, 2))
    return linear(torch.cat([layers[:, 0], layers[:, 1]], -1))


def _check(order: str, attention: Attention | None, decoder: Recurrent) -> None:
    if order not in ORDERS:
        raise UnknownNameError("order of attention", order, ORDERS)
    if order == "luong":
        return
    if attention is None:
        raise CellError(
            f"the order {order!r} takes what attention found into a step, and there is none: name "
            "an attention score, or take the order 'luong'"
        )
    if decoder.noise.recurrent_dropout:
        raise CellError(
            f"recurrent_dropout hides the same units at every step, but in the order {order!r} "
            "each step is a run of its own: leave it out, or take the order 'luong'"
        )


# One tensor under two names is refused by safetensors, and could be loaded as two.


def _leave_out(model: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    del state[f"{prefix}source.table.weight"]


def _put_back(model: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    if (table := f"{prefix}target.table.weight") in state:
        state[f"{prefix}source.table.weight"] = state[table]


def build_encoder_decoder(
    source: TokenEmbedding,
    target: TokenEmbedding,
    *,
    hidden_size: int,
    attention: str | None = "general",
    order: str = "luong",
    max_source: int | None = None,
    **layers: Any,
) -> EncoderDecoder:
    """Wire an encoder-decoder for token ids.

    Args:
        source: from source ids to vectors.
        target: from target ids to vectors of the same size; the source's own where both sides
            share a vocabulary.
        hidden_size: units of the decoder, and of both directions of the encoder together.
        attention: a key of ``SCORES``, or None.
        order: one of ``ORDERS``.
        max_source: the greatest source length, for the location score.
        **layers: what ``Recurrent`` takes for both, such as cell, num_layers, dropout, and the
            cell's own options; the dropout also stands before the output layer.

    Returns:
        The network.

    Raises:
        ShapeError: ``hidden_size`` is odd, so that two directions cannot share it.
        UnknownNameError: there is no such cell, option, score or order.
        CellError: the order does not fit.
    """
    if hidden_size % 2:
        raise ShapeError(f"both directions share hidden_size, so it is even, not {hidden_size}")
    features = source.table.embedding_dim
    sizes = {"input_size": features, "hidden_size": hidden_size // 2}
    encoder = Recurrent(**sizes, bidirectional=True, **layers)
    added = {"input_feeding": features, "bahdanau": encoder.output_size}.get(order, 0)
    decoder = Recurrent(input_size=features + added, hidden_size=hidden_size, **layers)
    ends = (decoder.output_size, encoder.output_size)
    attend = None if attention is None else Attention(attention, *ends, max_source=max_source)
    return EncoderDecoder(
        source,
        target,
        encoder=encoder,
        decoder=decoder,
        attention=attend,
        order=order,
    )
