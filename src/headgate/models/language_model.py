"""Many to many, aligned: each token to a guess of the next."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from headgate.errors import ShapeError
from headgate.layers import Linear, Recurrent
from headgate.layers.recurrent import States
from headgate.models.embedding import TokenEmbedding


class LanguageModel(nn.Module):
    """Embedding, recurrent layers, a linear layer over the vocabulary.

    Tied weights are one table for both ends (Press & Wolf 2017): half the parameters of a large
    vocabulary, each learned from both. Where the layers have other than E units, a projection to
    E stands before the table. A state dict has the table once.

    Args:
        embedding: from ids to vectors of E features.
        recurrent: any cell, in one direction, time first.
        tie: whether the output layer has the embedding's table for its weights.
        dropout: the probability that a unit of the last layer is dropped.

    Raises:
        ShapeError: the layers read in both directions, or have the batch first.

    Example:
        >>> import torch
        >>> model = LanguageModel(TokenEmbedding(40, 8), Recurrent("gru", 8, 16), tie=True)
        >>> logits, state = model(torch.tensor([[5, 12, 7]]))
        >>> logits.shape, state.shape
        (torch.Size([3, 1, 40]), torch.Size([1, 1, 16]))
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        recurrent: Recurrent,
        *,
        tie: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check(recurrent)
        (vocabulary, size), units = embedding.table.weight.shape, recurrent.output_size
        self.embedding, self.recurrent = embedding, recurrent
        self.dropout = nn.Dropout(dropout)
        self.projection = Linear(units, size) if tie and units != size else nn.Identity()
        self.output = Linear(size if tie else units, vocabulary)
        if tie:
            self.output.weight = embedding.table.weight
            self.register_state_dict_post_hook(_leave_out)
            self.register_load_state_dict_pre_hook(_put_back)

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The chain of modules from ids to logits, as a stream takes them."""
        return self.embedding, self.recurrent, self.dropout, self.projection, self.output

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        state: States | None = None,
        lengths: Int[Tensor, "B"] | None = None,
    ) -> tuple[Float[Tensor, "T B V"], States]:
        """Score what may follow each token.

        Args:
            ids: token ids, [B, T].
            state: what an earlier call left, to read on from there; to train on from there,
                detach it first. As the layers begin where None.
            lengths: tokens of each row, [B]; past them the logits mean nothing.

        Returns:
            Logits of the token after each, [T, B, V]; the state after each row's last token.
        """
        y, last = self.recurrent(self.embedding(ids), state, lengths=lengths)[:2]
        return self.output(self.projection(self.dropout(y))), last


def _check(recurrent: Recurrent) -> None:
    if recurrent.bidirectional:
        raise ShapeError(
            "a language model takes layers of one direction: those that come read in both, so "
            "that they would read what they predict; leave bidirectional=True out"
        )
    if recurrent.batch_first:
        raise ShapeError(
            "a language model takes layers that have the time first, as its embedding gives it; "
            "leave batch_first=True out"
        )


# One tensor under two names is refused by safetensors, and could be loaded as two.


def _leave_out(model: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    del state[f"{prefix}output.weight"]


def _put_back(model: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    if (table := f"{prefix}embedding.table.weight") in state:
        state[f"{prefix}output.weight"] = state[table]
