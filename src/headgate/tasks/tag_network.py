"""A tagger's network, the scheme of its tags, and how it runs over sentences of any length."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from headgate.data.batches import Batches, restore
from headgate.data.examples import Examples
from headgate.data.fields import LabelField
from headgate.errors import DataError
from headgate.layers import CRF, Recurrent
from headgate.layers.tag_schemes import check_scheme, constraints, infer_scheme
from headgate.models.embedding import TokenEmbedding
from headgate.models.tagger import Spelling, Tagger
from headgate.tasks import cells
from headgate.tasks.tag_encoding import Reader
from headgate.tasks.tag_settings import NO_SCHEME, TagSettings

_EVALUATED_AT_ONCE = 128


def scheme_of(tags: Sequence[Sequence[str]], wanted: str) -> str:
    """Tell the scheme of a corpus.

    Args:
        tags: the tags of each sentence.
        wanted: a scheme's name, which is obeyed, or "auto".

    Returns:
        The scheme; "none" where "auto" finds a tag that no scheme has.
    """
    if wanted != "auto":
        return wanted
    try:
        return infer_scheme(tags)
    except DataError:
        return NO_SCHEME


def breach(train: Examples, scheme: str) -> str:
    """Find where a corpus first breaks its scheme.

    Args:
        train: the sentences with their tags.
        scheme: the scheme's name, or "none".

    Returns:
        The place and the rule that is broken; "" where none is.
    """
    if scheme == NO_SCHEME:
        return ""
    for row, tags in enumerate(train.targets):
        try:
            check_scheme([tags], scheme)
        except DataError as error:
            said = str(train.error(str(error).removeprefix("sequence 0, "), row, of="target"))
            # kept with the model, which does not say where its data lay
            return said if train.table is None else said.removeprefix(f"{train.table.path}, ")
    return ""


def build_network(
    settings: TagSettings, reader: Reader, labels: LabelField, *, constrained: bool
) -> Tagger:
    """Build an untrained tagger.

    Args:
        settings: what it is made of.
        reader: the vocabularies.
        labels: the tags.
        constrained: whether a CRF forbids what the scheme forbids.

    Returns:
        The network.

    Raises:
        DataError: a tag is none of the scheme's.
    """
    read, spelling = settings.embedding_size, None
    if reader.letters is not None:
        spelling = Spelling(
            len(reader.letters),
            settings.letter_size,
            settings.spelling_size,
            reader=settings.characters,
        )
        read += spelling.output_size
    allowed = None
    if settings.scheme != NO_SCHEME:
        allowed = constraints(labels.classes, settings.scheme)
    crf = CRF(len(labels), constraints=allowed if constrained else None) if settings.crf else None
    embedding = TokenEmbedding(
        len(reader.words), settings.embedding_size, token_dropout=settings.token_dropout
    )
    frozen = settings.vectors is not None and not settings.train_vectors
    embedding.table.weight.requires_grad_(not frozen)
    recurrent = Recurrent(
        input_size=read,
        hidden_size=settings.hidden_size,
        bidirectional=settings.bidirectional,
        **cells.layer_arguments(settings),
    )
    return Tagger(
        embedding, spelling, recurrent, tags=len(labels), crf=crf, dropout=settings.dropout
    )


@torch.inference_mode()
def tag_ids(
    network: Tagger, reader: Reader, sentences: Sequence[Sequence[str]], *, longest: int
) -> list[list[int]]:
    """Tag sentences; a long one in pieces, each by itself.

    Args:
        network: the tagger, in evaluation mode.
        reader: the vocabularies.
        sentences: the words of each, at least one.
        longest: words of a piece at most.

    Returns:
        The ids of the tags of each sentence.
    """
    if not sentences:
        return []
    pieces = [
        (row, words[start : start + longest])
        for row, words in enumerate(sentences)
        for start in range(0, len(words), longest)
    ]
    encoded = reader.encode([words for _, words in pieces])
    lengths = [len(words) for _, words in pieces]
    batches = Batches(lengths, batch_size=_EVALUATED_AT_ONCE).in_order()
    device = next(network.parameters()).device
    tagged = []
    for rows in batches:
        batch = encoded.batch(rows, device)
        tagged.append(network.decode(network(batch), batch.lengths))
    found: list[list[int]] = [[] for _ in sentences]
    for (row, _), tags in zip(pieces, restore(batches, tagged), strict=True):
        found[row] += tags
    return found
