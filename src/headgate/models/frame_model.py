"""Many to many, aligned: each frame of keys to a guess of the next."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from headgate.errors import ShapeError
from headgate.layers import Linear, Recurrent
from headgate.layers.recurrent import States


class FrameModel(nn.Module):
    """Recurrent layers over frames of keys, and a linear layer that scores each key of the next.

    Given the frames before, the keys of a frame are independent of each other, each on with a
    probability of its own:

        p(x_t,k = 1 | x_1 … x_t-1) = σ(W_k h_t + b_k)

    So a frame costs one matrix, and its likelihood is exact. What it cannot say is that two keys
    go together, or that one of them excludes the other, beyond what the past tells of each. For
    that a restricted Boltzmann machine or NADE would stand in the layer's place
    (Boulanger-Lewandowski, Bengio & Vincent 2012).

    Args:
        recurrent: any cell, in one direction, time first; its input size is the number of keys, M.
        dropout: the probability that a unit of the last layer is dropped.
        input_dropout: the probability that a key is hidden from the layers.

    Raises:
        ShapeError: the layers read in both directions, or have the batch first.

    Example:
        >>> model = FrameModel(Recurrent("gru", 88, 16))
        >>> logits, state = model(torch.zeros(2, 5, 88))
        >>> logits.shape, state.shape
        (torch.Size([5, 2, 88]), torch.Size([1, 2, 16]))
    """

    def __init__(
        self, recurrent: Recurrent, *, dropout: float = 0.0, input_dropout: float = 0.0
    ) -> None:
        super().__init__()
        _check(recurrent)
        self.masked, self.recurrent = nn.Dropout(input_dropout), recurrent
        self.dropout = nn.Dropout(dropout)
        self.output = Linear(recurrent.output_size, recurrent.input_size)

    @torch.no_grad()
    def begin_with(self, logits: Float[Tensor, "M"]) -> None:
        """Begin to learn where each key is foretold by how often it sounds.

        Args:
            logits: of each key, whatever came before.
        """
        self.output.bias.copy_(logits)

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The chain of modules as a stream takes them, which ends in logits."""
        return self.recurrent, self.dropout, self.output

    def forward(
        self,
        frames: Float[Tensor, "B T M"],
        state: States | None = None,
        lengths: Int[Tensor, "B"] | None = None,
    ) -> tuple[Float[Tensor, "T B M"], States]:
        """Score the keys of the frame after each.

        Args:
            frames: what is read, 0 or 1 for each key, [B, T, M].
            state: what an earlier call left, to read on from there; as the layers begin where
                None.
            lengths: frames of each row, [B]; past them the logits mean nothing.

        Returns:
            Logits, [T, B, M]; the state after each row's last frame.
        """
        y, last = self.recurrent(self.masked(frames).transpose(0, 1), state, lengths=lengths)[:2]
        return self.output(self.dropout(y)), last

    def nats(
        self,
        frames: Float[Tensor, "B T M"],
        targets: Float[Tensor, "B T M"],
        lengths: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "T B"]:
        """Give the surprise of the frames that follow: the sum over the keys of each.

        Args:
            frames: what is read, [B, T, M].
            targets: the frame after each, [B, T, M].
            lengths: frames of each row, [B].

        Returns:
            The negative log-probability of each target frame in nats, [T, B]; 0 past the lengths.
        """
        logits, _ = self(frames, lengths=lengths)
        wanted = targets.transpose(0, 1)
        found = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(2)
        if lengths is None:
            return found
        valid = torch.arange(len(found), device=found.device)[:, None] < lengths.to(found.device)
        return found * valid


def _check(recurrent: Recurrent) -> None:
    if recurrent.bidirectional:
        raise ShapeError(
            "a model of frames takes layers of one direction: those that come read in both, so "
            "that they would read what they predict; leave bidirectional=True out"
        )
    if recurrent.batch_first:
        raise ShapeError(
            "a model of frames takes layers that have the time first; leave batch_first=True out"
        )
