"""Many to many, aligned: each token to a guess of the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from headgate.errors import ShapeError
from headgate.layers import Linear, Recurrent
from headgate.layers.recurrent import States
from headgate.models.adaptive import AdaptiveSoftmax
from headgate.models.embedding import TokenEmbedding


class LanguageModel(nn.Module):
    """Embedding, recurrent layers, a linear layer over the vocabulary or an adaptive softmax.

    Tied weights are one table for both ends (Press & Wolf 2017): half the parameters of a large
    vocabulary, each learned from both. Where the layers have other than E units, a projection to
    E stands before the table. A state dict has the table once.

    Args:
        embedding: from ids to vectors of E features.
        recurrent: any cell, in one direction, time first.
        tie: whether the output layer has the embedding's table for its weights.
        dropout: the probability that a unit of the last layer is dropped.
        cutoffs: where the groups of an adaptive softmax end (Grave et al. 2017), among the tokens
            in the order of falling frequency; a linear layer where None.
        places: for an adaptive softmax, the place of each id in that order, [V]; the ids are in
            it already where None.

    Raises:
        ShapeError: the layers read in both directions, or have the batch first; the cutoffs do
            not fit, or the weights are to be tied beside them.

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
        cutoffs: Sequence[int] | None = None,
        places: Int[Tensor, "V"] | None = None,
    ) -> None:
        super().__init__()
        _check(recurrent)
        if tie and cutoffs is not None:
            raise ShapeError(
                "tied weights are one table of E features for every token, and an adaptive "
                "softmax has fewer for rare ones: leave tie or cutoffs out"
            )
        (vocabulary, size), units = embedding.table.weight.shape, recurrent.output_size
        self.embedding, self.recurrent = embedding, recurrent
        self.dropout = nn.Dropout(dropout)
        self.projection = Linear(units, size) if tie and units != size else nn.Identity()
        self.output: Linear | AdaptiveSoftmax
        if cutoffs is None:
            self.output = Linear(size if tie else units, vocabulary)
        else:
            order = torch.arange(vocabulary) if places is None else places
            self.output = AdaptiveSoftmax(units, order, cutoffs)
        if tie:
            self.output.weight = embedding.table.weight
            self.register_state_dict_post_hook(_leave_out)
            self.register_load_state_dict_pre_hook(_put_back)

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The chain of modules as a stream takes them.

        It ends in logits; with an adaptive softmax, which is no part of a chain, before the head.
        """
        layers = self.embedding, self.recurrent, self.dropout, self.projection
        return layers if isinstance(self.output, AdaptiveSoftmax) else (*layers, self.output)

    def log_probabilities(self, y: Float[Tensor, "*rows _"]) -> Float[Tensor, "*rows V"]:
        """Turn what comes out of ``parts`` to log-probabilities.

        Args:
            y: logits, or with an adaptive softmax features, [..., V] or [..., N].

        Returns:
            Log-probabilities, [..., V].
        """
        return self.output(y) if isinstance(self.output, AdaptiveSoftmax) else y.log_softmax(-1)

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        state: States | None = None,
        lengths: Int[Tensor, "B"] | None = None,
        *,
        resets: Bool[Tensor, "T B"] | None = None,
    ) -> tuple[Float[Tensor, "T B V"], States]:
        """Score what may follow each token.

        Args:
            ids: token ids, [B, T].
            state: what an earlier call left, to read on from there; to train on from there,
                detach it first. As the layers begin where None.
            lengths: tokens of each row, [B]; past them the logits mean nothing.
            resets: the tokens before which a row begins anew, [T, B].

        Returns:
            Logits of the token after each, with an adaptive softmax log-probabilities, [T, B, V];
            the state after each row's last token.
        """
        y, last = self._read(ids, state, lengths=lengths, resets=resets)
        return self.output(y), last

    def nats(
        self,
        ids: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"],
        state: States | None = None,
        *,
        resets: Bool[Tensor, "T B"] | None = None,
    ) -> tuple[Float[Tensor, "T B"], States]:
        """Give the surprise of the tokens that follow: the cross-entropy, token by token.

        Args:
            ids: the tokens that are read, [B, T].
            targets: the token after each, [B, T].
            state: as in ``forward``.
            resets: as in ``forward``.

        Returns:
            The negative log-probability of each target, in nats, [T, B]; the state after the
            last token.
        """
        y, last = self._read(ids, state, resets=resets)
        if isinstance(self.output, AdaptiveSoftmax):
            return self.output.nats(y, targets.T), last
        logits = self.output(y).flatten(0, 1)
        found = functional.cross_entropy(logits, targets.T.flatten(), reduction="none")
        return found.view(targets.T.shape), last

    def _read(
        self, ids: Tensor, state: States | None, **rows: Tensor | None
    ) -> tuple[Tensor, States]:
        """Run all but the head."""
        y, last = self.recurrent(self.embedding(ids), state, **rows)[:2]
        return self.projection(self.dropout(y)), last


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
