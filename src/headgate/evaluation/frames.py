"""How well frames of keys are foretold: the nats of a frame, and the accuracy of its keys.

The steps of a piece depend on each other, and pieces do not: the intervals resample pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from headgate.errors import DataError, ShapeError
from headgate.evaluation.intervals import bootstrap
from headgate.evaluation.scores import Score


def frame_scores(
    pieces: Sequence[Tensor], logits: Sequence[Tensor], *, seed: int = 0
) -> dict[str, Score]:
    """Give the scores that a model of frames is reported by.

    Args:
        pieces: the frames as they are, 0 or 1.
        logits: for each piece what was foretold of each of its frames.
        seed: of the bootstrap.

    Returns:
        "nll", the negative log-probability of a frame in nats, summed over its keys and averaged
        over all frames: less is better. And "accuracy" (Bay, Ehmann & Downie 2009): of the keys
        that sound or have a probability above a half, the share for which both is true; 1 where
        there are none.

    Raises:
        DataError: there are no frames.
        ShapeError: pieces and logits do not fit.

    Example:
        >>> found = frame_scores([torch.tensor([[1.0, 0.0]])], [torch.zeros(1, 2)])
        >>> found["nll"].value, found["accuracy"].value
        (1.386..., 0.0)
    """
    shapes = [each.shape for each in pieces]
    if shapes != [each.shape for each in logits]:
        raise ShapeError("each piece has logits of its own shape, and these have others")
    if not sum(map(len, pieces)):
        raise DataError("a score needs at least one frame, got none")
    sums = torch.stack([_sums(*each) for each in zip(pieces, logits, strict=True)])
    nats, steps, both, either = sums.T

    def nll(weights: Float[Tensor, "R B"]) -> Float[Tensor, "R"]:
        return (weights @ nats) / (weights @ steps)

    def accuracy(weights: Float[Tensor, "R B"]) -> Float[Tensor, "R"]:
        return torch.where(weights @ either > 0, (weights @ both) / (weights @ either), 1.0)

    whole = torch.ones(1, len(sums), dtype=torch.float64)
    return {
        name: Score(float(metric(whole)), *bootstrap(metric, len(sums), seed=seed))
        for name, metric in (("nll", nll), ("accuracy", accuracy))
    }


def _sums(piece: Tensor, logits: Tensor) -> Tensor:
    """Give nats, steps, keys that are right, and keys that sound or are foretold."""
    piece, logits = piece.double(), logits.double()
    nats = functional.binary_cross_entropy_with_logits(logits, piece, reduction="sum")
    on, said = piece.bool(), logits > 0
    counts = torch.stack([(on & said).sum(), (on | said).sum()]).double()
    return torch.cat([torch.stack([nats, nats.new_tensor(len(piece))]), counts])


@dataclass(frozen=True, eq=False)
class KeyCounts:
    """How often each key sounds, by whether it sounded in the frame before.

    Args:
        counts: frames of training by the key, by whether it sounded before, and by whether it
            sounds, [M, 2, 2].
    """

    counts: Tensor

    @classmethod
    def of(cls, pieces: Sequence[Tensor]) -> KeyCounts:
        """Count the frames of pieces; before its first frame each is silent.

        Args:
            pieces: their frames, one piece at least.

        Returns:
            The counts.
        """
        counts = torch.zeros(pieces[0].shape[1], 2, 2, dtype=torch.int64)
        for piece in pieces:
            now, before = piece.bool(), _before(piece).bool()
            for first in (0, 1):
                for second in (0, 1):
                    counts[:, first, second] += ((before == first) & (now == second)).sum(0)
        return cls(counts)

    def frequencies(self, piece: Float[Tensor, "T M"]) -> Float[Tensor, "T M"]:
        """Foretell each key by how often it sounds.

        Args:
            piece: frames.

        Returns:
            Logits of each frame, in float64; one is added to each count, so that nothing is
            impossible (Laplace).
        """
        return _logits(self.counts.sum(1)).expand(len(piece), -1)

    def after_last(self, piece: Float[Tensor, "T M"]) -> Float[Tensor, "T M"]:
        """Foretell that each key goes on as in the frame before, with learned probabilities.

        Args:
            piece: frames.

        Returns:
            Logits of each frame, in float64: for each key one where it sounded in the frame
            before, and another where it did not.
        """
        silent, sounding = _logits(self.counts).T
        return torch.where(_before(piece).bool(), sounding, silent)


def _before(piece: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(piece[:1]), piece[:-1]])


def _logits(counts: Tensor) -> Tensor:
    added = counts.double() + 1
    return (added[..., 1] / added[..., 0]).log()
