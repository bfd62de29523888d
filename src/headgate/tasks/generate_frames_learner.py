"""A model of frames on its way: pieces moved along the keys, cut into windows, in batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from headgate.data.batches import Batches
from headgate.data.frames import pad_frames
from headgate.models.frame_model import FrameModel
from headgate.training import Plan, Validation

if TYPE_CHECKING:
    from headgate.tasks.generate_frames import GenerateFrames

_AT_ONCE = 32  # pieces that are judged together


@dataclass(frozen=True)
class Excerpt:
    """Some steps of several pieces.

    Args:
        frames: what is read, [B, T, M].
        targets: the frame after each, [B, T, M].
        lengths: steps of each, [B].
    """

    frames: Float[Tensor, "B T M"]
    targets: Float[Tensor, "B T M"]
    lengths: Int[Tensor, "B"]

    @classmethod
    def of(cls, rows: Sequence[tuple[Tensor, Tensor]]) -> Excerpt:
        """Lay rows out side by side.

        Args:
            rows: of each what is read and what follows, both [T, M].

        Returns:
            The rows as one, zero past their ends.
        """
        frames, lengths = pad_frames([read for read, _ in rows])
        return cls(frames, pad_frames([targets for _, targets in rows])[0], lengths)


def shifted(piece: Float[Tensor, "T M"]) -> tuple[Tensor, Tensor]:
    """Give what is read of a piece, and what follows each: a silent frame stands before the first.

    Args:
        piece: its frames.

    Returns:
        Both, [T, M].
    """
    return torch.cat([piece.new_zeros(1, piece.shape[1]), piece[:-1]]), piece


def piece_nats(network: FrameModel, pieces: Sequence[Tensor]) -> list[Tensor]:
    """Read whole pieces, each from an empty state and from its first frame on.

    Args:
        network: the network, in evaluation mode.
        pieces: their frames.

    Returns:
        Of each piece the nats of its frames, in float64, on the CPU.
    """
    device = next(network.parameters()).device
    order = sorted(range(len(pieces)), key=lambda row: len(pieces[row]), reverse=True)
    found: dict[int, Tensor] = {}
    for first in range(0, len(order), _AT_ONCE):
        rows = order[first : first + _AT_ONCE]
        batch = Excerpt.of([shifted(pieces[row]) for row in rows])
        nats = network.nats(batch.frames.to(device), batch.targets.to(device), batch.lengths)
        columns = nats.double().cpu().T
        found |= {row: own[: len(pieces[row])] for row, own in zip(rows, columns, strict=True)}
    return [found[row] for row in range(len(pieces))]


class GenerateFramesLearner:
    """What the loop trains.

    Every epoch each piece is moved up or down anew, by a number of semitones that chance chooses;
    and what is longer than a window is cut at other places. A window that begins inside a piece
    reads the frame before it first, from an empty state: as if a piece were joined in its middle.

    Args:
        task: the task.
        train: frames of the pieces to learn from.
        valid: frames of the validation part.
        plan: the limits of the training.

    Attributes:
        carried: nothing goes from batch to batch.
    """

    def __init__(
        self, task: GenerateFrames, train: Sequence[Tensor], valid: Sequence[Tensor], plan: Plan
    ) -> None:
        self.task, self.train, self.valid, self.plan = task, train, valid, plan
        self.network: nn.Module = task.network
        self.carried: tuple[Tensor, ...] = ()

    def batches(self, epoch: int) -> list[Excerpt]:
        """Deal an epoch, the same for the same number.

        Args:
            epoch: its number.

        Returns:
            The batches.
        """
        chance = random.Random(f"{self.plan.seed}/{epoch}/pieces")
        rows = [row for piece in self.train for row in self._windows(piece, chance)]
        lengths = [len(targets) for _, targets in rows]
        dealt = Batches(lengths, batch_size=self.plan.batch_size, seed=self.plan.seed).epoch(epoch)
        return [Excerpt.of([rows[row] for row in batch]) for batch in dealt]

    def _windows(self, piece: Tensor, chance: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
        read, targets = shifted(transposed(piece, self.task.settings.transpose, chance))
        size = self.task.settings.bptt
        first = chance.randint(1, size) if len(piece) > size else len(piece)
        cuts = [0, *range(first, len(piece), size), len(piece)]
        for begin, end in pairwise(cuts):
            yield read[begin:end], targets[begin:end]

    def loss(self, batch: Excerpt) -> Tensor:
        """Give the mean surprise of a key of a frame.

        Args:
            batch: some steps of several pieces.

        Returns:
            Nats a key, with a gradient.
        """
        device = next(self.network.parameters()).device
        frames, targets = batch.frames.to(device), batch.targets.to(device)
        nats = self.task.network.nats(frames, targets, batch.lengths)
        return nats.sum() / (int(batch.lengths.sum()) * frames.shape[2])

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Validation:
        """Judge a network on the validation part.

        Args:
            network: the network, in evaluation mode.

        Returns:
            Minus the nats a frame.
        """
        assert isinstance(network, FrameModel)
        mean = float(torch.cat(piece_nats(network, self.valid)).mean())
        return Validation(-mean, {"valid_nll": mean})


def transposed(
    piece: Float[Tensor, "T M"], farthest: int, chance: random.Random
) -> Float[Tensor, "T M"]:
    """Move a piece along the keys, by a number of them that chance chooses.

    Args:
        piece: its frames.
        farthest: semitones at most, up or down.
        chance: what chooses.

    Returns:
        The piece; no key that sounds has left the keyboard.
    """
    used = torch.nonzero(piece.any(0))[:, 0]
    if not farthest or not len(used):
        return piece
    lowest, highest = int(used[0]), piece.shape[1] - 1 - int(used[-1])
    move = chance.randint(-min(farthest, lowest), min(farthest, highest))
    return piece.roll(move, 1)
