"""Many to many, unaligned: an encoder, attention or none, and a decoder."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from headgate.errors import ShapeError
from headgate.layers import Attention, Recurrent
from headgate.models.attentive_decoder import AttentiveDecoder
from headgate.models.embedding import TokenEmbedding
from headgate.models.memory import Memory


class EncoderDecoder(AttentiveDecoder):
    """An encoder in both directions, and a decoder as ``AttentiveDecoder`` has it.

    Without attention it is the plain encoder-decoder of Sutskever (2014).

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
        super().__init__(
            target, decoder, attention=attention, places=encoder.output_size, order=order
        )
        self.source, self.encoder = source, encoder
        self.bridge = nn.ModuleList(
            nn.Linear(2 * before, after)
            for before, after in zip(encoder.state_sizes(), decoder.state_sizes(), strict=True)
        )
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
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths.to(ids.device)[:, None]
        return self.after_reading(outputs, (last,) if isinstance(last, Tensor) else last, mask)

    def after_reading(
        self,
        outputs: Float[Tensor, "S B E"],
        last: tuple[Tensor, ...],
        mask: Bool[Tensor, "B S"],
    ) -> Memory:
        """Make the memory of what the encoder's layers gave.

        Args:
            outputs: of each step, [S, B, E].
            last: their states after each row's last step, each [D, B, N].
            mask: where the source has a token, [B, S].

        Returns:
            What the decoder needs.
        """
        pairs = zip(self.bridge, last, strict=True)
        return self.remembered(
            tuple(_bridge(*pair) for pair in pairs), outputs.transpose(0, 1), mask
        )


def _bridge(linear: nn.Module, last: Tensor) -> Tensor:
    """The last states of both directions, side by side, to the first state of the decoder."""
    layers = last.unflatten(0, (-1, 2))
    return linear(torch.cat([layers[:, 0], layers[:, 1]], -1))


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
