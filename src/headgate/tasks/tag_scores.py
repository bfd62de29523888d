"""The scores that a tagger is reported by."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.evaluation.scores import Score
from headgate.evaluation.tagging import chunk_f1_by_kind, chunk_scores, tag_accuracy
from headgate.tasks.tag_settings import NO_SCHEME

FEW = 5  # types of chunks, each of which is a score; of more, a note lists them

_Tags = Sequence[Sequence[str]]


def tag_scores(given: _Tags, wanted: _Tags, scheme: str) -> dict[str, Score]:
    """Give the scores of tags.

    Args:
        given: the tags that each sentence was given.
        wanted: the tags that each has.
        scheme: how tags mark chunks, or "none".

    Returns:
        Under a scheme F1, precision and recall of chunks, and where there are few types the F1 of
        each under "f1:" and its name; always the accuracy of tags.
    """
    accuracy = {"accuracy": tag_accuracy(given, wanted)}
    if scheme == NO_SCHEME:
        return accuracy
    found = chunk_scores(given, wanted, scheme=scheme)
    each = {}
    if 1 < len(_kinds(wanted)) <= FEW:
        by_kind = chunk_f1_by_kind(given, wanted, scheme=scheme)
        each = {f"f1:{kind}": score for kind, (score, count) in by_kind.items() if count}
    return found | each | accuracy


def kinds(given: _Tags, wanted: _Tags, scheme: str) -> list[str]:
    """Say the F1 of each type where there are too many for a score each.

    Args:
        given: the tags that each sentence was given.
        wanted: the tags that each has.
        scheme: how tags mark chunks.

    Returns:
        A sentence, or none.
    """
    if len(_kinds(wanted)) <= FEW:
        return []
    by_kind = chunk_f1_by_kind(given, wanted, scheme=scheme)
    listed = ", ".join(f"{kind} {score.value:.3f} ({n})" for kind, (score, n) in by_kind.items())
    return [f"F1 of each type, with the number of its chunks: {listed}"]


def _kinds(wanted: _Tags) -> set[str]:
    return {tag.partition("-")[2] for tags in wanted for tag in tags if tag != "O"}
