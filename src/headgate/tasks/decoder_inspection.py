"""What an attentive decoder did with the answer that it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from headgate.data.fields import TextField
from headgate.inspection.attention import AttentionMap, attention_map
from headgate.inspection.trace import LOG_PROBABILITIES, Inspection, Outcome
from headgate.models import AttentiveDecoder, EncoderDecoder, Memory

_END = "⏎"
_BEGIN = "⏵"


@dataclass(frozen=True, eq=False)
class Written:
    """An answer as a decoder reads it and as it is judged.

    Args:
        network: in evaluation mode.
        field: ids to tokens.
        tokens: the ids of the answer, without marks.
    """

    network: AttentiveDecoder
    field: TextField
    tokens: Sequence[int]

    @property
    def given(self) -> Tensor:
        """What the decoder reads: the mark of the beginning, then the answer; [1, L]."""
        return self._ids([TextField.bos, *self.tokens])[None]

    @property
    def places(self) -> tuple[str, ...]:
        """The names of what it writes, the mark of the end last."""
        return (*self.field.tokens(self.tokens), _END)

    def outcome(self, told: Any, *, aligned: bool) -> Outcome:
        """Say what is answered: the probability of every token at every place."""
        wanted = self._ids([*self.tokens, TextField.eos]).cpu()
        names = self.field.vocabulary()
        return Outcome(told, LOG_PROBABILITIES, self.places, names, wanted, aligned)

    def attention(self, memory: Memory, source: Sequence[str]) -> AttentionMap | None:
        """Show where each token looked; None without attention."""
        weights = self.network.decode(self.given, memory)[2]
        if weights is None:
            return None
        return attention_map(weights[0], source=source, target=self.places)

    def _ids(self, ids: list[int]) -> Tensor:
        return torch.tensor(ids, device=next(self.network.parameters()).device)


def inspect_decoder(
    written: Written, memory: Memory, attention: AttentionMap | None = None
) -> Inspection:
    """Show a decoder at work on its answer.

    What a step is fed from the one before, beside its token, is held as it was.

    Args:
        written: the answer.
        memory: of its source.
        attention: where it looked.

    Returns:
        The inspection of the decoder's layers; the steps are the tokens that it read.
    """
    network = written.network
    fed: list[Tensor] = []
    hook = network.decoder.register_forward_pre_hook(lambda _, arguments: fed.append(arguments[0]))
    try:
        network.decode(written.given, memory)
    finally:
        hook.remove()

    def told(y: Tensor, last: Any, x: Tensor) -> Tensor:
        same = torch.zeros(y.shape[1], dtype=torch.int64, device=y.device)
        features = network.put_together(y, x, network.select(memory, same))
        return network.logits(features).log_softmax(-1)

    return Inspection(
        (_BEGIN, *written.places[:-1]),
        network.decoder,
        torch.cat(fed)[:, 0],
        written.outcome(told, aligned=True),
        start=memory.states,
        attention=attention,
    )


def inspect_encoder(
    written: Written, source: tuple[str, ...], ids: Tensor, *, text: str
) -> Inspection:
    """Show an encoder at work on a source, and how the answer follows from it.

    Args:
        written: the answer.
        source: S names of the source's tokens.
        ids: of the source, [1, S].
        text: the source.

    Returns:
        The inspection of the encoder's layers, and in it that of the decoder's.
    """
    network = written.network
    assert isinstance(network, EncoderDecoder)
    memory = network.encode(ids, torch.tensor([ids.shape[1]]))
    seen = written.attention(memory, source)

    def told(y: Tensor, last: tuple[Tensor, ...], x: Tensor) -> Tensor:
        after = network.after_reading(y, last, torch.ones_like(y[..., 0].T, dtype=torch.bool))
        features = network.decode(written.given.expand(y.shape[1], -1), after)[0]
        return network.logits(features).log_softmax(-1)

    return Inspection(
        source,
        network.encoder,
        network.source(ids)[:, 0],
        written.outcome(told, aligned=False),
        text=text,
        attention=seen,
        decoder=inspect_decoder(written, memory, seen),
    )
