from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor
from torch.nn import functional

from headgate.data.batches import pad
from headgate.errors import UnknownNameError
from headgate.layers import CRF, Recurrent
from headgate.layers.tag_schemes import constraints
from headgate.models.embedding import TokenEmbedding
from headgate.models.tagger import READERS, Sentences, Spelling, Tagger

TAGS = 3
LETTERS = [[1, 2, 3], [4], [5, 6], [1, 1, 1, 1, 1]]  # of four distinct words
SENTENCES = [[0, 1, 2], [3], [2, 2, 1, 0, 3], [1, 0]]


def batch(rows: Sequence[Sequence[int]]) -> Sentences:
    ids, lengths = pad([[place + 1 for place in row] for row in rows], 0)
    letters, sizes = pad(LETTERS, 0)
    places, _ = pad(rows, 0)
    return Sentences(ids, lengths, letters, sizes, places)


def tagger(reader: str = "recurrent", *, crf: bool = False, cell: str = "lstm") -> Tagger:
    spelling = None if reader == "none" else Spelling(8, 3, 6, reader=reader)
    read = 4 + (0 if spelling is None else spelling.output_size)
    return Tagger(
        TokenEmbedding(6, 4),
        spelling,
        Recurrent(cell, read, 5, bidirectional=True),
        tags=TAGS,
        crf=CRF(TAGS, constraints=constraints(["O", "B-X", "I-X"], "BIO")) if crf else None,
        dropout=0.3,
    ).eval()


@pytest.mark.parametrize("reader", [*READERS, "none"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "lem"])
def test_padding_and_neighbours_change_no_row(reader: str, cell: str) -> None:
    network = tagger(reader, cell=cell)
    together = network(batch(SENTENCES))
    for row, sentence in enumerate(SENTENCES):
        alone = network(batch([sentence]))[:, 0]
        assert_equal(together[: len(sentence), row], alone, "output")


@pytest.mark.parametrize("reader", READERS)
def test_a_word_is_spelt_the_same_beside_longer_ones(reader: str) -> None:
    spelling = Spelling(8, 3, 6, reader=reader).eval()
    letters, sizes = pad(LETTERS, 0)
    found = spelling(letters, sizes)
    assert found.shape == (4, spelling.output_size)
    for word, own in enumerate(LETTERS):
        assert_equal(
            found[word], spelling(torch.tensor([own]), torch.tensor([len(own)]))[0], "output"
        )
    assert not torch.equal(found[0], found[2])


def test_letters_in_another_order_are_another_word() -> None:
    for reader in READERS:
        spelling = Spelling(8, 3, 6, reader=reader).eval()
        one, other = spelling(torch.tensor([[1, 2, 3], [3, 2, 1]]), torch.tensor([3, 3]))
        assert not torch.equal(one, other)


def softmax_loss(scores: Tensor, tags: Sequence[Sequence[int]]) -> Tensor:
    each = [
        functional.cross_entropy(scores[t, row], torch.tensor(tag), reduction="sum")
        for row, own in enumerate(tags)
        for t, tag in enumerate(own)
    ]
    return torch.stack(each).mean()


def test_the_loss_is_a_tokens_mean() -> None:
    network, given = tagger(), batch(SENTENCES)
    tags = [[0, 1, 2], [0], [1, 2, 0, 1, 1], [0, 0]]
    scores = network(given)
    loss = network.loss(scores, pad(tags, 0)[0], given.lengths)
    assert_equal(loss, softmax_loss(scores, tags), "output")
    network = tagger(crf=True)
    scores = network(given)
    loss = network.loss(scores, pad(tags, 0)[0], given.lengths)
    assert network.crf is not None
    alone = [
        network.crf(scores[: len(own), row : row + 1], torch.tensor([own]).T)
        for row, own in enumerate(tags)
    ]
    assert_equal(loss, -torch.cat(alone).sum() / 11, "output")


def test_decoding_is_the_best_tag_or_the_best_path() -> None:
    given = batch(SENTENCES)
    network = tagger()
    scores = network(given)
    found = network.decode(scores, given.lengths)
    for row, sentence in enumerate(SENTENCES):
        assert found[row] == scores[: len(sentence), row].argmax(1).tolist()
    network = tagger(crf=True)
    scores = torch.zeros(5, 4, TAGS)
    scores[..., 2] = 9.0  # every token would be inside, which none may begin with
    found = network.decode(scores, given.lengths)
    assert [path[0] for path in found] == [1, 1, 1, 1]
    assert [len(path) for path in found] == [3, 1, 5, 2]
    assert set(found[2][1:]) == {2}


@pytest.mark.parametrize("crf", [True, False])
def test_every_parameter_learns(crf: bool) -> None:
    network, given = tagger(crf=crf).train(), batch(SENTENCES)
    tags, _ = pad([[0, 1, 2], [0], [1, 2, 0, 1, 1], [0, 0]], 0)
    network.loss(network(given), tags, given.lengths).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_an_unknown_reader_is_said() -> None:
    with pytest.raises(UnknownNameError, match="unknown reader of letters 'cnn'"):
        Spelling(3, 2, 2, reader="cnn")
