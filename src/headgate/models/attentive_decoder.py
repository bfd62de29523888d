"""A decoder over a memory: what a text, a picture or any other source has left to look at."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from headgate.errors import CellError, UnknownNameError
from headgate.kernels.linear import linear
from headgate.layers import Attention, Linear, Recurrent
from headgate.models.embedding import TokenEmbedding
from headgate.models.memory import Memory

ORDERS = ("luong", "input_feeding", "bahdanau")


class AttentiveDecoder(nn.Module):
    """A decoder with attention in one of three orders, and the steps that a search takes with it.

        luong           d_t = decoder(y_t, d_{t-1})              c_t, a_t = attention(d_t, e)
        input_feeding   d_t = decoder([y_t, o_{t-1}], d_{t-1})   c_t, a_t = attention(d_t, e)
        bahdanau        c_t, a_t = attention(d_{t-1}, e)         d_t = decoder([y_t, c_t], d_{t-1})

        o_t = tanh(W_c [c_t, d_t] + b_c)       logits = E o_t + b,   E the decoder's own embedding

    Luong's order (2015) needs one scan for each layer. With input feeding (his section 3.3, o_0 is
    zero) a step knows where the one before it looked, and with Bahdanau's order (2015) a state is
    made of what it looked at; both run step by step, which costs time. Bahdanau's own output layer
    is a maxout of d_{t-1}, y_t and c_t; here it is o_t in every order. Without attention c is left
    out.

    A model of this kind adds what reads its source and gives the ``Memory``.

    Args:
        target: from target ids to vectors; its table is the output layer too (Press & Wolf 2017).
        decoder: one direction; beside a token it takes what its order adds. Its dropout also
            stands before the output layer.
        attention: how d looks at e, or None.
        places: units of e, one of the things that are looked at.
        order: one of ``ORDERS``.

    Raises:
        UnknownNameError: there is no such order.
        CellError: the order needs attention, or its steps cannot share a recurrent dropout.
    """

    def __init__(
        self,
        target: TokenEmbedding,
        decoder: Recurrent,
        *,
        attention: Attention | None,
        places: int,
        order: str,
    ) -> None:
        super().__init__()
        _check(order, attention, decoder)
        self.target, self.order = target, order
        self.decoder, self.attention = decoder, attention
        vocabulary, size = target.table.weight.shape
        self.combine = Linear(decoder.output_size + (places if attention else 0), size)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = nn.Dropout(decoder.dropout)

    def remembered(
        self,
        states: tuple[Tensor, ...],
        places: Float[Tensor, "B S E"],
        mask: Bool[Tensor, "B S"] | None,
    ) -> Memory:
        """Make the memory of a source that was read.

        Args:
            states: the decoder's first states, each [layers, B, N].
            places: what there is to look at, [B, S, E].
            mask: where the source has something, [B, S]; everywhere where None.

        Returns:
            What ``decode`` needs.
        """
        fed = None
        if self.order == "input_feeding":
            fed = places.new_zeros(places.shape[0], self.combine.weight.shape[0])
        if self.attention is None:
            return Memory(states)
        keys = self.attention.prepare(places, mask)
        return Memory(states, keys, places.new_zeros(places.shape[:2]), fed)

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

    def put_together(
        self, outputs: Float[Tensor, "L B N"], x: Float[Tensor, "L B M"], memory: Memory
    ) -> Float[Tensor, "B L E"]:
        """Make of what the decoder's layers gave what the output layer takes.

        Args:
            outputs: of each step, [L, B, N].
            x: what the layers read, [L, B, M]; in Bahdanau's order it has the context.
            memory: what ``encode`` left.

        Returns:
            What the output layer takes, [B, L, E].
        """
        d = outputs.transpose(0, 1)
        if self.order != "bahdanau":
            return self.look(d, memory)[0]
        return self._combined(x[..., self.target.output_size :].transpose(0, 1), d)

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
        if state.looked is None or state.keys is None:
            return None
        if state.keys.mask is None:
            return state.looked
        return state.looked.masked_fill(~state.keys.mask, 1.0)


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
