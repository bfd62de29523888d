"""From the ids of sources to answers: the search, and what becomes of unknown words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from headgate.data.batches import Batches, pad, restore
from headgate.data.fields import TextField
from headgate.decoding import Hypothesis, Penalties, Rows, beam, greedy
from headgate.models import AttentiveDecoder, EncoderDecoder, Memory
from headgate.tasks.pair_settings import Search

_AT_ONCE = 64  # sources
# Unicode's White_Space, at which a tokenizer of words splits; str.split has four signs more.
_WHITE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")

# From the memory of a batch of sources and the numbers of its rows to hypotheses of each.
Decode = Callable[[Memory, list[int]], list[list[Hypothesis]]]


@torch.inference_mode()
def decoded(
    network: EncoderDecoder, ids: Sequence[list[int]], decode: Decode
) -> list[list[Hypothesis]]:
    """Read sources batch by batch and decode each batch.

    Args:
        network: the network, in evaluation mode.
        ids: of the sources, at least one each.
        decode: how a batch is decoded.

    Returns:
        The hypotheses of each source, in the order of the sources.
    """
    if not ids:
        return []
    device = next(network.parameters()).device
    batches = Batches([len(row) for row in ids], batch_size=_AT_ONCE).in_order()
    found = []
    for rows in batches:
        tokens, lengths = pad([ids[row] for row in rows], TextField.pad)
        found.append(decode(network.encode(tokens.to(device), lengths), rows))
    return restore(batches, found)


def searched(
    network: AttentiveDecoder, memory: Memory, rows: Rows, search: Search
) -> list[list[Hypothesis]]:
    """Search for the best hypotheses.

    Args:
        network: the network, in evaluation mode.
        memory: what ``encode`` gave.
        rows: marks and limits.
        search: how they are looked for.

    Returns:
        For each row its hypotheses, best first.
    """
    penalties = Penalties(search.length_penalty, search.coverage_penalty)
    if search.width == 1 and not search.coverage_penalty:
        found = greedy(network, memory, rows, length_penalty=search.length_penalty)
        return [[hypothesis] for hypothesis in found]
    return beam(
        network, memory, rows, width=search.width, n_best=search.n_best, penalties=penalties
    )


def answer_rows(
    network: AttentiveDecoder, count: int, *, length: int, shortest: int = 0, unknown: bool = True
) -> Rows:
    """Give the marks and limits of answers.

    Args:
        network: that answers.
        count: how many sources there are.
        length: tokens of an answer at most, but ``shortest`` at least.
        shortest: tokens of an answer at least.
        unknown: whether the unknown token may come.

    Returns:
        What a search takes.
    """
    barred = (TextField.pad, TextField.bos)
    return Rows(
        count,
        bos=TextField.bos,
        eos=TextField.eos,
        max_length=max(length, shortest) + 1,
        min_length=shortest,
        barred=barred if unknown else (*barred, TextField.unk),
        device=next(network.parameters()).device,
    )


def words_of(text: str) -> list[str]:
    """Give a text's own words, one for each id that a vocabulary of words gives it.

    Args:
        text: any text.

    Returns:
        The words.
    """
    return [word for word in _WHITE.split(unicodedata.normalize("NFC", text)) if word]


def looked_at(
    network: EncoderDecoder, ids: list[int], hypotheses: Sequence[Hypothesis]
) -> list[list[int]]:
    """Find the source token that each token of each hypothesis looked at most.

    Args:
        network: the network, in evaluation mode, with attention.
        ids: of the source.
        hypotheses: of this source.

    Returns:
        For each hypothesis one place of the source a token.
    """
    device = next(network.parameters()).device
    source = torch.tensor([ids], device=device)
    memory = network.encode(source, torch.tensor([len(ids)]))
    same = torch.zeros(len(hypotheses), dtype=torch.int64, device=device)
    given, _ = pad([[TextField.bos, *each.tokens[:-1]] for each in hypotheses], TextField.pad)
    weights = network.decode(given.to(device), network.select(memory, same))[2]
    assert isinstance(weights, Tensor)
    places = weights.argmax(-1).tolist()
    return [row[: len(each.tokens)] for row, each in zip(places, hypotheses, strict=True)]


def with_copies(
    field: TextField, tokens: Sequence[int], words: Sequence[str], places: Sequence[int]
) -> str:
    """Write words, with one of the source's own for each that is unknown.

    Args:
        field: ids to words.
        tokens: of an answer.
        words: the source's own.
        places: the word of the source that each token looked at most.

    Returns:
        The text.
    """
    pieces = [
        words[place] if token == field.unk else field.decode([token])
        for token, place in zip(tokens, places, strict=True)
    ]
    return " ".join(piece for piece in pieces if piece)
