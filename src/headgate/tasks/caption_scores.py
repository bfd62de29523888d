"""How good captions are: near to the references, expected, and of their own picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.data.examples import Examples
from headgate.data.fields import TextField
from headgate.data.ragged import Ragged
from headgate.errors import MissingExtraError
from headgate.evaluation.comparison import beside
from headgate.evaluation.intervals import bootstrap
from headgate.evaluation.language import unigram_nats
from headgate.evaluation.likelihood import perplexity
from headgate.evaluation.neighbours import nearest
from headgate.evaluation.ngram_language import KneserNey
from headgate.evaluation.scores import Score
from headgate.evaluation.translation import bleu
from headgate.tasks.caption_rows import CaptionRows, Grouped, picture_nats
from headgate.tasks.protocol import Evaluation

if TYPE_CHECKING:
    from headgate.tasks.caption import Caption

_ORDER = 3  # of the n-grams of a language model that sees no picture
_SHUFFLE = 0


def judged(task: Caption, examples: Examples, train: Examples | None) -> Evaluation:
    """Judge a captioner.

    Args:
        task: the task, its network in evaluation mode.
        examples: pictures and captions; all captions of a picture are its references.
        train: the training part, for the baselines that have to be fitted, or None.

    Returns:
        BLEU where sacrebleu is installed; the perplexity of a word beside models that see no
        picture; and what the right picture is worth.
    """
    grouped = Grouped.of(examples)
    references = [[examples.targets[row] for row in rows] for rows in grouped.captions]
    found = [answer.text for answer in task.predict(grouped.inputs)]
    rivals = {"most frequent caption": [task.kept.frequent] * len(found)}
    if train is not None:
        rivals["caption of the nearest picture"] = _nearest(task, grouped, train)
    scores, notes = _bleu(task, found, references)
    compared = {name: _bleu(task, texts, references)[0] for name, texts in rivals.items()}
    rows = task.rows(examples, whole=True)
    nats, tokens = picture_nats(task.network, task.sight, rows)
    blind = {"unigram": _summed(rows, _unigram(rows.ids, task.kept.counts))}
    if train is not None:
        fitted = _fitted(task.rows(train).ids, len(task.field))
        blind[f"Kneser-Ney, order {_ORDER}"] = _summed(rows, _ngram(rows.ids, fitted))
    scores["perplexity"] = perplexity(nats, tokens)
    compared |= {name: {"perplexity": perplexity(each, tokens)} for name, each in blind.items()}
    if len(rows) > 1:
        scores["right_picture"] = _right_picture(task, rows, nats)
    words = f"{task.field.unit}s" + ", case dropped" * task.settings.lowercase
    said = [
        f"{len(examples)} captions of {len(rows)} pictures; intervals are over pictures",
        f"perplexity is that of {int(tokens.sum())} {words}, the end marks counted",
        "right_picture: nats by which a caption is likelier beside its own picture than beside "
        "another of this part, drawn by chance",
    ]
    return Evaluation(*beside(scores, compared), [*notes, *said[: 2 + (len(rows) > 1)]])


def _bleu(
    task: Caption, found: list[str], references: list[list[str]]
) -> tuple[dict[str, Score], list[str]]:
    if task.settings.lowercase:
        found = [text.lower() for text in found]
        references = [[text.lower() for text in texts] for texts in references]
    try:
        signed = bleu(found, references)
    except MissingExtraError as missing:
        return {}, [f"no BLEU: {missing}"]
    case = "; references lowercased" if task.settings.lowercase else ""
    return {"bleu": signed.score}, [f"bleu: {signed.signature}{case}"]


def _nearest(task: Caption, grouped: Grouped, train: Examples) -> list[str]:
    """Give each picture the first caption of the training picture that looks most like it."""
    known = Grouped.of(train)
    sides = (
        torch.stack([task.sight.features(row) for row in task.sight.rows(each.inputs)])
        for each in (known, grouped)
    )
    return [train.targets[known.captions[place][0]] for place in nearest(*sides).tolist()]


def _unigram(ids: Ragged, counts: Int[Tensor, "V"]) -> list[float]:
    rows = (torch.tensor([*each, TextField.eos]) for each in ids)
    return [float(unigram_nats(row, counts).sum()) for row in rows]


def _fitted(ids: Ragged, vocabulary: int) -> KneserNey:
    return KneserNey.fit(_running(ids), vocabulary=vocabulary, order=_ORDER)


def _ngram(ids: Ragged, model: KneserNey) -> list[float]:
    lengths = [len(each) + 1 for each in ids]
    nats = model.nats(_running(ids))[1:]
    return [float(part.sum()) for part in nats.split(lengths)]


def _running(ids: Ragged) -> Tensor:
    """Captions as one text, each after the end mark of the one before."""
    text = [TextField.eos, *(token for each in ids for token in (*each, TextField.eos))]
    return torch.tensor(text)


def _summed(rows: CaptionRows, nats: Sequence[float]) -> Float[Tensor, "B"]:
    """Sum the nats of captions over each picture."""
    sums = [sum(nats[row] for row in captions) for captions in rows.captions]
    return torch.tensor(sums, dtype=torch.float64)


def _right_picture(task: Caption, rows: CaptionRows, nats: Tensor) -> Score:
    """Compare each picture with another one, paired: the mean over captions, in nats."""
    generator = torch.Generator().manual_seed(_SHUFFLE)
    order = torch.randperm(len(rows), generator=generator)
    other = torch.empty_like(order)
    other[order] = order.roll(1)  # one ring through all, so that none is shown itself
    wrong, _ = picture_nats(task.network, task.sight, rows, shown=other.tolist())
    gains = wrong - nats
    counts = torch.tensor([len(each) for each in rows.captions], dtype=torch.float64)
    interval = bootstrap(lambda weights: (weights @ gains) / (weights @ counts), len(rows))
    return Score(float(gains.sum() / counts.sum()), *interval, 0.0)
