"""One to many: a picture to the words that tell what is on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from headgate.layers import Attention, Recurrent
from headgate.layers.convolution import PlaceEncoder
from headgate.models.attentive_decoder import AttentiveDecoder
from headgate.models.embedding import TokenEmbedding
from headgate.models.memory import Memory


class PlaceFeatures(nn.Module):
    """Places of which features are given, standardised and projected.

        e_p = W_e (x_p - m) / s

    Args:
        mean: m of each feature.
        scale: s of each feature.
        output_size: features of a place.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Sequence[float], scale: Sequence[float], output_size: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.register_buffer("mean", torch.tensor(list(mean)))
        self.register_buffer("scale", torch.tensor(list(scale)))
        self.linear = nn.Linear(len(mean), output_size)

    def forward(self, x: Float[Tensor, "B S M"]) -> Float[Tensor, "B S E"]:
        """Project places.

        Args:
            x: features of each place, [B, S, M].

        Returns:
            Vectors, [B, S, E].
        """
        return self.linear((x - self.mean) / self.scale)


class Captioner(AttentiveDecoder):
    """A picture's places, and a decoder that looks at them (Xu et al. 2015).

        d_0 = tanh(W_d mean_p e_p)       e_p a place of the picture

    Without attention the mean is all that the decoder has (Vinyals et al. 2015).

    Args:
        encoder: from pictures, or features of places, to places; its ``output_size`` is E.
        target: from word ids to vectors; its table is the output layer too.
        decoder: one direction; beside a word it takes what its order adds.
        attention: how d looks at the places, or None.
        order: one of ``ORDERS``.

    Raises:
        UnknownNameError: there is no such order.
        CellError: the order needs attention, or its steps cannot share a recurrent dropout.
    """

    def __init__(
        self,
        encoder: PlaceEncoder | PlaceFeatures,
        target: TokenEmbedding,
        decoder: Recurrent,
        *,
        attention: Attention | None,
        order: str,
    ) -> None:
        size = encoder.output_size
        super().__init__(target, decoder, attention=attention, places=size, order=order)
        self.encoder = encoder
        self.start = nn.ModuleList(
            nn.Linear(size, decoder.num_layers * each) for each in decoder.state_sizes()
        )

    def encode(
        self, source: Shaped[Tensor, "B _ *rows"], lengths: Int[Tensor, "B"] | None = None
    ) -> Memory:
        """Look at pictures.

        Args:
            source: pictures, [B, channels, H, W], or features of places, [B, S, M].
            lengths: places of each row, [B]; all where None.

        Returns:
            What the decoder needs.
        """
        places = self.dropout(self.encoder(source))
        rows, most = places.shape[:2]
        steps = torch.arange(most, device=places.device)
        counts = torch.full((rows,), most) if lengths is None else lengths
        mask = steps < counts.to(places.device)[:, None]
        seen = places.masked_fill(~mask[..., None], 0.0).sum(1) / mask.sum(1)[:, None]
        states = tuple(torch.tanh(linear(seen)) for linear in self.start)
        layers = (rows, self.decoder.num_layers, -1)
        first = tuple(state.view(layers).transpose(0, 1).contiguous() for state in states)
        return self.remembered(first, places, mask)


def build_captioner(
    encoder: PlaceEncoder | PlaceFeatures,
    target: TokenEmbedding,
    *,
    hidden_size: int,
    attention: str | None,
    order: str,
    max_source: int | None = None,
    **layers: Any,
) -> Captioner:
    """Wire a captioner.

    Args:
        encoder: from pictures, or features of places, to places.
        target: from word ids to vectors.
        hidden_size: units of the decoder.
        attention: a key of ``SCORES``, or None.
        order: one of ``ORDERS``.
        max_source: the greatest number of places, for the location score.
        **layers: what ``Recurrent`` takes, such as cell, num_layers, dropout, and the cell's own
            options; the dropout also stands before the output layer and after the encoder.

    Returns:
        The network.
    """
    size = target.output_size
    added = {"input_feeding": size, "bahdanau": encoder.output_size}.get(order, 0)
    decoder = Recurrent(input_size=size + added, hidden_size=hidden_size, **layers)
    ends = (decoder.output_size, encoder.output_size)
    attend = None if attention is None else Attention(attention, *ends, max_source=max_source)
    return Captioner(encoder, target, decoder, attention=attend, order=order)
