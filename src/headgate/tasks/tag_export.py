"""A tagger as graphs, with what its script has to know."""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from headgate.export.parts import Exported, Input, Part
from headgate.layers import CRF
from headgate.models.tagger import Sentences, Tagger
from headgate.tasks.tag_settings import NO_SCHEME

if TYPE_CHECKING:
    from headgate.tasks.tag import Tag


class _Spelt(nn.Module):
    """A tagger that takes the letters of every word where it stands.

    Args:
        network: the tagger.
    """

    def __init__(self, network: Tagger) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, lengths: Tensor, letters: Tensor, sizes: Tensor) -> Tensor:
        places = torch.arange(x.shape[0] * x.shape[1], device=x.device).view(x.shape)
        spelt = letters.flatten(0, 1), sizes.flatten()
        return self.network(Sentences(x, lengths, *spelt, places))


class _Features(nn.Module):
    """What the layers of a tagger read of each word.

    Args:
        network: the tagger.
    """

    def __init__(self, network: Tagger) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, letters: Tensor, sizes: Tensor) -> Tensor:
        places = torch.arange(x.shape[0] * x.shape[1], device=x.device).view(x.shape)
        spelt = letters.flatten(0, 1), sizes.flatten()
        return self.network.features(Sentences(x, sizes[:, 0], *spelt, places))


class _Plain(nn.Module):
    """A tagger that reads no letters.

    Args:
        network: the tagger.
    """

    def __init__(self, network: Tagger) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.network(Sentences(x, lengths, x, lengths, x))  # no letter is looked at


def exported_tagger(task: Tag) -> Exported:
    """Give a tagger as files.

    Args:
        task: the trained task.

    Returns:
        The model; it has a step where it reads in one direction and chooses each tag by itself.
        Letters are no part of a chain: a graph beside the step reads them.
    """
    settings, reader, network = task.settings, task.reader, task.network
    words = Input("x", ("B", "T"), "ids", most=len(reader.words))
    inputs = [words, Input("lengths", ("B",), "lengths")]
    if reader.letters is not None:
        letters = Input("letters", ("B", "T", "S"), "ids", most=len(reader.letters))
        inputs += [letters, Input("sizes", ("B", "T"), "lengths", of="S")]
    wrapped = _Plain(network) if reader.letters is None else _Spelt(network)
    whole = settings.bidirectional or settings.crf
    beside: tuple[Part, ...] = ()
    if reader.letters is not None:
        beside = (Part("features", _Features(network), (words, *inputs[2:]), ("features",)),)
    chain = (network.recurrent, network.head)
    scripts = ("entities.py", "running.py", "texts.py", "viterbi.py", "words.py")
    facts = {
        "tags": task.labels.classes,
        "scheme": None if settings.scheme == NO_SCHEME else settings.scheme,
        "crf": None if network.crf is None else _scores(network.crf),
        "letters": reader.letters is not None,
        "longest": settings.longest,
        "longest_word": settings.longest_word,
    }
    return Exported(
        (Part("model", wrapped, tuple(inputs), ("scores",)),),
        {"run.py": "run_tag.py", **{name: name for name in scripts}},
        facts,
        {name: text for name, text in task.files().items() if name != "labels.json"},
        None if whole else chain if beside else (network.embedding, *chain),
        beside,
    )


def _scores(crf: CRF) -> dict[str, Any]:
    """Give the scores of a CRF as lists; null stands for what is forbidden."""
    found = {
        "start": (crf.start, crf.allowed_starts),
        "transitions": (crf.transitions, crf.allowed_transitions),
        "end": (crf.end, crf.allowed_ends),
    }
    return {
        name: _or_null((score if mask is None else score.masked_fill(~mask, nan)).tolist())
        for name, (score, mask) in found.items()
    }


def _or_null(values: Any) -> Any:
    if isinstance(values, list):
        return [_or_null(value) for value in values]
    return None if isnan(values) else values
