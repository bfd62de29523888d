"""How well a language model foretells a text, beside what counts alone know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.data.examples import Examples
from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.language import language_scores, unigram_nats
from headgate.evaluation.ngram_language import MOST_TOKENS, KneserNey
from headgate.streaming import Stream
from headgate.tasks.generate_learner import windows
from headgate.tasks.protocol import Evaluation
from headgate.tasks.running_text import RunningText

if TYPE_CHECKING:
    from headgate.tasks.generate import Generate

_STEPS = 1024  # of a chunk, and …
_LOGITS = 8_000_000  # … numbers of its logits: 32 MB
_ORDERS = {"character": 5, "byte": 5, "subword": 3, "word": 3}


def judge(
    task: Generate, examples: Examples, train: Examples | None, *, quantize: str | None
) -> Evaluation:
    """Judge a language model.

    Args:
        task: the task with its trained network.
        examples: a document, or several texts.
        train: what the baseline that looks at a few tokens is fitted on; it is left out where
            None.
        quantize: "int8" judges the model as a quantized stream.

    Returns:
        Perplexity and bits per character beside the best baseline.
    """
    text = task.text
    ids = text.encode(examples.inputs)
    sizes, notes = _characters(text, ids)
    scores = language_scores(surprises(task, ids), sizes)
    if quantize is not None:
        plain, streamed = scores, streamed_surprises(task, ids, quantize)
        scores = language_scores(streamed, sizes)
        notes += losses(quantize, scores, plain)
    rivals = {"unigram": language_scores(unigram_nats(ids, task.counts), sizes)}
    if train is not None:
        order, known = _ORDERS[task.field.unit], text.encode(train.inputs)
        model = KneserNey.fit(known, vocabulary=len(task.field), order=order)
        rivals[f"{order}-gram"] = language_scores(model.nats(ids), sizes)
        notes += _left_out(known, order)
    return Evaluation(*beside(scores, rivals), notes)


@torch.inference_mode()
def surprises(task: Generate, ids: Int[Tensor, "T"]) -> Float[Tensor, "T"]:
    """Read a text from its beginning to its end, in chunks of constant memory.

    Args:
        task: the task with its network.
        ids: the text.

    Returns:
        The nats of each token in float64, on the CPU.
    """
    network = task.network.eval()
    steps = max(1, min(_STEPS, _LOGITS // len(task.field)))
    state: tuple[Tensor, ...] = ()
    found = [torch.zeros(0, dtype=torch.float64)]
    for window in windows(ids, task.text.start, columns=1, steps=steps):
        nats, state = task.read_window(network, window, state)
        found.append(nats[:, 0].double().cpu())
    return torch.cat(found)


@torch.inference_mode()
def streamed_surprises(task: Generate, ids: Int[Tensor, "T"], quantize: str) -> Float[Tensor, "T"]:
    """Read a text as a quantized stream does.

    Args:
        task: the task with its network.
        ids: the text.
        quantize: how the stream keeps its matrices.

    Returns:
        The nats of each token in float64, on the CPU.
    """
    network, stream = task.network.eval(), Stream(*task.network.parts, quantize=quantize)
    steps = max(1, min(_STEPS, _LOGITS // len(task.field)))
    found = [torch.zeros(0, dtype=torch.float64)]
    for part in _texts(ids, task.text.end):
        stream.reset()
        for window in windows(part, task.text.start, columns=1, steps=steps):
            expected = network.log_probabilities(stream.steps(window.ids[0]))
            found.append(-expected.gather(1, window.targets.T)[:, 0].double().cpu())
    return torch.cat(found)


def _texts(ids: Tensor, end: int | None) -> list[Tensor]:
    """Cut after each mark that ends a text."""
    if end is None:
        return [ids]
    cuts = (torch.nonzero(ids == end)[:, 0] + 1).tolist()
    sizes = [stop - begin for begin, stop in zip([0, *cuts], [*cuts, len(ids)], strict=True)]
    return [part for part in ids.split(sizes) if len(part)]


def _characters(text: RunningText, ids: Tensor) -> tuple[Tensor | None, list[str]]:
    """Count the characters of each token, and say what of the text is unknown."""
    field = text.field
    unknown = int((ids == field.unk).sum())
    notes = [f"perplexity is of {len(ids):,} {field.unit}s"]
    if not unknown:
        return text.characters()[ids], notes
    notes.append(f"{unknown:,} of them are unknown, and foretold as <unk>")
    if not text.words:
        return text.characters()[ids], notes
    return None, [*notes, "no bits_per_character: of an unknown word no character is foretold"]


def _left_out(known: Tensor, order: int) -> list[str]:
    if len(known) <= MOST_TOKENS:
        return []
    return [f"the {order}-gram model is of the last {MOST_TOKENS:,} tokens of training"]
