"""How well a model foretells the frames of pieces, beside what counts alone know of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from headgate.data.examples import Examples
from headgate.errors import DataError
from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.frames import KeyCounts, frame_scores
from headgate.streaming import Stream
from headgate.tasks.generate_frames_learner import shifted
from headgate.tasks.protocol import Evaluation

if TYPE_CHECKING:
    from headgate.tasks.generate_frames import GenerateFrames


def judge(task: GenerateFrames, examples: Examples, *, quantize: str | None) -> Evaluation:
    """Judge a model of frames.

    Args:
        task: the task with its trained network.
        examples: the pieces.
        quantize: "int8" judges the model as a quantized stream.

    Returns:
        "nll", the nats of a frame, and "accuracy", beside the best baseline.
    """
    pieces = examples.inputs
    if not len(pieces):
        raise DataError("a score needs at least one piece, got none")
    scores = frame_scores(pieces, logits_of(task, pieces))
    notes = [
        f"nll is nats a frame, summed over the keys, of {sum(map(len, pieces)):,} frames; each "
        "piece is read from an empty state, its first frame included",
        "accuracy is of the keys that sound or are foretold at even odds: both, over either",
    ]
    if quantize is not None:
        plain, scores = scores, frame_scores(pieces, streamed_logits(task, pieces, quantize))
        notes += losses(quantize, scores, plain)
    counts: KeyCounts = task.counts
    rivals = {
        "key frequencies": frame_scores(pieces, [counts.frequencies(each) for each in pieces]),
        "last frame": frame_scores(pieces, [counts.after_last(each) for each in pieces]),
    }
    return Evaluation(*beside(scores, rivals), notes)


@torch.inference_mode()
def logits_of(task: GenerateFrames, pieces: Sequence[Tensor]) -> list[Tensor]:
    """Score each frame of each piece from those before it.

    Args:
        task: the task with its network.
        pieces: their frames.

    Returns:
        The logits of each piece, on the CPU.
    """
    network = task.network.eval()
    device = next(network.parameters()).device
    return [network(shifted(piece)[0][None].to(device))[0][:, 0].float().cpu() for piece in pieces]


@torch.inference_mode()
def streamed_logits(task: GenerateFrames, pieces: Sequence[Tensor], quantize: str) -> list[Tensor]:
    """Score frames as a quantized stream does.

    Args:
        task: the task with its network.
        pieces: their frames.
        quantize: how the stream keeps its matrices.

    Returns:
        The logits of each piece.
    """
    stream = Stream(*task.network.eval().parts, quantize=quantize)
    found = []
    for piece in pieces:
        stream.reset()
        found.append(stream.steps(shifted(piece)[0]))
    return found
